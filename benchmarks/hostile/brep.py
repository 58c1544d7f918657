"""BREP files that lie and loop. The kernel reads both forms without a check."""

import re
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from OCP.BinTools import BinTools
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCylinder
from OCP.BRepTools import BRepTools

from benchmarks.hostile.kit import BROKEN, Bait, Hostile, blobs, cut, either, flipped, refused

PARSE = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded")
SECTIONS = (
    "Locations",
    "Curve2ds",
    "Curves",
    "Polygon3D",
    "PolygonOnTriangulations",
    "Surfaces",
    "Triangulations",
    "TShapes",
)


def cylinder() -> tuple[str, bytes]:
    """A cylinder as text and as binary."""
    shape = BRepPrimAPI_MakeCylinder(5, 10).Shape()
    with tempfile.TemporaryDirectory() as folder:
        text, binary = Path(folder, "text"), Path(folder, "binary")
        BRepTools.Write_s(shape, str(text))
        BinTools.Write_s(shape, str(binary))
        return text.read_text(), binary.read_bytes()


def changed(text: str, pattern: str, to: str, count: int = 1) -> str:
    made, found = re.subn(pattern, to, text, count=count, flags=re.MULTILINE)
    if not found:
        raise AssertionError(f"the cylinder has no {pattern}")
    return made


def files(_: Bait) -> Iterator[Hostile]:
    text, binary = cylinder()
    raw = text.encode()
    yield from blobs("brep")
    yield from cut("cylinder", "brep", raw, 6, *BROKEN)
    yield from cut("binary", "brep", binary, 6, *BROKEN)
    yield from flipped("cylinder", "brep", raw, 6, *PARSE, "format_mismatch")
    yield from flipped("binary", "brep", binary, 10, *PARSE, "format_mismatch")
    yield from texts(text)
    yield from binaries(binary)


def texts(text: str) -> Iterator[Hostile]:
    for section in SECTIONS:
        for name, count in {
            "huge": "2000000000",
            "overflow": "99999999999999999999",
            "negative": "-7",
            "more": "40",
        }.items():
            if section in ("Locations", "TShapes", "Curves", "Surfaces") or name == "huge":
                yield either(
                    f"count-{section.lower()}-{name}.brep",
                    changed(text, f"^{section} \\d+", f"{section} {count}"),
                    *PARSE,
                )
    yield either("location-of-itself.brep", changed(text, r"^Locations \d+", "Locations 1\n2 1 1 0"), *PARSE)
    yield either("location-forward.brep", changed(text, r"^Locations \d+", "Locations 2\n2 2 1 0\n2 1 1 0"), *PARSE)
    yield either(
        "location-power.brep",
        changed(text, r"^Locations \d+", "Locations 2\n1\n1 0 0 1\n0 1 0 0\n0 0 1 0\n2 1 2000000000 0"),
        *PARSE,
    )
    nested = "".join(f"2 {n} 2 {n} 2 0\n" for n in range(1, 40))
    yield either(
        "location-bomb.brep",
        changed(text, r"^Locations \d+", f"Locations 40\n1\n1 0 0 1\n0 1 0 0\n0 0 1 0\n{nested}"),
        *PARSE,
        "decompression_bomb",
    )
    whole = text[: text.rindex("+1 0")]
    yield either("shape-out-of-range.brep", whole + "+999999 0 \n", *PARSE)
    yield either("shape-negative.brep", whole + "+-5 0 \n", *PARSE)
    yield either("shape-zero.brep", whole + "+0 0 \n", *PARSE)
    first = re.search(r"^([+-])(\d+) (\d+) ([+-])", text, re.MULTILINE)
    if not first:
        raise AssertionError("the cylinder has no sub-shape")
    yield either("child-of-itself.brep", text[: first.start()] + "+12 0 -" + text[first.end() :], *PARSE)
    yield either("child-forward.brep", text[: first.start()] + "+1 0 -" + text[first.end() :], *PARSE)
    yield either("child-out-of-range.brep", text[: first.start()] + "+99999 0 +" + text[first.end() :], *PARSE)
    yield either(
        "location-out-of-range.brep", text[: first.start()] + f"+{first[2]} 99999 +" + text[first.end() :], *PARSE
    )
    curve = "7 0 0 {degree} {poles} {knots} 0 0 0 1 0 0 0 1 1 2 "
    for name, values in {
        "degree-huge": {"degree": "1000000000", "poles": "2", "knots": "2"},
        "degree-negative": {"degree": "-3", "poles": "2", "knots": "2"},
        "poles-huge": {"degree": "1", "poles": "2000000000", "knots": "2"},
        "poles-negative": {"degree": "1", "poles": "-2", "knots": "2"},
        "knots-huge": {"degree": "1", "poles": "2", "knots": "2000000000"},
        "knots-overflow": {"degree": "1", "poles": "2", "knots": "99999999999999"},
    }.items():
        yield either(
            f"curve-{name}.brep",
            changed(text, r"^Curves (\d+)\n.*$", r"Curves \1\n" + curve.format(**values)),
            *PARSE,
            "out_of_memory",
        )
    bezier = changed(text, r"^Curves (\d+)\n.*$", r"Curves \1\n6 0 2000000000 0 0 0 1 1 1 ")
    yield either("curve-bezier-huge.brep", bezier, *PARSE, "out_of_memory")
    trimmed = changed(text, r"^Curves (\d+)\n", r"Curves \1\n" + "8 0 1\n" * 100_000)
    yield either("curve-nested.brep", trimmed, *PARSE)
    offset = changed(text, r"^Surfaces (\d+)\n", r"Surfaces \1\n" + "11 1\n" * 100_000)
    yield either("surface-nested.brep", offset, *PARSE)
    surface = changed(text, r"^Surfaces (\d+)\n.*$", r"Surfaces \1\n9 0 0 0 0 3 3 60000 60000 2 2 0 0 0")
    yield either("surface-poles-huge.brep", surface, *PARSE, "out_of_memory")
    yield either("surface-type-unknown.brep", changed(text, r"^Surfaces (\d+)\n.*$", r"Surfaces \1\n77 0 0"), *PARSE)
    mesh = changed(text, r"^Triangulations \d+ *\n", "Triangulations 1\n2000000000 2000000000 0 0\n0 0 0\n")
    yield either("triangulation-huge.brep", mesh, *PARSE, "out_of_memory")
    for name, number in {"1e999": "1e999", "nan": "nan", "huge": "1e308", "words": "zero"}.items():
        yield either(f"number-{name}.brep", re.sub(r"\b5\b", number, text), *PARSE)
    yield either("line-10-mb.brep", changed(text, r"^Curves \d+", "Curves" + " " * 10_000_000 + "3"), *PARSE)
    yield either("header-twice.brep", text + text, *PARSE)
    yield either("sections-swapped.brep", text.replace("Curves", "X").replace("Surfaces", "Curves"), *PARSE)
    yield either(
        "version-unknown.brep",
        text.replace("Topology V1", "Topology V9").replace("Topology V3", "Topology V9"),
        *PARSE,
        "format_mismatch",
    )
    yield refused("utf-16.brep", text.encode("utf-16"), *PARSE, "format_mismatch")


