"""Mesh files by format: who reads and who writes each. Within the house a mesh is in millimetres, z up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shapr.conversion import UNIT_MM
from shapr.converters.mesh import gltf, gltf_read, obj, obj_write, off, packing, ply, ply_write, stl
from shapr.converters.mesh.model import Y_UP, Mesh
from shapr.converters.progress import Reach, within
from shapr.errors import Refused


def _read_3mf(path: Path, name: str, reach: Reach) -> Mesh:
    from shapr.converters.mesh import threemf  # only here: its library is not there on every machine

    return threemf.read(path, name, reach)


def _write_3mf(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:
    from shapr.converters.mesh import threemf_write

    threemf_write.write(mesh, path, options, reach)


# Given the file, a name for parts that have none, and whom to tell how far it is. A unitless file is read as it is; one
# with units comes back in millimetres, and glTF z up. Companions lie beside the file.
READERS: dict[str, Callable[[Path, str, Reach], Mesh]] = {
    "stl": stl.read,
    "obj": obj.read,
    "ply": ply.read,
    "off": off.read,
    "glb": gltf_read.read_glb,
    "gltf": gltf_read.read_gltf,
    "3mf": _read_3mf,
}
# Those that hold the bodies of a part each by itself.
APART = frozenset({"obj", "glb", "3mf"})
# Given a mesh in the units and axes of the file (glTF: millimetres, z up), its path and the options.
WRITERS: dict[str, Callable[[Mesh, Path, dict[str, Any], Reach], None]] = {
    "stl": stl.write,
    "obj": obj_write.write,
    "ply": ply_write.write,
    "off": off.write,
    "glb": gltf.write,
    "3mf": _write_3mf,
}


def read(format: str, path: Path, name: str, reach: Reach) -> Mesh:
    if format not in READERS:
        raise Refused("unsupported_format", f"{format} is not read here")
    return READERS[format](path, name, reach)


def write(mesh: Mesh, format: str, path: Path, options: dict[str, Any], reach: Reach) -> None:
    """A mesh in millimetres, z up, as a file in its units and axes."""
    if format not in WRITERS:
        raise Refused("unsupported_pair", f"{format} is not written here")
    if options.get("up_axis") == "y":
        mesh = mesh.turned(Y_UP)
    if format not in ("glb", "3mf"):
        mesh = mesh.scaled(1 / UNIT_MM[options["units"]])
    WRITERS[format](mesh, path, options, reach)


def packed(mesh: Mesh, format: str, path: Path, options: dict[str, Any], reach: Reach) -> dict[str, Any]:
    """The same, packed if it is to be; gives the options as they took effect."""
    share = packing.share(options)
    write(mesh, format, path, options, within(reach, 0.0, share))
    return packing.packed(path, options, within(reach, share, 1.0))
