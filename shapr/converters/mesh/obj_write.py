"""Wavefront OBJ written: objects, groups and materials by name, colours with the vertices."""

from pathlib import Path
from typing import Any, TextIO

import numpy as np

from shapr.converters.mesh import colour, text
from shapr.converters.mesh.model import Mesh, Part
from shapr.converters.progress import Reach, within

Named = tuple[str, str, str]  # object, group, material


def write(mesh: Mesh, path: Path, options: dict[str, Any], reach: Reach) -> None:  # noqa: ARG001 - one for all formats
    """Objects with groups and materials by name. OBJ keeps what a material looks like in a second file, and an output
    is one file: colours go with the vertices (`v x y z r g b`), which most programs read. Alpha is lost.

    A body is an object in the group of what it is a body of: what most programs tell apart is objects. Nine digits give
    a float32 back exactly.
    """
    offset = 1
    written, total = 0, max(mesh.triangles, 1)
    named, body = ("", "", ""), False
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for number, part in enumerate(mesh.parts, 1):
            now = _named(part, number)
            if body or part.body:
                _body(out, now, named)
            else:
                _object(out, now, named)
            own = within(reach, written / total, (written + len(part.corners)) / total)
            points, faces = within(own, 0.0, 0.5), within(own, 0.5, 1.0)
            vertices, corners, colours = colour.by_vertex(part)
            if colours is None:
                text.rows(out, "v %.9g %.9g %.9g\n", vertices, points)
            else:
                both = np.concatenate([vertices, colours[:, :3] / 255], 1)
                text.rows(out, "v %.9g %.9g %.9g %.5g %.5g %.5g\n", both, points)
            if now[2] != named[2]:
                out.write(f"usemtl {now[2]}".rstrip() + "\n")
            text.rows(out, "f %d %d %d\n", corners + offset, faces)
            offset += len(vertices)
            written += len(part.corners)
            named, body = now, bool(part.body)


def _named(part: Part, number: int) -> Named:
    name, material = _word(part.name) or f"part_{number}", _word(part.material)
    return (_word(part.body), name, material) if part.body else (name, _word(part.group), material)


def _object(out: TextIO, now: Named, before: Named) -> None:
    if now[0] != before[0]:
        out.write(f"o {now[0]}\n")
    if now[1] != before[1]:
        out.write(f"g {now[1]}".rstrip() + "\n")


def _body(out: TextIO, now: Named, before: Named) -> None:
    """The group first: programs that take either for a new object call it like the last one."""
    if now[1] != before[1]:
        out.write(f"g {now[1]}".rstrip() + "\n")
    if now[:2] != before[:2]:
        out.write(f"o {now[0]}\n")


def _word(name: str) -> str:
    """On one line, without the ends that a reader would cut off."""
    return "".join(c if c.isprintable() else "_" for c in name).strip().rstrip("\\")
