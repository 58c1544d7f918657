"""glTF and GLB files that lie, loop, explode, or name other files."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

from benchmarks.hostile.kit import Bait, Hostile, blobs, cut, either, flipped, refused

PARSE = (
    "corrupt_file",
    "no_geometry",
    "invalid_geometry",
    "limit_exceeded",
    "unsupported_geometry",
    "external_reference",
)
BOMB = ("decompression_bomb", "limit_exceeded")
POINTS = struct.pack("<12f", 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0)
CORNERS = struct.pack("<6H", 0, 1, 2, 0, 2, 3)
FLOAT, SHORT, INT = 5126, 5123, 5125


def square(**more: Any) -> dict[str, Any]:
    """A document of one square; `more` replaces its members."""
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": FLOAT, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": SHORT, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": len(POINTS)},
            {"buffer": 0, "byteOffset": len(POINTS), "byteLength": len(CORNERS)},
        ],
        "buffers": [{"byteLength": len(POINTS) + len(CORNERS)}],
    }
    return document | more


def glb(document: dict[str, Any] | bytes, binary: bytes = POINTS + CORNERS) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def text(document: dict[str, Any], uri: str | None = None) -> bytes:
    inside = "data:application/octet-stream;base64," + base64.b64encode(POINTS + CORNERS).decode()
    document["buffers"][0]["uri"] = inside if uri is None else uri
    return json.dumps(document).encode()


def accessor(at: int, **more: Any) -> dict[str, Any]:
    made = square()
    made["accessors"][at] |= more
    return made


def view(at: int, **more: Any) -> dict[str, Any]:
    made = square()
    made["bufferViews"][at] |= more
    return made


def files(bait: Bait) -> Iterator[Hostile]:
    good = glb(square())
    yield from blobs("glb")
    yield from blobs("gltf")
    yield from cut("square", "glb", good, 4, *PARSE)
    yield from cut("square", "gltf", text(square()), 3, *PARSE)
    yield from flipped("square", "glb", good, 5, *PARSE, "format_mismatch", flips=5)
    yield from containers(good)
    yield from lies()
    yield from trees()
    yield from references(bait)
    yield from packed()
    yield from skins()


def containers(good: bytes) -> Iterator[Hostile]:
    for name, length in {"huge": 2**32 - 1, "small": 20, "zero": 0}.items():
        yield either(f"whole-{name}.glb", good[:8] + struct.pack("<I", length) + good[12:], *PARSE)
        yield either(f"chunk-{name}.glb", good[:12] + struct.pack("<I", length) + good[16:], *PARSE)
    yield either("version-1.glb", good[:4] + struct.pack("<I", 1) + good[8:], "unsupported_format")
    yield either("chunks-many.glb", good + struct.pack("<I4s", 0, b"JUNK") * 300_000, *PARSE)
    yield either(
        "json-deep.glb", glb(b'{"asset":{"version":"2.0"},"extras":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), *PARSE
    )
    yield either(
        "json-deep.gltf", b'{"asset":{"version":"2.0"},"extras":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, *PARSE
    )
    yield either("json-number.gltf", text(square()).replace(b'"count": 4', b'"count": ' + b"9" * 100_000), *PARSE)
    yield either("json-1e999.gltf", text(square()).replace(b'"count": 4', b'"count": 1e999'), *PARSE)
    yield either("json-nan.gltf", text(square(nodes=[{"mesh": 0, "translation": [float("nan"), 0, 0]}])), *PARSE)
    yield either("json-utf-16.gltf", text(square()).decode().encode("utf-16"), *PARSE, "format_mismatch")
    yield either(
        "json-twice.gltf", text(square()).replace(b'"scene": 0', b'"scene": 0, "scene": 7, "accessors": []'), *PARSE
    )
    yield either("json-list.gltf", b"[1, 2, 3]", *PARSE, "format_mismatch")
    yield either("json-null.gltf", b"null", *PARSE, "format_mismatch")
    yield either("members-null.gltf", json.dumps(dict.fromkeys(square(), None)).encode(), *PARSE, "format_mismatch")
    yield either("members-text.gltf", json.dumps(dict.fromkeys(square(), "x")).encode(), *PARSE, "format_mismatch")
    yield either("polyglot-zip.glb", good + b"PK\x03\x04" + bytes(2000), *PARSE)


def lies() -> Iterator[Hostile]:
    for name, document in {
        "count-huge": accessor(0, count=4_000_000_000),
        "count-2-63": accessor(0, count=2**63),
        "count-negative": accessor(0, count=-4),
        "count-zero": accessor(0, count=0),
        "count-float": accessor(0, count=4.5),
        "count-text": accessor(0, count="4"),
        "offset-beyond": accessor(0, byteOffset=10_000),
        "offset-negative": accessor(1, byteOffset=-48),
        "offset-odd": accessor(0, byteOffset=1),
        "type-unknown": accessor(0, type="VEC99"),
        "component-unknown": accessor(0, componentType=1),
        "view-beyond": accessor(0, bufferView=99),
        "view-negative": accessor(0, bufferView=-1),
        "view-none-huge": {**square(), "accessors": [{"componentType": FLOAT, "count": 400_000_000, "type": "VEC3"}]},
        "length-huge": view(0, byteLength=2**40),
        "length-negative": view(0, byteLength=-1),
        "offset-huge": view(1, byteOffset=2**62),
        "stride-huge": view(0, byteStride=2**31),
        "stride-zero": view(0, byteStride=0),
        "stride-negative": view(0, byteStride=-12),
        "buffer-beyond": view(0, buffer=7),
        "buffer-larger": square(buffers=[{"byteLength": 10**12}]),
        "indices-float": accessor(1, componentType=FLOAT),
        "indices-of-points": square(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 0}]}]),
        "position-of-indices": square(meshes=[{"primitives": [{"attributes": {"POSITION": 1}}]}]),
        "mode-unknown": square(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "mode": 99}]}]),
        "mesh-beyond": square(nodes=[{"mesh": 5}]),
        "mesh-negative": square(nodes=[{"mesh": -1}]),
        "scene-beyond": square(scene=9),
        "matrix-zero": square(nodes=[{"mesh": 0, "matrix": [0] * 16}]),
        "matrix-short": square(nodes=[{"mesh": 0, "matrix": [1, 0, 0]}]),
        "matrix-huge": square(nodes=[{"mesh": 0, "matrix": [1e308] * 16}]),
        "material-beyond": square(
            meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 5}]}]
        ),
        "color-huge": square(
            materials=[{"pbrMetallicRoughness": {"baseColorFactor": [1e300, -5, "x", None]}}],
            meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        ),
        "extension-required": square(extensionsRequired=["KHR_unknown"], extensionsUsed=["KHR_unknown"]),
        "name-list": square(nodes=[{"mesh": 0, "name": [1, 2]}]),
        "name-10-mb": square(nodes=[{"mesh": 0, "name": "A" * 10_000_000}]),
    }.items():
        yield either(f"{name}.glb", glb(document), *PARSE)
    big = CORNERS[:-2] + struct.pack("<H", 65000)
    yield refused("index-beyond.glb", glb(square(), POINTS + big), *PARSE)
    for name, value in {"nan": float("nan"), "inf": float("inf"), "huge": 3e38}.items():
        yield either(f"points-{name}.glb", glb(square(), struct.pack("<f", value) + POINTS[4:] + CORNERS), *PARSE)
    for name, sparse in {
        "huge": {
            "count": 4_000_000_000,
            "indices": {"bufferView": 1, "componentType": SHORT},
            "values": {"bufferView": 0},
        },
        "beyond": {"count": 4, "indices": {"bufferView": 0, "componentType": INT}, "values": {"bufferView": 0}},
        "negative": {"count": -1, "indices": {"bufferView": 1, "componentType": SHORT}, "values": {"bufferView": 0}},
        "empty": {},
    }.items():
        yield either(f"sparse-{name}.glb", glb(accessor(0, sparse=sparse)), *PARSE)


def trees() -> Iterator[Hostile]:
    def nodes(*made: dict[str, Any]) -> bytes:
        return glb(square(nodes=list(made)))

    yield either("node-of-itself.glb", nodes({"mesh": 0, "children": [0]}), *PARSE)
    yield either("node-cycle.glb", nodes({"mesh": 0, "children": [1]}, {"children": [2]}, {"children": [0]}), *PARSE)
    yield either("child-beyond.glb", nodes({"mesh": 0, "children": [99, -1]}), *PARSE)
    doubled = [{"children": [n + 1, n + 1]} for n in range(30)]
    yield refused("bomb-nodes.glb", nodes(*doubled, {"mesh": 0}), *BOMB, *PARSE)
    yield refused("bomb-scene.glb", glb(square(scenes=[{"nodes": [0] * 3_000_000}])), *BOMB, *PARSE)
    deep = [{"children": [n + 1]} for n in range(50_000)]
    yield either("deep-nodes.glb", nodes(*deep, {"mesh": 0}), *BOMB, *PARSE)
    million = square(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}] * 300_000}])
    yield either("primitives-many.glb", glb(million), *BOMB, *PARSE)
    instancing = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}
    yield either("instancing.glb", nodes({"mesh": 0, "extensions": instancing}), *PARSE)


def references(bait: Bait) -> Iterator[Hostile]:
    for way, place in bait.places("secret.bin").items():
        yield refused(f"buffer-{way}.gltf", text(square(), place), "external_reference", *PARSE)
        pictured = square(
            images=[{"uri": place}],
            textures=[{"source": 0}],
            materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        )
        pictured["meshes"][0]["primitives"][0]["material"] = 0
        yield either(f"image-{way}.glb", glb(pictured), *PARSE)
    yield refused("buffer-encoded.gltf", text(square(), f"..%2F{bait.folder.name}%2Fsecret.bin"), *PARSE)
    yield refused("buffer-nul.gltf", text(square(), f"{bait.folder}/secret.bin\0.bin"), *PARSE)
    yield refused("buffer-empty.gltf", text(square(), ""), *PARSE)
    for name, uri in {
        "short": "data:application/octet-stream;base64,AAAA",
        "garbage": "data:application/octet-stream;base64,@@@@!!!!",
        "plain": "data:,hello",
        "type": "data:text/html;base64,AAAA",
        "open": "data:",
    }.items():
        yield either(f"data-{name}.gltf", text(square(), uri), *PARSE)


def packed() -> Iterator[Hostile]:
    """Compressed geometry that is none."""
    draco = square(extensionsUsed=["KHR_draco_mesh_compression"], extensionsRequired=["KHR_draco_mesh_compression"])
    draco["meshes"][0]["primitives"][0]["extensions"] = {
        "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}
    }
    garbage = bytes(range(48))
    for name, data in {
        "garbage": garbage,
        "head": b"DRACO\x02\x02\x01\x00\x00\x00" + b"\xff" * 37,
        "huge": b"DRACO\x02\x02\x01\x01\x00\x00\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f" + b"\xff" * 27,
    }.items():
        yield refused(f"draco-{name}.glb", glb(draco, data.ljust(48, b"\0")[:48] + CORNERS), *PARSE)
    beyond = json.loads(
        json.dumps(draco).replace(
            '"KHR_draco_mesh_compression": {"bufferView": 0', '"KHR_draco_mesh_compression": {"bufferView": 77'
        )
    )
    yield refused("draco-view-beyond.glb", glb(beyond), *PARSE)
    for mode, count, stride in (
        ("ATTRIBUTES", 4, 12),
        ("TRIANGLES", 6, 2),
        ("ATTRIBUTES", 400_000_000, 12),
        ("INDICES", -6, 2),
        ("ATTRIBUTES", 4, 2**20),
    ):
        opt = square(extensionsUsed=["EXT_meshopt_compression"], extensionsRequired=["EXT_meshopt_compression"])
        opt["bufferViews"][0]["extensions"] = {
            "EXT_meshopt_compression": {
                "buffer": 0,
                "byteLength": 48,
                "byteStride": stride,
                "count": count,
                "mode": mode,
            }
        }
        yield refused(f"meshopt-{mode.lower()}-{count}-{stride}.glb", glb(opt, garbage + CORNERS), *PARSE)


def skins() -> Iterator[Hostile]:
    """Matrices where none belong, or for joints that nobody can count."""

    def skinned(**more: Any) -> dict[str, Any]:
        made = square(nodes=[{"mesh": 0, "skin": 0, "children": [1]}, {}], skins=[{"joints": [1]} | more])
        made["accessors"] += [
            {"componentType": 5121, "count": 4, "type": "VEC4"},
            {"componentType": FLOAT, "count": 4, "type": "VEC4"},
            {"componentType": FLOAT, "count": 4_000_000_000, "type": "MAT4"},
        ]
        made["meshes"][0]["primitives"][0]["attributes"] |= {"JOINTS_0": 2, "WEIGHTS_0": 3}
        return made

    yield either("skin-matrices-huge.glb", glb(skinned(inverseBindMatrices=4)), *PARSE)
    yield either("skin-joints-million.glb", glb(skinned(joints=[1] * 1_000_000)), *PARSE)
    infinite = skinned()
    infinite["nodes"][1]["scale"] = [1e308] * 3
    yield either("skin-infinite.glb", glb(infinite), *PARSE)
    for key in ("COLOR_0", "JOINTS_0", "targets"):
        made = skinned()
        made["accessors"][2] = {"componentType": FLOAT, "count": 4, "type": "MAT4"}
        made["meshes"][0]["weights"] = [1]
        primitive = made["meshes"][0]["primitives"][0]
        if key == "targets":
            primitive[key] = [{"POSITION": 2}]
        else:
            primitive["attributes"][key] = 2
        yield either(f"matrices-as-{key.lower()}.glb", glb(made), *PARSE)
