"""Meshes of an extreme kind: one polygon of very many corners, a corner of very many triangles, very many parts."""

from pathlib import Path

import numpy as np

from shapr.converters.mesh import obj, stl
from shapr.converters.mesh.model import Mesh, Part

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)


def polygon(path: Path, count: int) -> None:
    """An OBJ file of one face with so many corners, every other one a dent."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 100 + 10 * np.sin(37 * angle) + np.where(np.arange(count) % 2, 0.5, -0.5)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
    face = " ".join(map(str, range(1, count + 1)))
    path.write_text("".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in points.tolist()) + f"f {face}\n")


def cone(path: Path, count: int) -> None:
    """An OBJ file of so many triangles: half of them meet in the apex, half in the middle of the base."""
    around = count // 2
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    rim = 1000 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    here, next_ = np.arange(around), np.roll(np.arange(around), -1)
    sides = [np.stack([here, next_, 0 * here + around], 1), np.stack([next_, here, 0 * here + around + 1], 1)]
    whole = np.concatenate(sides).astype(np.int32)
    part = Part("cone", np.concatenate([rim, [[0, 0, 1000], [0, 0, 0]]]), whole)
    obj.write(Mesh((part,)), path, {}, lambda _: None)


def parts(path: Path, count: int) -> None:
    """So many tetrahedra: objects of an OBJ file, or surfaces of an STL file, every other one inside out."""
    every = np.arange(count)
    places = 3.0 * np.stack([every % 20, every // 20 % 20, every // 400], axis=1)
    turned = path.suffix == ".stl"
    made = [
        Part(f"thing {at}", CORNERS * (1 + at % 2 * turned) + place, FACES[:, :: -1 if turned and at % 2 == 0 else 1])
        for at, place in enumerate(places)
    ]
    writer = stl.write if turned else obj.write
    writer(Mesh(tuple(made)), path, {"encoding": "binary"}, lambda _: None)
