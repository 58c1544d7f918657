"""What the specification of 3MF allows and the library does not read, said again as it does: XML in UTF-16, and the
names of parts as seen from the part that refers to them."""

import codecs
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from shapr.converters import archive
from shapr.errors import Refused

MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
BEGINS = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}  # without a mark
WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)  # of UTF-32, which is not allowed
HEAD = 64  # bytes that show it
DECLARED = re.compile(r"(\A\s*<\?xml[^>]*?encoding\s*=\s*[\"'])[^\"']*")
RELATIONS, MAX_RELATIONS = ".rels", 4 << 20  # the end of a name; bytes
RELATIVE = re.compile(rb"""(\sTarget\s*=\s*["'])(?![/#]|[A-Za-z][\w+.-]*:)([^"'<]+)""")
STAMP = (1980, 1, 1, 0, 0, 0)


def readable(path: Path) -> Path:
    """The file itself, or a copy beside it in which all XML is UTF-8 and all parts have their whole names. It was
    verified, as the copy is."""
    with zipfile.ZipFile(path) as source:
        wide = {entry.filename: name for entry in source.infolist() if (name := _encoding(source, entry))}
        known = {entry.filename: anew for entry in source.infolist() if (anew := _absolute(source, entry, wide))}
        if not wide and not known:
            return path
        made = path.with_name(f"{path.name}.utf8")
        total = 0
        with zipfile.ZipFile(made, "w") as copy:  # not packed: then nothing of it expands
            for entry in source.infolist():
                with copy.open(zipfile.ZipInfo(entry.filename, STAMP), "w", force_zip64=True) as out:
                    anew = known.get(entry.filename)
                    for chunk in [anew] if anew else _said(source, entry, wide.get(entry.filename)):
                        total += len(chunk)
                        if total > archive.MAX_TOTAL:
                            raise Refused("decompression_bomb", f"it unpacks to more than {archive.MAX_TOTAL >> 20} MB")
                        out.write(chunk)
    archive.verified(made)  # once more, as the library will see it
    return made


def _encoding(source: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str | None:
    """That of an entry that is XML in UTF-16."""
    with source.open(entry) as content:
        head = content.read(HEAD)
    name = MARKS.get(head[:2]) or BEGINS.get(head[:2])
    if name is None or head.startswith(WIDE):
        return None
    return name if head.decode(name, "ignore").lstrip("\ufeff \t\r\n").startswith("<") else None


def _absolute(source: zipfile.ZipFile, entry: zipfile.ZipInfo, wide: dict[str, str]) -> bytes | None:
    """An entry that says how parts belong together, with their whole names; None where it has them already."""
    if not entry.filename.endswith(RELATIONS) or entry.file_size > MAX_RELATIONS:
        return None
    folder = posixpath.dirname(posixpath.dirname(entry.filename)).encode()
    said = b"".join(_said(source, entry, wide.get(entry.filename)))

    def whole(found: re.Match[bytes]) -> bytes:
        return found[1] + posixpath.normpath(posixpath.join(b"/", folder, found[2].strip()))

    anew, changed = RELATIVE.subn(whole, said)
    return anew if changed else None


def _said(source: zipfile.ZipFile, entry: zipfile.ZipInfo, encoding: str | None) -> Iterator[bytes]:
    with source.open(entry) as content:
        if encoding is None:
            while chunk := content.read(archive.CHUNK):
                yield chunk
            return
        decoder = codecs.getincrementaldecoder(encoding)()
        first = True
        try:
            while chunk := content.read(archive.CHUNK):
                text = decoder.decode(chunk)
                if first:
                    text = DECLARED.sub(r"\1UTF-8", text.removeprefix("\ufeff"))
                    first = False
                yield text.encode()
            decoder.decode(b"", True)
        except UnicodeError:
            raise Refused("corrupt_file", "a part of the 3MF file is not the UTF-16 that it begins as") from None
