"""What the objects of a 3MF model are made of: components, and where those lie."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from shapr.converters.mesh.accessors import shown
from shapr.converters.mesh.model import LONGEST_NAME

Matrix = npt.NDArray[np.float64]  # 4x3, for row vectors


def each_of(iterator: Any) -> Iterator[Any]:
    """The items of one of lib3mf's iterators."""
    while iterator.MoveNext():
        found = iterator.GetCurrent()
        yield found


def objects(model: Any) -> list[Any]:
    return list(each_of(model.GetObjects()))


def components(each: Any) -> list[Any]:
    if not each.IsComponentsObject():
        return []
    return [each.GetComponent(at) for at in range(each.GetComponentCount())]


def bodies(each: Any) -> dict[str, Any]:
    """The meshes of an object by name, where it is one part of several bodies: it has a name, each of them another,
    and none is placed otherwise. Empty where it is not."""
    inside = components(each)
    found = {}
    for part in inside:
        mesh = part.GetObjectResource()
        if not mesh.IsMeshObject() or (part.HasTransform() and (matrix(part.GetTransform()) != np.eye(4, 3)).any()):
            return {}
        found[shown(mesh.GetName(), LONGEST_NAME)] = mesh
    distinct = len(found) == len(inside) and "" not in found
    return found if distinct and each.GetName() else {}


def matrix(transform: Any) -> Matrix:
    return np.array([list(row) for row in transform.Fields], np.float64)


def after(own: Matrix, place: Matrix) -> Matrix:
    """First `own`, then `place`."""
    with np.errstate(all="ignore"):
        return np.concatenate([own[:3] @ place[:3], own[3:] @ place[:3] + place[3:]])
