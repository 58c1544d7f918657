"""3MF objects that are no part: supports, surfaces, what is not to be printed."""

import shutil
from pathlib import Path

import pytest

from tests.converters.test_gltf import CORPUS, quiet
from tests.converters.test_threemf import model, read, tetrahedron, threemf

OUT, LIKE = "are left out", "are converted like parts"


def of_types(*types: str, build: str = "") -> str:
    """An object of each, called like it, all of them built."""
    objects = (
        f'<object id="{at}" name="{each}" type="{each}">{tetrahedron()}</object>' for at, each in enumerate(types, 1)
    )
    items = (f'<item objectid="{at}"/>' for at in range(1, len(types) + 1))
    return model("".join(objects), build or "".join(items))


@pytest.mark.parametrize(
    ("types", "kept", "losses"),
    [
        (("model",), ("model",), ()),
        (("model", "support", "support"), ("model",), (f"supports {OUT}: 2",)),
        (("model", "other"), ("model",), (f"objects of the type other {OUT}: 1",)),
        (("model", "solidsupport"), ("model", "solidsupport"), (f"solid supports {LIKE}: 1",)),
        (("surface", "support"), ("surface",), (f"supports {OUT}: 1", f"objects of the type surface {LIKE}: 1")),
        (("support", "support"), ("support", "support"), (f"supports {LIKE}: 2",)),
    ],
)
def test_the_type_says_what_is_a_body(
    tmp_path: Path, types: tuple[str, ...], kept: tuple[str, ...], losses: tuple[str, ...]
) -> None:
    mesh = read(tmp_path, of_types(*types))
    assert tuple(part.name for part in mesh.parts) == kept
    assert mesh.losses == losses


def test_the_type_of_an_object_with_components_means_nothing(tmp_path: Path) -> None:
    part = f'<object id="1" name="a" type="model">{tetrahedron()}</object>'
    support = f'<object id="2" type="support">{tetrahedron()}</object>'
    held = '<component objectid="1"/><component objectid="2"/>'
    whole = f'<object id="3" type="support"><components>{held}</components></object>'
    mesh = read(tmp_path, model(part + support + whole, '<item objectid="3"/>'))
    assert [each.name for each in mesh.parts] == ["a"]
    assert mesh.losses == (f"supports {OUT}: 1",)
    assert not mesh.tree


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('printable="0"', 1),
        ("p:printable = 'false' partnumber=\"7\"", 1),
        ('printable="1"', 0),
        ('partnumber="printable=0"', 0),
    ],
)
def test_what_is_not_to_be_printed_is_there_and_told(tmp_path: Path, said: str, told: int) -> None:
    content = of_types("model", build=f'<item objectid="1"/><item objectid="1" {said}/>')
    mesh = read(
        tmp_path,
        content.replace("<model ", '<model xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06" '),
    )
    assert len(mesh.parts) == 2
    losses = [loss for loss in mesh.losses if "number" not in loss]
    assert losses == ([f"items that are not to be printed are converted like the others: {told}"] if told else [])


def test_supports_of_the_consortium_s_own_file_are_left_out(tmp_path: Path) -> None:
    path = CORPUS / "MUSTPASS_Chapter4.1_ExplicitSupport.3mf"
    if not path.exists():
        pytest.skip("no corpus here")
    assert threemf.read(Path(shutil.copy(path, tmp_path)), "a", quiet).losses == (f"supports {OUT}: 1",)
