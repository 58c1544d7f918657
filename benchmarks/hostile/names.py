"""Names that want to be more than names, files of two kinds at once, and masses of small things."""

import json
import struct
from collections.abc import Iterator
from typing import Any

from benchmarks.hostile.brep import cylinder
from benchmarks.hostile.gltf import glb, square
from benchmarks.hostile.kit import SAMPLES, Bait, Hostile, either, refused
from benchmarks.hostile.package import mesh, model, package

CORNERS = "v 0 0 0\nv 10 0 0\nv 10 10 0\nv 0 10 5\n"
SOLID = CORNERS + "f 1 3 2\nf 1 4 3\nf 1 2 4\nf 2 3 4\n"
TOO_MANY = ("limit_exceeded", "decompression_bomb")
NAMES = {
    "lines": "a\nv 9 9 9\nf 1 2 3",
    "returns": "a\rusemtl b\r\nmtllib c.mtl",
    "step": "a');\n#1=CARTESIAN_POINT('',(0.,0.,0.));ENDSEC;",
    "quotes": "a'b''c\"d\\e\\X2\\D800\\X0\\\\S\\",
    "turned": "\u202egnp.exe\u2066\u200f",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028",
    "nul": "a\0b",
    "surrogate": "a\ud800b",
    "markup": "<script>alert(1)</script>&amp;]]>%n%s{0}",
    "path": "../../../../etc/passwd",
    "long": "n" * 1_000_000,
    "planes": "\U0001f600" * 500,
    "blank": " \t ",
}


def files(bait: Bait) -> Iterator[Hostile]:
    yield from named()
    yield from called()
    yield from both(bait)
    yield from masses()


def named() -> Iterator[Hostile]:
    for way, name in NAMES.items():
        raw = name.encode("utf-8", "surrogatepass")
        line = raw.replace(b"\n", b"\x0b").replace(b"\r", b"\x0c")  # what a line can hold
        yield either(
            f"name-{way}.obj",
            b"o %b\ng %b\nusemtl %b\n" % (line, line, line) + SOLID.encode(),
            "format_mismatch",
            "corrupt_file",
        )
        facet = b"facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
        yield either(f"name-{way}.stl", b"solid %b\n" % line + facet * 4 + b"endsolid\n", "corrupt_file")
        document = square(nodes=[{"mesh": 0, "name": name}], materials=[{"name": name}])
        document["meshes"][0] |= {"name": name}
        document["meshes"][0]["primitives"][0]["material"] = 0
        yield either(f"name-{way}.glb", glb(document), "corrupt_file")
        escaped = "".join(f"&#{ord(c)};" for c in name if ord(c) > 31 and not 0xD800 <= ord(c) < 0xE000)[:2_000_000]
        inside = f'<object id="1" type="model" name="{escaped}">{mesh()}</object>'
        yield either(f"name-{way}.3mf", package(model(inside)), "corrupt_file", "xml_forbidden", *TOO_MANY)
        step = (SAMPLES / "assembly.step").read_bytes()
        begin = step.index(b"PRODUCT('") + 9
        end = step.index(b"'", begin)
        quoted = raw.replace(b"'", b"''")
        yield either(f"name-{way}.step", step[:begin] + quoted + step[end:], "corrupt_file", "no_geometry")


def called() -> Iterator[Hostile]:
    """The file's own name."""
    for way, name in {
        "quote": "a'b",
        "lines": "a\nb",
        "turned": "\u202ea",
        "blank": " ",
        "dots": "..",
        "format": "%s{0}",
    }.items():
        for extension in ("step", "stl"):
            yield either(f"{name}-{way}.{extension}", (SAMPLES / f"bracket.{extension}").read_bytes())
    yield either("n" * 200 + ".obj", SOLID)
    yield either("\U0001f600\u00e9.obj", SOLID)


