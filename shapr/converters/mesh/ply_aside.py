"""What a PLY file says beside points, faces and their colours, in words."""

import re
from collections.abc import Iterator, Mapping

from shapr.converters.mesh.accessors import some
from shapr.converters.mesh.ply_table import CHANNELS, Table

READ = {
    "x",
    "y",
    "z",
    "vertex_indices",
    "vertex_index",
    *(part + each for part in ("", "diffuse_") for c in CHANNELS for each in c),
}
NORMALS = {"nx", "ny", "nz"}
TEXTURE = {"s", "t", "u", "v", "texture_u", "texture_v", "texcoord", "texnumber"}
TEXTURED = re.compile(r"(?m)^comment\s+TextureFile\b")  # so MeshLab names the picture


def losses(header: str, tables: Mapping[str, Table], drawn: str) -> Iterator[str]:
    """`drawn`: the element that the faces are taken from."""
    if elements := [name for name, table in tables.items() if name not in ("vertex", drawn) and table.element.count]:
        yield f"{some(elements)} elements are passed over"
    given = {each.name for kind in ("vertex", drawn) for each in tables[kind].element.properties}
    if given & NORMALS:
        yield "normals are passed over"
    if given & TEXTURE:
        yield "texture coordinates are passed over"
    if TEXTURED.search(header):
        yield "textures are passed over"
    if others := given - READ - NORMALS - TEXTURE:
        yield f"other properties of points and faces are passed over: {some(others)}"
