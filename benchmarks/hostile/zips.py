"""ZIP uploads: a model with its companions, or something that looks like it."""

import io
import json
import random
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.hostile.gltf import CORNERS, POINTS, square
from benchmarks.hostile.kit import SAMPLES, Bait, Hostile, either, refused

STAMP = (2020, 1, 1, 0, 0, 0)
UNSAFE = ("unsafe_archive", "corrupt_file", "unsupported_format", "format_mismatch")
BOMB = ("decompression_bomb", "unsafe_archive", "limit_exceeded")
OBJ = "mtllib part.mtl\nv 0 0 0\nv 10 0 0\nv 10 10 0\nv 0 10 5\nusemtl red\nf 1 2 3\nf 1 3 4\nf 1 2 4\nf 2 3 4\n"
MTL = "newmtl red\nKd 1 0 0\n"


def archive(entries: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for name, data in entries.items():
            info = zipfile.ZipInfo("x", STAMP)
            info.filename, info.compress_type = name, method  # as it is: the constructor cuts at NUL
            zipped.writestr(info, data)
    return made.getvalue()


def files(bait: Bait) -> Iterator[Hostile]:
    good = archive({"part.obj": OBJ, "part.mtl": MTL})
    yield either("companions.zip", good)
    yield from names(bait)
    yield from references(bait)
    yield from bombs(good)
    yield from containers(good)


def names(bait: Bait) -> Iterator[Hostile]:
    folder = bait.folder
    for way, name in {
        "parent": f"../{folder.name}/written.mtl",
        "absolute": f"{folder}/written.mtl",
        "inner": f"a/../../{folder.name}/written.mtl",
        "drive": "C:\\written.mtl",
        "backslash": f"..\\{folder.name}\\written.mtl",
        "control": "a\nb.mtl",
        "turned": "a\u202elbo.mtl",
        "nul": "a\0b.mtl",
        "empty": "",
        "dot": "./part2.mtl",
        "long": "a" * 300 + ".mtl",
        "deep": "a/" * 400 + "x.mtl",
        "double": "a//b.mtl",
    }.items():
        yield refused(f"slip-{way}.zip", archive({"part.obj": OBJ, name: MTL}), *UNSAFE)
    for way, target in {"file": str(folder / "secret.mtl"), "folder": str(folder)}.items():
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as zipped:
            zipped.writestr(zipfile.ZipInfo("part.obj", STAMP), OBJ)
            link = zipfile.ZipInfo("part.mtl" if way == "file" else "inside", STAMP)
            link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            zipped.writestr(link, target)
            if way == "folder":
                zipped.writestr(zipfile.ZipInfo("inside/written.mtl", STAMP), MTL)
        yield refused(f"link-{way}.zip", made.getvalue(), *UNSAFE)
    device = io.BytesIO()
    with zipfile.ZipFile(device, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo("part.obj", STAMP), OBJ)
        pipe = zipfile.ZipInfo("part.mtl", STAMP)
        pipe.create_system, pipe.external_attr = 3, (stat.S_IFIFO | 0o666) << 16
        zipped.writestr(pipe, "")
    yield refused("pipe.zip", device.getvalue(), *UNSAFE)
    yield from spoken_twice(folder)
    yield refused("folder-and-file.zip", archive({"part.obj": OBJ, "a": "x", "a/b.mtl": MTL}), *UNSAFE)


def spoken_twice(folder: Path) -> Iterator[Hostile]:
    """Archives whose two tables, or two spellings of a name, say different things."""
    good = archive({"part.obj": OBJ, "part.mtl": MTL})
    yield refused("name-differs.zip", good.replace(b"part.mtl", b"../x.mtl", 1), *UNSAFE)
    place = f"../{folder.name}/written.mtl".encode()
    unicode_path = struct.pack("<HHBI", 0x7075, 5 + len(place), 1, zlib.crc32(b"part.mtl")) + place
    yield either("unicode-path.zip", extra("part.mtl", MTL, unicode_path), *UNSAFE)
    sizes = struct.pack("<HHQQQ", 1, 24, *[2**63] * 3)
    yield either("zip64-sizes.zip", extra("part.mtl", MTL, sizes), *UNSAFE, *BOMB)


def extra(name: str, data: str, field: bytes) -> bytes:
    """An archive with an extra field at one of its files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo("part.obj", STAMP), OBJ)
        info = zipfile.ZipInfo(name, STAMP)
        info.extra = field
        zipped.writestr(info, data)
    return made.getvalue()


def references(bait: Bait) -> Iterator[Hostile]:
    """Companions named by the model that are not in the archive: materials are passed over, geometry is refused."""
    for way, place in bait.places("secret.mtl").items():
        obj = OBJ.replace("part.mtl", place)
        yield either(f"mtllib-{way}.zip", archive({"part.obj": obj, "part.mtl": MTL}))
    maps = MTL + f"map_Kd {bait.folder}/secret.png\nmap_Bump -bm 1 http://127.0.0.1:{bait.port}/x.png\n"
    yield either("map-outside.zip", archive({"part.obj": OBJ, "part.mtl": maps}))
    spellings = "".join(f"mtllib {'./' * n}part.mtl\n" for n in range(500))
    yield either("mtllib-many.zip", archive({"part.obj": spellings + OBJ, "part.mtl": MTL * 100_000}))
    document = square()
    for way, place in bait.places("secret.bin").items():
        document["buffers"][0]["uri"] = place
        yield refused(f"buffer-{way}.zip", archive({"part.gltf": json.dumps(document)}), "external_reference", *UNSAFE)
    for way, place in {
        "inside": "part.bin",
        "dot": "./part.bin",
        "folder": "x/../part.bin",
        "host": "//h/part.bin",
    }.items():
        document["buffers"][0]["uri"] = place
        packed = archive({"part.gltf": json.dumps(document), "part.bin": POINTS + CORNERS})
        yield either(f"buffer-{way}.zip", packed, "external_reference", "corrupt_file")
    document["buffers"][0]["uri"] = "part.bin"
    yield refused("buffer-short.zip", archive({"part.gltf": json.dumps(document), "part.bin": "x"}), "corrupt_file")
    step = (SAMPLES / "bracket.step").read_bytes()
    yield refused("two-models.zip", archive({"a.step": step, "b.step": step}), *UNSAFE)
    yield refused("model-of-another-kind.zip", archive({"part.obj": step}), *UNSAFE)
    yield refused("nothing.zip", archive({"readme.txt": "hello", "picture.png": b"\x89PNG"}), *UNSAFE)


def bombs(good: bytes) -> Iterator[Hostile]:
    zeros = bytes(300_000_000)
    yield refused("bomb-companion.zip", archive({"part.obj": OBJ, "part.png": zeros}), *BOMB)
    yield refused("bomb-model.zip", archive({"part.obj": b"v 0 0 0\n" * 40_000_000}), *BOMB)
    inner = archive({"part.obj": OBJ, "zeros": zeros})
    for _ in range(3):
        inner = archive({f"{n}.zip": inner for n in range(4)})
    yield refused("nested.zip", inner, *UNSAFE)
    yield refused("nested-model.zip", archive({"inner.zip": good}), *UNSAFE)
    yield refused("entries.zip", archive({"part.obj": OBJ, **{f"f{n}": "" for n in range(5000)}}), *BOMB, *UNSAFE)
    same = bytearray(good)
    at = good.index(b"PK\x01\x02", good.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", same, at + 42, 0)
    yield refused("overlapping.zip", bytes(same), *UNSAFE)
    lying = bytearray(good)
    struct.pack_into("<I", lying, good.index(b"PK\x01\x02") + 24, 5)
    yield refused("size-lies.zip", bytes(lying), *UNSAFE)


def containers(good: bytes) -> Iterator[Hostile]:
    secret = bytearray(good)
    for sign, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = good.find(sign)
        while at >= 0:
            secret[at + offset] |= 1
            at = good.find(sign, at + 4)
    yield refused("encrypted.zip", bytes(secret), *UNSAFE)
    yield refused("bzip2.zip", archive({"part.obj": OBJ}, zipfile.ZIP_BZIP2), *UNSAFE)
    yield refused("lzma.zip", archive({"part.obj": OBJ}, zipfile.ZIP_LZMA), *UNSAFE)
    for part in range(1, 5):
        yield refused(f"cut-{part}.zip", good[: len(good) * part // 5], *UNSAFE)
    for number in range(8):
        chance = random.Random(f"zip{number}")
        bad = bytearray(good)
        for _ in range(6):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        yield either(f"flipped-{number}.zip", bytes(bad), *UNSAFE, *BOMB, "no_geometry", "invalid_geometry")
    yield refused("empty.zip", b"", "empty_file", *UNSAFE)
    yield refused("no-entries.zip", archive({}), *UNSAFE)
    yield refused("pdf-before.zip", b"%PDF-1.7\n" + good, *UNSAFE)
    yield refused("twice.zip", good + good, *UNSAFE)
    yield refused("comment.zip", good[:-2] + struct.pack("<H", 65535) + b"PK\x05\x06" * 16_000, *UNSAFE)
