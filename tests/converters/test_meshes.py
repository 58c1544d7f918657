"""GLB from a mesh."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings

from shapr.converters.mesh import gltf
from shapr.converters.mesh.model import Mesh
from tests.converters.meshes import meshes, soup


@given(meshes())
@settings(max_examples=30, deadline=None)
def test_glb_is_read_by_others(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh) -> None:
    path = tmp_path_factory.mktemp("glb") / "a.glb"
    gltf.write(mesh, path, {}, lambda _: None)
    loaded = trimesh.load_mesh(path, process=False)
    x, y, z = np.moveaxis(soup(mesh).astype("f8"), -1, 0)
    expected = np.stack([x, z, -y], axis=-1) * 0.001
    assert np.allclose(loaded.vertices[loaded.faces], expected, rtol=1e-6, atol=1e-9)
