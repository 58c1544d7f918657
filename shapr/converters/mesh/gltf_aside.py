"""What a glTF file says beside its shapes and their colours: none of it comes out, so it is told in words."""

import re
from collections.abc import Iterator
from typing import Any

from shapr.converters.mesh.accessors import extension, field, listed, some
from shapr.converters.mesh.glb import BODIES, Json

NORMALS = "normals are passed over"
SHINE = "of materials only the colour is kept"
VARIANTS = "KHR_materials_variants"
VISIBILITY = "KHR_node_visibility"
LIGHTS = ("KHR_lights_", "EXT_lights_")
MATERIALS = ("KHR_materials_", "EXT_materials_")
PLAIN_MATERIALS = {VARIANTS, "KHR_materials_pbrSpecularGlossiness", "KHR_materials_unlit"}
# Those that are read, or whose use is told as that of textures.
READ = {
    "KHR_draco_mesh_compression",
    "EXT_meshopt_compression",
    "KHR_meshopt_compression",
    "KHR_mesh_quantization",
    "EXT_mesh_gpu_instancing",
    VISIBILITY,
}
TEXTURES = ("KHR_texture_", "EXT_texture_", "MSFT_texture_")
INSTANCES = ("extensions", "EXT_mesh_gpu_instancing", "attributes")
PLACES = {"TRANSLATION", "ROTATION", "SCALE"}
NOTED = ("scenes", "nodes", "meshes", "materials")
OWN = {BODIES, "targetNames"}  # what we write, and names of morph targets, which are told by themselves
PASSED = {
    "animations": "animations are passed over",
    "skins": "skins are passed over: the shape is the one at rest",
    "cameras": "cameras are passed over",
}
SHAPING = re.compile(r"POSITION|NORMAL|TANGENT|COLOR_0|TEXCOORD_\d+|JOINTS_\d+|WEIGHTS_\d+")  # read, or told by itself


def of_vertices(attributes: Json) -> Iterator[str]:
    """Of the attributes of a primitive."""
    if "NORMAL" in attributes:
        yield NORMALS
    if any(name.startswith("TEXCOORD_") for name in attributes):
        yield "texture coordinates are passed over"


def unshaping(attributes: Json) -> Iterator[str]:
    """The names of those that say nothing of shape or colour."""
    return (name for name in attributes if not SHAPING.fullmatch(name))


def of_material(material: Json, surface: Json, glossy: Json | None) -> Iterator[str]:
    if any(key.endswith("Texture") for holder in (material, surface, glossy or {}) for key in holder):
        yield "textures are passed over"
    given = field(material, "extensions", dict, {})
    shining = any(name.startswith(MATERIALS) and name not in PLAIN_MATERIALS for name in given)
    metal = glossy is None and surface.get("metallicFactor", 1.0) != 0
    light = material.get("emissiveFactor")  # of any kind, as all that is only told
    if shining or metal or (isinstance(light, list) and any(light)):
        yield SHINE


def of_file(content: Json, drawn: set[int], others: set[str]) -> Iterator[str]:
    """`drawn`: the meshes that are converted. `others`: attributes of their vertices that are passed over."""
    if others:
        yield f"other attributes of vertices are passed over: {some(others)}"
    for key, what in PASSED.items():
        if listed(content, key):
            yield what
    if any((extension(node, VISIBILITY) or {}).get("visible") is False for node in listed(content, "nodes")):
        yield "hidden nodes are converted like the others"
    if len(listed(content, "scenes")) > 1:
        yield "only the scene that is shown first is converted"
    elif unseen := len(listed(content, "meshes")) - len(drawn):
        yield f"meshes that the scene does not show are not converted: {unseen}"
    used = content.get("extensionsUsed")
    yield from _extensions([name for name in used if isinstance(name, str)] if isinstance(used, list) else [])
    if others := {name for node in listed(content, "nodes") for name in _inside(node, *INSTANCES)} - PLACES:
        yield f"other attributes of instances are passed over: {some(others)}"
    if notes := _notes(content):
        yield f"metadata is passed over: {some(notes)}"


def _notes(content: Json) -> set[str]:
    """What programs and people have noted of the file and of what is in it."""
    notes = {"copyright"} if _inside(content, "asset").get("copyright") else set()
    for holder in (content.get("asset"), *(each for key in NOTED for each in listed(content, key))):
        notes.update(_inside(holder, "extras"))
    return notes - OWN


def _inside(holder: Any, *keys: str) -> Json:
    """An object within it; empty where there is none: what is only told may be of any kind."""
    for key in keys:
        holder = holder.get(key) if isinstance(holder, dict) else None
    return holder if isinstance(holder, dict) else {}


def _extensions(used: list[str]) -> Iterator[str]:
    if any(name.startswith(LIGHTS) for name in used):
        yield "lights are passed over"
    if VARIANTS in used:
        yield "variants of materials are passed over: colours are those that the file opens with"
    others = [name for name in used if name not in READ and not name.startswith((*LIGHTS, *MATERIALS, *TEXTURES))]
    if others:
        yield f"extensions that are not read are passed over: {some(others)}"
