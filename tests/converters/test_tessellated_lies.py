"""Tessellated STEP that lies: refused with a code before the kernel sees it, which believes all of it."""

from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import proxies
from shapr.converters.mesh import model as meshes
from shapr.errors import Refused
from tests.converters.kit import convert
from tests.converters.tessellations import CORNERS, coordinates, cube, file, listed, numbers, opened, part, used

POINTS = coordinates(100)
SHOWN = part(20, "part", "#101")
FACE = "#101=TRIANGULATED_FACE('',#100,8,(),$,(),((1,2,3)));\n"
STRIP = "#101=COMPLEX_TRIANGULATED_FACE('',#100,8,(),$,(),((1,2,3,4)),((1,2,3)));\n"
FEW = FACE.replace("8,(),$,()", "3,(),$,(1,2,3)")
NAN = POINTS.replace("(10.0,", "(NAN,", 1)
SHELL = "#110=TESSELLATED_SHELL('',(%s),$);\n"


@pytest.mark.parametrize(
    "lie",
    {
        "beyond": ("corrupt_file", (POINTS, FACE.replace("1,2,3)", "1,2,9)"))),
        "zero": ("corrupt_file", (POINTS, FACE.replace("1,2,3)", "0,2,3)"))),
        "negative": ("corrupt_file", (POINTS, FACE.replace("1,2,3)", "-1,2,3)"))),
        "huge": ("corrupt_file", (POINTS, FACE.replace("1,2,3)", "99999999999999999999,2,3)"))),
        "fraction": ("corrupt_file", (POINTS, FACE.replace("1,2,3)", "1.5,2,3)"))),
        "word": ("corrupt_file", (POINTS, FACE.replace("1,2,3)", "a,2,3)"))),
        "pnindex beyond": ("corrupt_file", (POINTS, FEW.replace("(1,2,3),((", "(1,2,9),(("))),
        "beyond pnindex": ("corrupt_file", (POINTS, FEW.replace("((1,2,3))", "((1,2,4))"))),
        "pnindex of lists": ("corrupt_file", (POINTS, FEW.replace("(1,2,3),((", "((1,2,3)),(("))),
        "strip beyond": ("corrupt_file", (POINTS, STRIP.replace("3,4)", "3,9)"))),
        "fan beyond": ("corrupt_file", (POINTS, STRIP.replace("((1,2,3))", "((1,2,9))"))),
        "short strip": ("corrupt_file", (POINTS, STRIP.replace("1,2,3,4)", "1,2)"))),
        "empty fan": ("corrupt_file", (POINTS, STRIP.replace("((1,2,3))", "(())"))),
        "no fans": ("corrupt_file", (POINTS, STRIP.replace(",((1,2,3))", ""))),
        "four corners": ("corrupt_file", (POINTS, FACE.replace("((1,2,3))", "((1,2,3,4))"))),
        "ragged": ("corrupt_file", (POINTS, FACE.replace("((1,2,3))", "((1,2,3),(1,2))"))),
        "two dimensions": ("corrupt_file", (coordinates(100, [(0, 0), (1, 0), (0, 1)]), FACE.replace("8,", "3,"))),
        "normals of two": ("corrupt_file", (POINTS, FACE.replace("8,()", "8,((0.,1.))"))),
        "no number": ("corrupt_file", (NAN, FACE)),
        "infinite": ("invalid_geometry", (POINTS.replace("(10.0,", "(1E999,", 1), FACE)),
        "count of points": ("corrupt_file", (POINTS.replace("8,", "9,", 1), FACE)),
        "highest index": ("corrupt_file", (POINTS, FACE.replace("8,", "9,"))),
        "highest index that is none": ("corrupt_file", (POINTS, FACE.replace("8,", "$,"))),
        "no points": ("corrupt_file", (POINTS, FACE.replace("#100", "#8"))),
        "points that are not there": ("corrupt_file", (POINTS, FACE.replace("#100", "#999"))),
        "only a name": ("corrupt_file", (POINTS, "#101=TRIANGULATED_FACE('');\n")),
        "one point": ("no_geometry", (POINTS, FACE.replace("1,2,3)", "1,1,1)"))),
        "no triangles": ("no_geometry", (POINTS, FACE.replace("((1,2,3))", "()"))),
        "cycle": ("corrupt_file", (POINTS, FACE, SHELL % "#110,#101")),
        "set of itself": ("corrupt_file", (POINTS, FACE, "#110=TESSELLATED_GEOMETRIC_SET('',(#110,#101));\n")),
        "no lists": ("corrupt_file", (POINTS.replace("TES_", "TE_"), FACE)),
        "curved": ("no_geometry", (POINTS, FACE.replace("TRIANG", "CUBIC_BEZIER_TRIANG"))),
    }.items(),
    ids=lambda each: each[0],
)
def test_lies_are_refused(tmp_path: Path, lie: tuple[str, tuple[str, tuple[str, ...]]]) -> None:
    code, definitions = lie[1]
    path = file(tmp_path / "a.step", *definitions, SHOWN)
    with pytest.raises(Refused) as refused:
        preflight.check("step", path)
        opened(path)
    assert refused.value.code == code


