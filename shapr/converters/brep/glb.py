"""GLB from a B-Rep: names, colours and the tree, in metres and y-up as glTF has it."""

import copy
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from OCP.collections import IndexedDataMap_TCollection_AsciiString_TCollection_AsciiString as Metadata
from OCP.RWGltf import RWGltf_CafWriter
from OCP.RWMesh import RWMesh_CoordinateSystem, RWMesh_NameFormat
from OCP.TCollection import TCollection_AsciiString
from OCP.TDocStd import TDocStd_Document
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import colours, document, glb_bodies, several, tessellate, tree
from shapr.converters.brep.indicator import SILENT, Indicator
from shapr.converters.mesh.model import Colour
from shapr.converters.mesh.srgb import curved, linear
from shapr.converters.progress import Reach, silent
from shapr.errors import Refused

HEADER = struct.Struct("<4sII")  # magic, version, length of the file
CHUNK = struct.Struct("<I4s")
KERNEL = 0.3  # of the time, where its meshes are split into those of bodies


def write(model: TDocStd_Document, path: Path, progress: Indicator = SILENT, share: float = 1.0) -> None:
    """The model must have been triangulated; refused as `no_geometry` where no face has triangles. Takes a share of
    what is left of the phase."""
    leaves = list(tree.leaves(model))
    bodies = several.of(leaves)
    own = share * KERNEL if bodies else share
    writer = RWGltf_CafWriter(TCollection_AsciiString(str(path)), True)
    writer.SetMergeFaces(True)  # one primitive per part and colour, not per face
    writer.SetNodeNameFormat(RWMesh_NameFormat.RWMesh_NameFormat_InstanceOrProduct)
    writer.SetMeshNameFormat(RWMesh_NameFormat.RWMesh_NameFormat_Product)
    systems = writer.ChangeCoordinateSystemConverter()
    systems.SetInputLengthUnit(0.001)
    systems.SetInputCoordinateSystem(RWMesh_CoordinateSystem.RWMesh_CoordinateSystem_Zup)
    systems.SetOutputLengthUnit(1.0)
    systems.SetOutputCoordinateSystem(RWMesh_CoordinateSystem.RWMesh_CoordinateSystem_glTF)
    if not writer.Perform(model, Metadata(), progress.range(own)):
        raise Refused("unsupported_geometry", "the kernel cannot write this model as GLB")
    if path.exists() and path.stat().st_size:  # the kernel writes nothing of nothing, and calls it done
        reach = progress.step((share - own) / (1 - own)) if bodies else silent
        _finish(path, leaves, bodies, reach)
    else:
        raise Refused("no_geometry", "no face could be triangulated")


def _finish(path: Path, leaves: list[tree.Leaf], bodies: several.Bodies, reach: Reach) -> None:
    """What the kernel leaves open: its materials would be of metal, numbered; instances have a mesh each."""
    raw = path.with_name(f"{path.name}.raw")
    path.rename(raw)
    with raw.open("rb") as file:
        file.seek(HEADER.size)
        length, kind = CHUNK.unpack(file.read(CHUNK.size))
        content = json.loads(file.read(length))
        if not content.get("meshes"):
            raise Refused("no_geometry", "no face could be triangulated")
        start = file.tell()
        _name(content)
        drawn = _drawn(content, leaves)
        _recolour(content, drawn)
        if placed := list(_elsewhere(content, drawn)):
            glb_bodies.recolour(content, raw, start + CHUNK.size, placed)
        _share(content)
        if parts := [(node, bodies[leaf.key]) for node, leaf in drawn if leaf.key in bodies]:
            glb_bodies.apart(content, raw, start + CHUNK.size, parts, reach)
        _within_one(content)
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    with raw.open("rb") as file, path.open("wb") as out:  # again: what of it was read ahead may have changed
        file.seek(start)
        out.write(HEADER.pack(b"glTF", 2, HEADER.size + CHUNK.size + len(text) + raw.stat().st_size - start))
        out.write(CHUNK.pack(len(text), kind) + text)
        shutil.copyfileobj(file, out, 1 << 20)
    raw.unlink()


def _within_one(content: dict[str, Any]) -> None:
    """The kernel's rounding leaves a part of a rotation a little beyond 1, which the format forbids."""
    for node in content["nodes"]:
        if "rotation" in node:
            node["rotation"] = [min(max(part, -1.0), 1.0) for part in node["rotation"]]


def _name(content: dict[str, Any]) -> None:
    for material in content.get("materials", ()):
        surface = material.setdefault("pbrMetallicRoughness", {})
        surface["metallicFactor"] = 0.0  # the default of the format is metal, which is black without surroundings
        red, green, blue, alpha = curved(surface.get("baseColorFactor", (1.0, 1.0, 1.0, 1.0))).tolist()
        material["name"] = colours.text((red, green, blue, alpha))
    for kind, called in (("nodes", "node"), ("meshes", "mesh")):
        for at, each in enumerate(content.get(kind, ())):
            each["name"] = each.get("name") or f"{called} {at + 1}"


