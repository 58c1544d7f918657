"""STL, OBJ, PLY and OFF files that lie, overflow, or name other files."""

import struct
from collections.abc import Iterator

from benchmarks.hostile.kit import BROKEN, SAMPLES, Bait, Hostile, blobs, cut, either, flipped, refused

PARSE = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded")
NUMBERS = {
    "nan": "nan",
    "inf": "inf",
    "1e999": "1e999",
    "1e308": "1e308",
    "denormal": "1e-320",
    "digits": "9" * 50_000,
    "hex": "0x1p3",
}
SQUARE = ("0 0 0", "10 0 0", "10 10 0", "0 10 0")


def files(bait: Bait) -> Iterator[Hostile]:
    yield from stl()
    yield from obj(bait)
    yield from ply()
    yield from off()


def stl() -> Iterator[Hostile]:
    raw = (SAMPLES / "bracket.stl").read_bytes()
    yield from blobs("stl")
    yield from cut("bracket", "stl", raw, 3, *BROKEN)
    yield from flipped("bracket", "stl", raw, 3, *PARSE)
    for name, count in {"huge": 2**32 - 1, "more": 5000, "fewer": 3, "none": 0}.items():
        codes = ("no_geometry", *BROKEN) if name == "none" else BROKEN
        yield refused(f"count-{name}.stl", raw[:80] + struct.pack("<I", count) + raw[84:], *codes)
    for name, value in {"nan": float("nan"), "inf": float("inf"), "huge": 3e38}.items():
        yield refused(f"{name}.stl", raw[:84] + struct.pack("<12fH", *[value] * 12, 0) * 100 + raw[84:-5000], *PARSE)
    yield refused(
        "all-nan.stl",
        bytes(80) + struct.pack("<I", 9) + struct.pack("<12fH", *[float("nan")] * 12, 0) * 9,
        "invalid_geometry",
        "no_geometry",
    )
    yield refused(
        "points-only.stl",
        bytes(80) + struct.pack("<I", 99) + struct.pack("<12fH", *[1.0] * 12, 0) * 99,
        "no_geometry",
        "invalid_geometry",
    )
    yield either("solid-binary.stl", b"solid" + raw[5:], *PARSE)
    facet = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex {} 1 0\nendloop\nendfacet\n"
    for name, number in NUMBERS.items():
        yield either(f"ascii-{name}.stl", f"solid x\n{facet.format(number) * 20}endsolid x\n", *PARSE)
    yield refused(
        "ascii-open.stl", f"solid x\n{facet.format(0) * 20}facet normal 0 0 1\nouter loop\nvertex 0 0", *BROKEN
    )
    yield either(
        "ascii-vertices-four.stl",
        "solid x\n" + facet.format(0).replace("endloop", "vertex 5 5 5\nendloop") * 20 + "endsolid\n",
        *PARSE,
    )
    yield either("ascii-nested.stl", "solid x\n" + "outer loop\n" * 300_000 + "endsolid\n", *PARSE)
    yield either("ascii-line-10-mb.stl", "solid " + "A" * 10_000_000 + "\n" + facet.format(0) + "endsolid\n", *PARSE)
    yield refused(
        "png-zip.stl", b"\x89PNG\r\n\x1a\n" + bytes(200) + b"PK\x03\x04" + bytes(500), "format_mismatch", *BROKEN
    )
    yield refused("step-named.stl", (SAMPLES / "bracket.step").read_bytes(), "format_mismatch")
    swapped = bytearray(raw)
    swapped[80:84] = swapped[80:84][::-1]
    yield refused("big-endian.stl", bytes(swapped), *PARSE)


