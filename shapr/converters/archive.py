"""ZIP containers, distrusted: a model with its companions in one upload, and the inside of 3MF.

The directory at the end says what there is. It is checked as a whole before anything is unpacked, and unpacking gives
no entry more bytes than it announced. The API sees only the end of an upload: `main_format` is all it needs. No kernel.
"""

import io
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from shapr.converters import xmlcheck
from shapr.converters.formats import ALIASES, FORMATS, Sources
from shapr.converters.progress import Reach, silent
from shapr.errors import Refused

SUFFIX, MEDIA_TYPE = ".zip", "application/zip"
TAIL = 1 << 20  # bytes at the end of the file in which the directory must lie
MAX_ENTRIES = 2000
MAX_TOTAL = 2 << 30  # bytes of everything unpacked
MAX_RATIO, SMALL = 200, 16 << 20  # how far an entry may expand, once it is larger than that many bytes
END, LOCAL, LOCATOR = b"PK\x05\x06", b"PK\x03\x04", b"PK\x06\x07"  # the last: of an end with larger numbers
LOCAL_HEADER = 30  # bytes before an entry's name
UTF8 = 0x800
ENCRYPTED = 0x1 | 0x40 | 0x2000
ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # controls, and what turns text around
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
JUNK = {".ds_store", "thumbs.db", "desktop.ini"}
XML = {".xml", ".rels", ".model"}  # other entries are XML if they look like it
CHUNK = 1 << 20

T = TypeVar("T")
Entries = Sequence[zipfile.ZipInfo]


def is_archive(source_name: str) -> bool:
    """Whether a source is a ZIP of a model with its companions, by its name."""
    return source_name.lower().endswith(SUFFIX)


def main_format(tail: bytes, sources: Sources) -> str:
    """The format of the one model in an archive, whose last `TAIL` bytes these are (all of a shorter one)."""
    entry = main_entry(directory(tail), sources)
    return ALIASES[_extension(entry)]


def main_entry(entries: Entries, sources: Sources) -> zipfile.ZipInfo:
    """The model; `unsupported_format` if there is none that we read, or more than one."""
    models = [each for each in entries if not _junk(each) and ALIASES.get(_extension(each)) in sources]
    if not models:
        raise Refused("unsupported_format", f"the archive holds no model; readable: {', '.join(sources)}")
    if len(models) > 1:
        raise Refused("unsupported_format", f"the archive holds {len(models)} models: pack one, with its companions")
    model = models[0]
    if sources[ALIASES[_extension(model)]] != "built-in":
        raise Refused("unsupported_format", "a plugged-in converter reads this format here: upload the file itself")
    return model


def unpacked(source: Path, source_format: str, source_name: str, folder: Path) -> Path:
    """The file to read: the source itself, or, of an archive, its model, unpacked into `folder` with its companions. A
    B-Rep stands alone: what lies beside it would be taken for a copy of it that was looked at.

    `format_mismatch` if the model is not of the format that the end of the file promised.
    """
    if not is_archive(source_name):
        return source
    with source.open("rb") as file:
        if not file.read(len(LOCAL)):
            raise Refused("empty_file", "the file has no bytes")
    entries = opened(source)
    model = main_entry(entries, dict.fromkeys(ALIASES.values(), "built-in"))
    if ALIASES[_extension(model)] != source_format:
        raise Refused("format_mismatch", f"the archive holds no {source_format.upper()} file")
    folder.mkdir()
    with zipfile.ZipFile(source) as archive:
        for entry in [model] if FORMATS[source_format].kind == "brep" else entries:
            if not _junk(entry):
                _extract(archive, entry, folder / _name(entry))
    return folder / _name(model)


def opened(path: Path) -> Entries:
    """The checked directory of a file."""
    with path.open("rb") as file:
        head = file.read(len(LOCAL))
        skipped = max(0, path.stat().st_size - TAIL)
        file.seek(skipped)
        checked = directory(file.read())
    entries, _ = _listed(path)  # the library knows where each of these ends, not only of the last bytes
    if [_place(each, skipped) for each in checked] != [_place(each) for each in entries]:
        raise Refused("unsafe_archive", "the archive's directory can be read in two ways")
    if head != LOCAL or min(each.header_offset for each in entries) != 0:
        raise Refused("unsafe_archive", "something else lies before the archive")
    return entries


def verified(path: Path, reach: Reach = silent) -> Entries:
    """The checked directory, once every entry was unpacked for a look: sizes and checksums hold, XML is harmless."""
    entries = opened(path)
    total, done = max(sum(each.file_size for each in entries), 1), 0
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            look = xmlcheck.Look(PurePosixPath(_name(entry)).suffix.lower() in XML)
            with _read(archive, entry) as content:
                while chunk := _guarded(content.read):
                    look.at(chunk)
                    done += len(chunk)
                    reach(done / total)
    return entries


