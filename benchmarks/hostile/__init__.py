"""Hostile files by code, and the proof that none of them hurts: `make hostile`."""

from collections.abc import Iterator

from benchmarks.hostile import brep, gltf, iges, meshes, mutants, names, step, threemf, units, zips
from benchmarks.hostile.kit import Bait, Hostile

ROOMS = {
    "step": step,
    "iges": iges,
    "brep": brep,
    "meshes": meshes,
    "gltf": gltf,
    "3mf": threemf,
    "zips": zips,
    "names": names,
    "units": units,
    "mutants": mutants,
}


def files(bait: Bait, rooms: tuple[str, ...] = tuple(ROOMS)) -> Iterator[Hostile]:
    """All of them, the same ones every time but for the bait's place in those that name it."""
    for room in rooms:
        yield from ROOMS[room].files(bait)