def test_an_item_without_an_end_takes_the_next_one_with_it(tmp_path: Path) -> None:
    """The kernel crashed on the shell that held both."""
    face = FACE.replace("#101", "#102")
    path = file(tmp_path / "a.step", POINTS, FACE.replace(";", ""), face, SHELL % "#101,#102", part(20, "a", "#110"))
    assert opened(path).measured().triangles == 1


@pytest.mark.parametrize(
    "held",
    ["#101,#999", "#101,#109", "#101,#111", "#101,#101", "#101,#8"],
    ids=["what is not there", "an edge", "a solid", "twice", "a point"],
)
async def test_a_shell_with_anything_but_faces_keeps_its_faces(tmp_path: Path, held: str) -> None:
    """The kernel crashed on it, or forgot all of it."""
    more = "#109=TESSELLATED_EDGE('',#100,$,(1,2));\n#111=TESSELLATED_SOLID('',(#101),$);\n", SHELL % held
    made = await convert(tmp_path, file(tmp_path / "a.step", POINTS, FACE, *more, part(20, "part", "#110")), "stl")
    assert made["stl"].path is not None


def test_what_expands_to_too_many_triangles_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "MAX_TRIANGLES", 100)
    uses = [used(1000 + 10 * at, 40, 20, (at, 0, 0), (1, 0, 0)) for at in range(9)]
    solid = cube(100) + f"#110=TESSELLATED_SOLID('cube',({numbers(101)}),$);\n"
    path = file(tmp_path / "a.step", solid, part(20, "a", "#110"), part(40, "whole", "#11"), *uses)
    with pytest.raises(Refused, match="decompression_bomb"):
        opened(path)
    monkeypatch.setattr(proxies, "MAX_TRIANGLES", meshes.MAX_TRIANGLES)
    assert opened(path).measured().triangles == 9 * 12


def test_sets_that_double_are_opened_once(tmp_path: Path) -> None:
    """Thirty nested doublings would be a billion."""
    sets = ["#1000=TESSELLATED_GEOMETRIC_SET('',(#101));\n"]
    sets += [f"#{1001 + at}=TESSELLATED_GEOMETRIC_SET('',(#{1000 + at},#{1000 + at}));\n" for at in range(30)]
    model = opened(file(tmp_path / "a.step", POINTS, FACE, *sets, part(20, "part", "#1030")))
    assert (model.measured().triangles, len(model.losses)) == (1, 1)


def test_text_that_looks_like_a_face_is_none(tmp_path: Path) -> None:
    """In strings and comments."""
    said = "#102=DESCRIPTIVE_REPRESENTATION_ITEM('','#103=TRIANGULATED_FACE(;');\n/* it's #101=TRIANGULATED_FACE(;*/\n"
    face = FACE.replace("FACE(''", "FACE /* ;' */ ( 'it''s; #9=TRIANGULATED_FACE('").replace("(1,2", "(1, /*;*/ 2")
    points = listed([tuple(map(float, point)) for point in CORNERS]).replace("),(", " )\n,( ")
    both = part(20, "part", "#101,#105")
    path = file(
        tmp_path / "a.step",
        said,
        f"#100 = COORDINATES_LIST ('' ,8, {points});\n",
        face,
        FACE.replace("#101", "#105"),
        both,
    )
    assert opened(path).mesh(0).parts[0].name == "it's; #9=TRIANGULATED_FACE("