def obj(bait: Bait) -> Iterator[Hostile]:
    head = "".join(f"v {v}\n" for v in SQUARE)
    good = head + "f 1 2 3 4\n"
    yield from blobs("obj")
    yield from cut("bits", "obj", (head + "f 1 2 3\nf 1 3 4\nv 0 0 5\n" * 50).encode(), 0)
    for name, face in {
        "zero": "0 1 2",
        "beyond": "1 2 99",
        "negative-beyond": "-1 -2 -99",
        "2-31": "1 2 2147483648",
        "2-64": "1 2 18446744073709551617",
        "digits": "1 2 " + "9" * 100_000,
        "texture-beyond": "1/99 2/99 3/99",
        "words": "a b c",
        "float": "1.5 2 3",
        "two": "1 2",
        "slashes": "1//// 2//// 3////",
    }.items():
        yield either(f"face-{name}.obj", head + f"f {face}\n", *PARSE)
    for name, number in NUMBERS.items():
        yield either(f"number-{name}.obj", head.replace("10 10 0", f"10 {number} 0") + "f 1 2 3 4\n", *PARSE)
    yield either("polygon-300-000.obj", head + "f " + " ".join(str(n % 4 + 1) for n in range(300_000)) + "\n", *PARSE)
    ring = "".join(f"v {n % 1000} {n // 1000} {n % 7}\n" for n in range(60_000))
    yield either(
        "polygon-wide.obj", ring + "f " + " ".join(map(str, range(1, 60_001))) + "\n", *PARSE, "conversion_timeout"
    )
    yield either("vertices-without-faces.obj", head * 1000, *PARSE)
    yield either("groups-200-000.obj", head + "".join(f"g {n}\nf 1 2 3\n" for n in range(200_000)), *PARSE)
    yield either("line-10-mb.obj", good + "#" + "A" * 10_000_000 + "\n", *PARSE)
    yield either("continued.obj", head + "f 1 2 \\\n" * 200_000 + "3\n", *PARSE)
    yield either("continued-end.obj", good + "f 1 2 3 \\\n", *PARSE)
    yield either("nul-bytes.obj", good.encode() + b"\0\0v 0 0 0\nf 1 2 3\n", *PARSE, "format_mismatch")
    yield refused("utf-16.obj", good.encode("utf-16"), *PARSE, "format_mismatch")
    yield either("names.obj", head + "o ../../../etc/passwd\ng $(id)\nusemtl <b>%n</b>\n" + "f 1 2 3 4\n", *PARSE)
    yield either("free-form.obj", head + "cstype bspline\ndeg 1000000000\ncurv 0 1 1 2 3 4\nparm u 0 1\nend\n", *PARSE)
    yield either(
        "call.obj",
        good + f"call {bait.folder}/secret.obj\ncsh touch /tmp/x\n!id\nshadow_obj {bait.folder}/secret.obj\n",
        *PARSE,
        "external_reference",
    )
    for way, place in bait.places("secret.mtl").items():
        yield either(f"mtllib-{way}.obj", f"mtllib {place}\nusemtl secret\n{good}maplib {place}\n", *PARSE)


