"""What no model has: sizes that are none, nothing but points, and masses of parts."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.hostile.gltf import glb, square
from benchmarks.hostile.package import mesh, model, package
from shapr.converters.mesh import files
from shapr.converters.mesh.model import Mesh, Part, check
from shapr.errors import Refused

CORNERS = np.array([[0, 1, 2]], np.int32)
FLAT = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float64)


@pytest.mark.parametrize(
    ("vertices", "code"),
    [(FLAT * 1e13, "invalid_geometry"), (FLAT * np.nan, "invalid_geometry"), (FLAT * [1, 0, 0], "no_geometry")],
)
def test_a_mesh_that_is_none_is_refused(vertices: np.ndarray, code: str) -> None:
    check(Mesh((Part("sound", FLAT, CORNERS),)))
    with pytest.raises(Refused) as refused:
        check(Mesh((Part("a", vertices, CORNERS),)))
    assert refused.value.code == code


def refusal(tmp_path: Path, format: str, data: bytes) -> str:
    path = tmp_path / f"a.{format}"
    path.write_bytes(data)
    with pytest.raises(Refused) as refused:
        files.read(format, path, "a", lambda _: None)
    return refused.value.code


def test_masses_are_refused_before_they_are_held(tmp_path: Path) -> None:
    groups = "v 0 0 0\nv 1 0 0\nv 0 1 0\n" + "".join(f"g {n}\nf 1 2 3\n" for n in range(100_001))
    assert refusal(tmp_path, "obj", groups.encode()) == "limit_exceeded"
    primitives = [{"attributes": {"POSITION": 0}, "indices": 1}] * 100_001
    assert refusal(tmp_path, "glb", glb(square(meshes=[{"primitives": primitives}]))) == "limit_exceeded"
    assert refusal(tmp_path, "glb", glb(square(nodes=[{}] * 500_001))) == "limit_exceeded"


def test_3mf_of_too_many_objects_or_too_deep_is_refused_before_the_library_reads_it(tmp_path: Path) -> None:
    objects = "".join(f'<object id="{n}" type="model">{mesh()}</object>' for n in range(1, 10_002))
    assert refusal(tmp_path, "3mf", package(model(objects))) == "limit_exceeded"
    deep = f'<object id="1" type="model">{mesh()}</object>' + "".join(
        f'<object id="{n}" type="model"><components><component objectid="{n - 1}"/></components></object>'
        for n in range(2, 300)
    )
    assert refusal(tmp_path, "3mf", package(model(deep, '<item objectid="299"/>'))) == "limit_exceeded"
