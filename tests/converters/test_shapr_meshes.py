"""Mesh bodies of `.shapr` projects that are not all mesh, or more than one."""

from pathlib import Path

import pytest

from shapr.errors import Refused
from tests.converters.shaprkit import meshbody
from tests.converters.shaprkit.nodes import MESHES
from tests.converters.shaprkit.project import Project
from tests.converters.shaprkit.reading import read
from tests.converters.test_shapr_project import CUBE, TRIANGLES


@pytest.mark.parametrize("more", ["mesh", "face"])
def test_a_mesh_body_with_more_to_it_is_refused_by_name(more: str, tmp_path: Path) -> None:
    """The first mesh alone would be half of it without a word."""
    nodes = meshbody.build(CUBE, TRIANGLES)
    if more == "mesh":
        nodes.add("PSM_MESH")
    else:
        nodes.add("FACE", surface=nodes.add("PLANE", pvec=(0, 0, 0), normal=(0, 0, 1), x_axis=(1, 0, 0)))
    project = Project()
    feature = project.feature("Import")
    project.label(feature, project.create(feature, nodes.data(MESHES)), title="Scan")
    with pytest.raises(Refused, match="Scan: a body of several meshes, or of meshes and surfaces"):
        read(project, tmp_path)