def ply() -> Iterator[Hostile]:
    yield from blobs("ply")
    points = "".join(f"{v}\n" for v in SQUARE)

    def text(
        vertices: object = 4,
        faces: object = 1,
        count: str = "uchar",
        index: str = "int",
        body: str = points + "4 0 1 2 3\n",
    ) -> str:
        return (
            f"ply\nformat ascii 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\nproperty float z\n"
            f"element face {faces}\nproperty list {count} {index} vertex_indices\nend_header\n{body}"
        )

    def binary(
        order: str, vertices: object = 4, faces: object = 1, count: str = "uchar", body: bytes | None = None
    ) -> bytes:
        head = text(vertices, faces, count, body="").replace("ascii", f"binary_{order}_endian").encode()
        mark = "<" if order == "little" else ">"
        whole = b"".join(struct.pack(f"{mark}3f", *map(float, v.split())) for v in SQUARE)
        return head + (whole + struct.pack(f"{mark}B4i", 4, 0, 1, 2, 3) if body is None else body)

    yield from cut("square", "ply", binary("little"), 3, *PARSE)
    yield from cut("text", "ply", text().encode(), 3, *PARSE)
    yield from flipped("square", "ply", binary("little"), 4, *PARSE, "format_mismatch", flips=4)
    for name, count in {"huge": 4_000_000_000, "overflow": 10**30, "negative": -4, "words": "many", "more": 9}.items():
        yield refused(f"vertices-{name}.ply", text(vertices=count), *PARSE)
        yield refused(f"faces-{name}.ply", text(faces=count), *PARSE)
        yield refused(f"binary-vertices-{name}.ply", binary("little", vertices=count), *PARSE)
        yield refused(f"binary-faces-{name}.ply", binary("big", faces=count), *PARSE)
    body = binary("little").split(b"end_header\n")[1][:48]
    yield refused("list-long.ply", binary("little", count="uint", body=body + struct.pack("<I", 2**32 - 1)), *PARSE)
    yield refused(
        "list-negative.ply", binary("little", count="int", body=body + struct.pack("<i4i", -4, 0, 1, 2, 3)), *PARSE
    )
    yield refused(
        "list-float.ply", binary("little", count="float", body=body + struct.pack("<f4i", 4e9, 0, 1, 2, 3)), *PARSE
    )
    yield refused("index-beyond.ply", text(body=points + "4 0 1 2 99\n"), *PARSE)
    yield refused("index-negative.ply", text(body=points + "4 0 1 2 -1\n"), *PARSE)
    yield refused("index-overflow.ply", text(body=points + "4 0 1 2 18446744073709551617\n"), *PARSE)
    yield refused("list-lies.ply", text(body=points + "1000000000 0 1 2\n"), *PARSE)
    yield either("list-zero.ply", text(faces=2, body=points + "0\n4 0 1 2 3\n"), *PARSE)
    for name, number in NUMBERS.items():
        yield either(f"number-{name}.ply", text(body=points.replace("10 10", f"10 {number}") + "4 0 1 2 3\n"), *PARSE)
    yield refused("header-open.ply", "ply\nformat ascii 1.0\n" + "comment x\n" * 300_000, *PARSE)
    yield either(
        "properties-many.ply",
        text().replace(
            "property float z\n", "property float z\n" + "".join(f"property float p{n}\n" for n in range(100_000))
        ),
        *PARSE,
    )
    yield either(
        "elements-many.ply",
        text().replace("end_header", "".join(f"element e{n} 0\n" for n in range(100_000)) + "end_header"),
        *PARSE,
    )
    yield either(
        "element-empty-huge.ply",
        text().replace("element vertex", "element nothing 4000000000000\nelement vertex"),
        *PARSE,
    )
    yield either("property-unknown.ply", text().replace("float y", "quad y"), *PARSE)
    yield either("property-twice.ply", text().replace("float y", "float x"), *PARSE)
    yield either("format-unknown.ply", text().replace("ascii 1.0", "binary_middle_endian 7.0"), *PARSE)
    yield refused("endian-wrong.ply", binary("little").replace(b"little", b"big"), *PARSE)
    yield either("faces-first.ply", text().replace("vertex 4", "vertx 4"), *PARSE)
    yield either(
        "line-10-mb.ply",
        text().replace("format", "comment " + "A" * 10_000_000 + "\nformat", 1),
        *PARSE,
        "format_mismatch",
    )


def off() -> Iterator[Hostile]:
    yield from blobs("off")
    points = "".join(f"{v}\n" for v in SQUARE)

    def text(counts: str = "4 1 0", body: str = points + "4 0 1 2 3\n", head: str = "OFF") -> str:
        return f"{head}\n{counts}\n{body}"

    yield from cut("square", "off", text().encode(), 3, *PARSE)
    for name, counts in {
        "huge": "4000000000 1 0",
        "faces-huge": "4 4000000000 0",
        "overflow": f"{10**30} {10**30} 0",
        "negative": "-4 -1 0",
        "more": "9 9 0",
        "words": "four one none",
        "none": "0 0 0",
        "missing": "",
    }.items():
        yield refused(f"count-{name}.off", text(counts), *PARSE)
    for name, face in {
        "beyond": "4 0 1 2 99",
        "negative": "4 0 1 2 -1",
        "overflow": "4 0 1 2 18446744073709551617",
        "long": "2000000000 0 1 2",
        "list-negative": "-4 0 1 2 3",
    }.items():
        yield refused(f"face-{name}.off", text(body=f"{points}{face}\n"), *PARSE)
    for name, number in NUMBERS.items():
        yield either(f"number-{name}.off", text(body=points.replace("10 10", f"10 {number}") + "4 0 1 2 3\n"), *PARSE)
    yield either("dimensions-huge.off", text(head="nOFF\n1000000000"), *PARSE, "format_mismatch")
    yield either(
        "binary.off",
        b"OFF BINARY\n" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 0) + bytes(100),
        *PARSE,
        "format_mismatch",
    )
    yield either("comments.off", text() + "# x\n" * 500_000, *PARSE)
    yield either("line-10-mb.off", text(body=points + "4 0 1 2 3 " + "7" * 10_000_000 + "\n"), *PARSE)