def _drawn(content: dict[str, Any], leaves: list[tree.Leaf]) -> list[tuple[dict[str, Any], tree.Leaf]]:
    """The nodes that show something, and the instances that they are: one of a part without triangles has no node. None
    where they cannot be told."""
    nodes, waiting, drawn = content["nodes"], list(reversed(content["scenes"][0]["nodes"])), []
    while waiting:
        node = nodes[waiting.pop()]
        waiting += reversed(node.get("children", ()))
        if "mesh" in node:
            drawn.append(node)
    if len(drawn) != len(leaves):
        leaves = [leaf for leaf in leaves if _shows(XCAFDoc_ShapeTool.GetShape_s(leaf.part))]
    return list(zip(drawn, leaves, strict=True)) if len(drawn) == len(leaves) else []


def _shows(shape: TopoDS_Shape) -> bool:
    return next(tessellate.pieces(shape), None) is not None or bool(document.free_edges(shape))


def _recolour(content: dict[str, Any], drawn: list[tuple[dict[str, Any], tree.Leaf]]) -> None:
    """An instance with a colour of its own has that one: the kernel gives it the part's."""
    materials = content.setdefault("materials", [])
    for node, leaf in drawn:
        base = colours.of(leaf.part)
        if base is None or leaf.colour is None or leaf.colour == base:
            continue
        mesh = copy.deepcopy(content["meshes"][node["mesh"]])
        for primitive in mesh["primitives"]:
            if "material" in primitive and materials[primitive["material"]]["name"] == colours.text(base):
                primitive["material"] = _material(materials, leaf.colour)
        node["mesh"] = len(content["meshes"])
        content["meshes"].append(mesh)


def _elsewhere(
    content: dict[str, Any], drawn: list[tuple[dict[str, Any], tree.Leaf]]
) -> Iterator[tuple[dict[str, Any], list[glb_bodies.Coloured]]]:
    """The faces of parts that have coloured pieces with a place of their own: the kernel forgets their colours."""
    known: dict[tuple[int, ...], list[glb_bodies.Coloured]] = {}
    for node, leaf in drawn:
        if leaf.key not in known:
            pieces = map(XCAFDoc_ShapeTool.GetShape_s, document.sublabels(leaf.part))
            placed = any(not piece.Location().IsIdentity() for piece in pieces)
            own = colours.faces(leaf.part) if placed else {}
            shape = XCAFDoc_ShapeTool.GetShape_s(leaf.part)
            faces = list(document.explore(shape, TopAbs_ShapeEnum.TopAbs_FACE)) if own else []
            looks = [own.get(hash(face)) for face in faces]
            materials = content["materials"]
            at = {look: None if look is None else _material(materials, look) for look in {*looks}}
            known[leaf.key] = [(face, at[look]) for face, look in zip(faces, looks, strict=True)]
        if known[leaf.key]:
            yield node, known[leaf.key]


def _material(materials: list[dict[str, Any]], colour: Colour) -> int:
    name = colours.text(colour)
    for at, each in enumerate(materials):
        if each["name"] == name:
            return at
    factor = linear(colour).tolist()
    made = {
        "name": name,
        "pbrMetallicRoughness": {"baseColorFactor": factor, "metallicFactor": 0.0},
        "doubleSided": True,
    }
    materials.append(made if colour[3] == 1.0 else made | {"alphaMode": "BLEND"})
    return len(materials) - 1


def _share(content: dict[str, Any]) -> None:
    """Instances of a part refer to one mesh; one that nobody refers to goes."""
    used = {node["mesh"] for node in content["nodes"] if "mesh" in node}
    kept: dict[str, int] = {}
    meshes: list[dict[str, Any]] = []
    now: list[int] = []
    for at, mesh in enumerate(content["meshes"]):
        if at not in used:
            now.append(-1)
            continue
        key = json.dumps(mesh, sort_keys=True)
        if key not in kept:
            kept[key] = len(meshes)
            meshes.append(mesh)
        now.append(kept[key])
    content["meshes"] = meshes
    drawn = {primitive.get("material") for mesh in meshes for primitive in mesh["primitives"]} - {None}
    places = {old: new for new, old in enumerate(sorted(drawn))}
    content["materials"] = [content["materials"][old] for old in sorted(drawn)]
    for primitive in (each for mesh in meshes for each in mesh["primitives"] if "material" in each):
        primitive["material"] = places[primitive["material"]]
    if not content["materials"]:
        del content["materials"]  # the format has no empty lists
    for node in content["nodes"]:
        if "mesh" in node:
            node["mesh"] = now[node["mesh"]]