def both(bait: Bait) -> Iterator[Hostile]:
    """Files that begin as one thing and are another."""
    kinds = {
        "png": b"\x89PNG\r\n\x1a\n",
        "gif": b"GIF89a",
        "jpeg": b"\xff\xd8\xff\xe0",
        "pdf": b"%PDF-1.7\n",
        "elf": b"\x7fELF\x02\x01\x01",
        "gzip": b"\x1f\x8b\x08\x00",
        "zip": b"PK\x03\x04",
        "html": b"<!DOCTYPE html><script>x</script>\n",
        "shell": f"#!/bin/sh\ntouch {bait.folder}/x\n".encode(),
        "sqlite": b"SQLite format 3\0",
    }
    bodies = {"step": (SAMPLES / "bracket.step").read_bytes(), "stl": (SAMPLES / "bracket.stl").read_bytes()}
    bodies |= {"iges": (SAMPLES / "bracket.iges").read_bytes(), "brep": cylinder()[0].encode(), "obj": SOLID.encode()}
    codes = ("format_mismatch", "corrupt_file", "no_geometry")
    for what, head in kinds.items():
        for extension, body in bodies.items():
            # OBJ passes over lines that it does not know.
            make = either if extension == "obj" and what == "shell" else refused
            yield make(f"both-{what}.{extension}", head + body, *codes)
        yield either(f"tail-{what}.stl", bodies["stl"] + head * 20, *codes)
        yield refused(f"garbage-{what}.shapr", head * 500, "unsupported_format", *codes)
    yield either("zip-step.step", bodies["step"] + package(model()), *codes)
    yield refused("step-zip.3mf", bodies["step"] + package(model()), "unsafe_archive", *codes)


def masses() -> Iterator[Hostile]:
    yield either("materials-500-000.obj", SOLID + "".join(f"usemtl {n}\n" for n in range(500_000)), *TOO_MANY)
    yield either("objects-1-000-000.obj", SOLID + "o\n" * 500_000 + "o x\no y\n" * 250_000, *TOO_MANY)
    yield either("mtllib-200-000.obj", "".join(f"mtllib {n}.mtl\n" for n in range(200_000)) + SOLID, *TOO_MANY)
    nodes: list[Any] = [{"mesh": 0, "children": list(range(1, 1_000_000))}, *[{}] * 999_999]
    yield either("nodes-1-000-000.glb", glb(square(nodes=nodes)), *TOO_MANY)
    moved: list[Any] = [{"children": list(range(1, 20_000))}, *[{"mesh": 0, "translation": [1, 2, 3]}] * 19_999]
    yield either("nodes-20-000.glb", glb(square(nodes=moved)), *TOO_MANY)
    objects = "".join(f'<object id="{n}" type="model">{mesh()}</object>' for n in range(1, 60_001))
    items = "".join(f'<item objectid="{n}"/>' for n in range(1, 60_001))
    yield refused("objects-60-000.3mf", package(model(objects, items)), *TOO_MANY)
    yield refused("items-200-000.3mf", package(model(build='<item objectid="1"/>' * 200_000)), *TOO_MANY)
    head = (
        "ply\nformat binary_little_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "element face {}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    points = struct.pack("<12f", 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1)
    both_ = struct.pack("<B3i", 3, 0, 1, 2) + struct.pack("<B4i", 4, 0, 1, 2, 3)
    yield either("mixed-200-000.ply", head.format(200_000).encode() + points + both_ * 100_000, *TOO_MANY)
    yield refused(
        "faces-of-nothing.ply", head.format(20_000_000).encode() + points + bytes(20_000_000), "no_geometry", *TOO_MANY
    )
    yield refused("header-spaces.stl", b"# " * 32_000 + b"x" + bytes(100), "format_mismatch", "corrupt_file")
    yield refused("header-comments.step", b"/**/" * 100_000, "format_mismatch", "corrupt_file")
    yield refused("header-blanks.iges", b"a" * 72 + b"S" + b" " * 100_000, "format_mismatch", "corrupt_file")
    yield either("solid-blanks.stl", b"solid x" + b" " * 4_000_000 + b"y\nendsolid\n", "no_geometry", "corrupt_file")
    step = (SAMPLES / "bracket.step").read_bytes()
    at = step.index(b"DATA;") + 5
    counts = b"#999999=B_SPLINE_CURVE_WITH_KNOTS('',3,(" + b"1000000.,1000000," * 400_000 + b"));"
    yield refused("counts-in-one.step", step[:at] + counts + step[at:], "corrupt_file")
    open_ = b"#9=NEXT_ASSEMBLY_USAGE_OCCURRENCE(#1,#2\n" * 100_000
    yield either(
        "records-open.step", step[:at] + open_ + step[at:], "corrupt_file", "invalid_geometry", "limit_exceeded"
    )
    documents = b"#8=(" + b"DOCUMENT_FILE DOCUMENT_REFERENCE " * 100_000 + b");"
    yield either("documents-in-one.step", step[:at] + documents + step[at:], "corrupt_file", "external_reference")
    yield either("json-deep-names.gltf", json.dumps(square(extras={"x": ["y"] * 500_000})), "corrupt_file")