def binaries(binary: bytes) -> Iterator[Hostile]:
    """The counts of the binary form are decimal; what they count is not."""
    for section in ("Locations", "Curve2ds", "Curves", "Polygon3D", "Surfaces", "Triangulations", "TShapes"):
        for name, count in {
            "huge": b"2000000000",
            "negative": b"-7",
            "overflow": b"99999999999999999999",
            "more": b"99",
        }.items():
            lie, found = re.subn(rb"\b%s \d+" % section.encode(), section.encode() + b" " + count, binary, count=1)
            if found and (name != "more" or section in ("Curves", "TShapes")):
                yield either(f"binary-{section.lower()}-{name}.brep", lie, *PARSE, "out_of_memory")
    for name, tail in {"huge": struct.pack("<ii", 2**31 - 1, 0), "negative": struct.pack("<ii", -9, -9)}.items():
        yield either(f"binary-shape-{name}.brep", binary[: -len(tail)] + tail, *PARSE)
    for name, curve in {
        "poles-huge": b"\x07\0\0" + struct.pack("<iii", 3, 2_000_000_000, 2),
        "degree-huge": b"\x07\0\0" + struct.pack("<iii", 2_000_000_000, 2, 2),
        "knots-huge": b"\x07\0\0" + struct.pack("<iii", 1, 2, 2_000_000_000),
        "bezier-huge": b"\x06\0" + struct.pack("<i", 2_000_000_000),
        "nested": b"\x08" + struct.pack("<dd", 0.0, 1.0) * 20_000,
        "trimmed-nested": (b"\x08" + struct.pack("<dd", 0.0, 1.0)) * 100_000,
    }.items():
        head = re.search(rb"\bCurves \d+\n", binary)
        if not head:
            raise AssertionError("no curves")
        yield either(
            f"binary-curve-{name}.brep", binary[: head.end()] + curve + binary[head.end() :], *PARSE, "out_of_memory"
        )
    yield either("binary-backwards.brep", binary[:60] + binary[60:][::-1], *PARSE)
    yield either("binary-ones.brep", binary[:200] + b"\xff" * (len(binary) - 200), *PARSE)
    yield either("binary-zeros.brep", binary[:200] + bytes(len(binary) - 200), *PARSE)
    unknown = binary.replace(b"Topology V4", b"Topology V9")
    yield either("binary-version-unknown.brep", unknown, *PARSE, "format_mismatch")
