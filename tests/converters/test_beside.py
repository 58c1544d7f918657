"""What a STEP file has beside the shapes of its parts, as those of the CAx Implementor Forum and of NIST do: the same
shape tessellated, notes and tolerances, hidden bodies. It does not count as shape, and is named."""

import re
from pathlib import Path

import pytest
from OCP.STEPControl import STEPControl_Reader
from OCP.TopAbs import TopAbs_ShapeEnum

from shapr.converters import preflight
from shapr.converters.brep import document, step
from shapr.converters.preflight.references import LOSS
from shapr.errors import Refused
from tests.converters.kit import SAMPLES, convert, converter, job

BRACKET = (SAMPLES / "bracket.step").read_text()
SHAPE, OF_PART, BODY, FACE, CONTEXT, STYLE = "#10", "#4", "#15", "#17", "#1241", "#1248"

TRIANGLE = """#2000=COORDINATES_LIST('',3,((0.,0.,60.),(9.,0.,60.),(9.,9.,60.)));
#2001=TRIANGULATED_FACE('',#2000,3,(),%s,(),((1,2,3)));
#2002=TESSELLATED_SOLID('',(#2001),%s);
#2003=TESSELLATED_SHAPE_REPRESENTATION('',(#2002),#1241);
"""
SAME = f"#2010=SHAPE_REPRESENTATION_RELATIONSHIP('','',{SHAPE},#2003);\n"
NOTE = f"""#2000=COORDINATES_LIST('',3,((0.,0.,60.),(9.,0.,60.),(9.,9.,60.)));
#2001=TESSELLATED_CURVE_SET('',#2000,((1,2,3)));
#2002=TESSELLATED_GEOMETRIC_SET('note',(#2001));
#2003=TESSELLATED_SHAPE_REPRESENTATION('',(#2002),{CONTEXT});
#2004=TESSELLATED_ANNOTATION_OCCURRENCE('note',(#1249),#2002);
#2005=DRAUGHTING_CALLOUT('note',(#2004));
#2006=DRAUGHTING_MODEL('',(#2005),{CONTEXT});
"""
DRAWN = f"#2007=MECHANICAL_DESIGN_AND_DRAUGHTING_RELATIONSHIP('','',#2006,{SHAPE});\n"
FLATNESS = f"""#2020=SHAPE_ASPECT('','',{OF_PART},.T.);
#2021=GEOMETRIC_ITEM_SPECIFIC_USAGE('','',#2020,{SHAPE},{FACE});
#2022=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(0.1),#1242);
#2023=FLATNESS_TOLERANCE('flat','',#2022,#2020);
#2024=DATUM('','',{OF_PART},.F.,'A');
"""
USE = f"#2030=CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM('',(#1249),{BODY},{STYLE},({SHAPE}));\n"

PMI = "PMI was passed over: dimensions, tolerances, datums, notes and how they are drawn."
HIDES = "Bodies that the file hides were converted like the others: 1."


def with_(path: Path, *more: str) -> Path:
    path.write_text(BRACKET.replace("ENDSEC;\nEND-ISO", "".join(more) + "ENDSEC;\nEND-ISO"))
    return path


def solids(path: Path) -> int:
    return document.count(document.shape(step.read(path)), TopAbs_ShapeEnum.TopAbs_SOLID)


@pytest.mark.parametrize(
    "beside",
    {
        "solid": (TRIANGLE % ("$", BODY), SAME),
        "face": (TRIANGLE % (FACE, "$"), SAME.replace(f"{SHAPE},#2003", f"#2003,{SHAPE}")),
        "of the part": (TRIANGLE % ("$", BODY), f"#2010 = SHAPE_DEFINITION_REPRESENTATION ({OF_PART},#2003);\n"),
        "note": (NOTE, DRAWN),
        "note, said otherwise": (NOTE, DRAWN.replace(f"#2006,{SHAPE}", f"{SHAPE},#2006")),
    }.items(),
    ids=lambda each: each[0],
)
def test_a_part_with_something_beside_its_shape_is_one_body(
    tmp_path: Path, beside: tuple[str, tuple[str, ...]]
) -> None:
    path = with_(tmp_path / "a.step", *beside[1])
    plain = STEPControl_Reader()
    plain.ReadFile(str(path))
    plain.TransferRoots()
    assert document.count(plain.OneShape(), TopAbs_ShapeEnum.TopAbs_SOLID) == 2, "the kernel alone makes two of it"
    assert solids(path) == 1


async def test_a_tessellated_body_that_is_no_exact_one_is_kept_too(tmp_path: Path) -> None:
    path = with_(tmp_path / "a.step", TRIANGLE % ("$", "$"), SAME)
    answer = await converter().convert(job(tmp_path, path, "stl"), lambda _: None)
    assert answer.report["source"]["bodies"] == 2
    assert answer.report["outputs"]["stl"]["bodies"] == 2


async def test_pmi_is_named_and_keeps_no_output_from_being_written(tmp_path: Path) -> None:
    path = with_(tmp_path / "a.step", NOTE, DRAWN, FLATNESS)
    made = await convert(tmp_path, path, "step", step_schema="AP242")
    assert made["step"].error is None
    assert made["step"].path is not None
    text = made["step"].path.read_text()
    assert not any(word in text for word in ("TOLERANCE", "ANNOTATION", "DATUM")), "nor are there pieces of it"


CALCULATED = "Solids that are primitives, sweeps or calculated of others were passed over: 1."
SWEPT = CALCULATED.replace("1.", "2.")