def _place(entry: zipfile.ZipInfo, skipped: int = 0) -> tuple[str, int, int, int]:
    return entry.orig_filename, entry.header_offset + skipped, entry.compress_size, entry.file_size


def directory(tail: bytes) -> Entries:
    """The entries that the end of an archive lists; refuses what is not safe to unpack, in any order of reading."""
    if tail.count(END, max(0, len(tail) - (1 << 16) - 22)) != 1:
        raise Refused("corrupt_file", "the archive has no end, or more than one")
    entries, start = _listed(io.BytesIO(tail))
    if len(entries) > MAX_ENTRIES:
        raise Refused("unsafe_archive", f"the archive has {len(entries)} entries; {MAX_ENTRIES} are allowed")
    if not entries:
        raise Refused("unsafe_archive", "the archive is empty")
    end = tail.rindex(END)
    (counted,) = struct.unpack_from("<H", tail, end + 10)
    if counted != len(entries) and not (counted == 0xFFFF and tail[max(0, end - 20) : end].startswith(LOCATOR)):
        raise Refused("corrupt_file", "the archive has other entries than its end counts")
    for entry in entries:
        _check(entry)
    _check_names(entries)
    _check_places(entries, start)
    if sum(each.file_size for each in entries) > MAX_TOTAL:
        raise Refused("decompression_bomb", f"the archive unpacks to more than {MAX_TOTAL >> 20} MB")
    return entries


def _listed(file: Path | IO[bytes]) -> tuple[Entries, int]:
    """What the directory lists, and where it begins."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, struct.error, ValueError, OSError):
        raise Refused("corrupt_file", "the archive's directory cannot be read, or is too long") from None


def _check(entry: zipfile.ZipInfo) -> None:
    name = _name(entry)
    if entry.flag_bits & ENCRYPTED:
        raise Refused("unsafe_archive", "the archive is encrypted")
    if entry.compress_type not in METHODS:
        raise Refused("unsafe_archive", "an entry is packed by another method than deflate")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("unsafe_archive", "an entry is a link or a device")
    parts = name.removesuffix("/").split("/")
    odd = "\\" in name or ":" in parts[0] or ODD.search(name) is not None
    if odd or any(part in ("", ".", "..") for part in parts) or any(len(part.encode()) > 255 for part in parts):
        raise Refused("unsafe_archive", "an entry's name is absolute, leads elsewhere or is not a plain name")
    if len(name) > 1000 or len(parts) > 50:
        raise Refused("unsafe_archive", "an entry lies too deep")
    if entry.file_size > SMALL and entry.file_size > MAX_RATIO * entry.compress_size:
        raise Refused("decompression_bomb", f"an entry expands more than {MAX_RATIO} times")


def _check_names(entries: Entries) -> None:
    files = {_name(each) for each in entries if not each.is_dir()}
    if len({_name(each) for each in entries}) < len(entries):
        raise Refused("unsafe_archive", "two entries have the same name")
    for entry in entries:
        parents = map(str, PurePosixPath(_name(entry)).parents)
        if any(parent in files for parent in parents) or (_name(entry).removesuffix("/") in files and entry.is_dir()):
            raise Refused("unsafe_archive", "an entry is a file and a folder at once")


def _check_places(entries: Entries, start: int) -> None:
    """No two entries share bytes: small archives expand without end by that."""
    ordered = sorted(entries, key=lambda each: each.header_offset)
    following = [*(each.header_offset for each in ordered[1:]), start]
    for entry, limit in zip(ordered, following, strict=True):
        if entry.header_offset + LOCAL_HEADER + entry.compress_size > limit:
            raise Refused("unsafe_archive", "entries overlap")


def _name(entry: zipfile.ZipInfo) -> str:
    """As it was meant: some, macOS among them, write UTF-8 without saying so."""
    name = entry.orig_filename
    if entry.flag_bits & UTF8:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _junk(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what file managers leave behind."""
    path = PurePosixPath(_name(entry))
    return entry.is_dir() or "__MACOSX" in path.parts or path.name.startswith("._") or path.name.lower() in JUNK


def _extension(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(_name(entry)).suffix.lower().removeprefix(".")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _read(archive, entry) as content, target.open("xb") as out:
        _guarded(lambda _: shutil.copyfileobj(content, out, CHUNK))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    return _guarded(lambda _: archive.open(entry))


def _guarded(read: Callable[[int], T]) -> T:
    """What damaged content raises, in our words."""
    try:
        return read(CHUNK)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, UnicodeDecodeError):
        raise Refused("corrupt_file", "an entry of the archive is damaged") from None