def test_primitives_alone_are_not_supported(tmp_path: Path) -> None:
    path = with_(tmp_path / "a.step", "#2050=BLOCK('',#11,1.,1.,1.);\n#2051=CSG_SOLID('',#2050);\n")
    path.write_text(re.sub(r"(ADVANCED_FACE|CLOSED_SHELL|MANIFOLD_SOLID_BREP)(?= ?\()", "X", path.read_text()))
    with pytest.raises(Refused, match="unsupported_geometry"):
        preflight.check("step", path)


@pytest.mark.parametrize("kind", ["EXTRUDED", "REVOLVED"])
def test_swept_faces_alone_are_not_either(tmp_path: Path, kind: str) -> None:
    """The face is in the file as others are."""
    path = with_(tmp_path / "a.step", f"#2050={kind}_FACE_SOLID('',#17,#11,1.);\n")
    text = re.sub(r"(ADVANCED_FACE|CLOSED_SHELL|MANIFOLD_SOLID_BREP)(?= ?\()", "X", path.read_text())
    path.write_text(re.sub(r"#17 = X", "#17 = ADVANCED_FACE", text))
    with pytest.raises(Refused, match="unsupported_geometry"):
        preflight.check("step", path)


@pytest.mark.parametrize(
    ("said", "losses"),
    [
        (FLATNESS, (PMI,)),
        (NOTE, (PMI,)),
        (
            f"#2040=CONSTRUCTIVE_GEOMETRY_REPRESENTATION('',(#11),{CONTEXT});\n",
            ("Construction geometry was passed over.",),
        ),
        (USE, ("Colours that single uses of a part have were passed over: 1.",)),
        (f"#2050=INVISIBILITY(({STYLE}));\n", (HIDES,)),
        (f"#2050=PRESENTATION_LAYER_ASSIGNMENT('1','',({BODY}));\n#2051=INVISIBILITY((#2050));\n", (HIDES,)),
        (f"#2050=PRESENTATION_LAYER_ASSIGNMENT('1','',({STYLE}));\n#2051=INVISIBILITY((#2050));\n", (HIDES,)),
        ("#2050=PRESENTATION_LAYER_ASSIGNMENT('axes','',(#11));\n#2051=INVISIBILITY((#2050));\n", ()),
        ("#2050=BLOCK('',#11,1.,1.,1.);\n#2051=CSG_SOLID('',#2050);\n", (CALCULATED,)),
        ("#2050=EXTRUDED_FACE_SOLID('',#11,#11,1.);\n#2051=EXTRUDED_FACE_SOLID('',#11,#11,2.);\n", (SWEPT,)),
        ("#2050=DESCRIPTIVE_REPRESENTATION_ITEM('','DRAUGHTING_CALLOUT, INVISIBILITY');\n", ()),
    ],
    ids=[
        "tolerance",
        "note",
        "construction",
        "one use",
        "hidden",
        "layer",
        "style on layer",
        "axes",
        "csg",
        "swept",
        "words",
    ],
)
def test_what_is_passed_over_is_named(tmp_path: Path, said: str, losses: tuple[str, ...]) -> None:
    assert preflight.check("step", with_(tmp_path / "a.step", said)) == losses


ANCHORS = "ANCHOR;\n<part>=#7;\n<words> = 'ENDSEC; DATA;';\nENDSEC;\nREFERENCE;\nENDSEC;\nDATA;\n#1 ="
TWO = "ENDSEC;\nDATA('the rest; DATA;',('AUTOMOTIVE_DESIGN'));\n#1000 ="


@pytest.mark.parametrize(
    "changes",
    {
        "byte order mark": {"ISO-10303-21;": "\ufeffISO-10303-21;"},
        "anchors": {"DATA;\n#1 =": ANCHORS},
        "named section": {"DATA;\n": "DATA ('all',('AUTOMOTIVE_DESIGN'));\n"},
        "two sections": {"DATA;\n": "DATA('some',('AUTOMOTIVE_DESIGN'));\n", "#1000 =": TWO},
        "comments": {"#15 =": "#15 /* the body; it's #16 = */ ="},
        "lines": {"#15 =": "#15\n="},
        "lines with blanks": {"#15 =": "#15 /* the body */ \r\n\n  ="},
    }.items(),
    ids=lambda each: each[0],
)
def test_text_of_later_editions_is_read(tmp_path: Path, changes: tuple[str, dict[str, str]]) -> None:
    text = BRACKET
    for old, new in changes[1].items():
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "a.step"
    path.write_text(text)
    assert preflight.check("step", path) == ()
    assert solids(path) == 1


def test_references_of_the_third_edition_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    path.write_text(BRACKET.replace("DATA;\n", "REFERENCE;\n#9001=<other.step#part>;\nENDSEC;\nDATA;\n", 1))
    assert preflight.check("step", path) == (LOSS,)
    assert solids(path) == 1


async def test_bodies_of_one_part_are_called_like_it(tmp_path: Path) -> None:
    """The kernel's writers called them "part 3.1" and "node 2"."""
    sheet = f"""#2000=OPEN_SHELL('',({FACE}));
#2001=SHELL_BASED_SURFACE_MODEL('',(#2000));
#2002=MANIFOLD_SURFACE_SHAPE_REPRESENTATION('',(#11,#2001),{CONTEXT});
#2003=SHAPE_DEFINITION_REPRESENTATION({OF_PART},#2002);
"""
    path = with_(tmp_path / "a.step", sheet)
    answer = await converter().convert(job(tmp_path, path, "step,glb"), lambda _: None)
    assert answer.report["source"]["bodies"] == 2
    told = {each: answer.report["outputs"][each] for each in ("step", "glb")}
    assert [each["names"] for each in told.values()] == [1, 1]
    assert not [loss for each in told.values() for loss in each["losses"] if "names" in loss]
