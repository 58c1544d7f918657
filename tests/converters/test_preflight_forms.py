"""Parameters of STEP entities that stand otherwise than the kernel takes for granted: it crashed on each of these."""

import re
import time
from pathlib import Path

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge
from OCP.BRepPrimAPI import BRepPrimAPI_MakePrism
from OCP.gp import gp_Ax2, gp_Elips, gp_Vec

from shapr.converters import preflight
from shapr.converters.brep import document, measure, step
from shapr.converters.progress import silent
from tests.converters.kit import SAMPLES
from tests.converters.test_degenerate import replaced
from tests.converters.test_preflight import code, looked

HINGE = (SAMPLES / "assembly.step").read_text()


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"LINE\('',(#\d+),(#\d+)\)", r"LINE(\2,\1,'')"),
        (r"LINE\('',(#\d+),(#\d+)\)", r"LINE('',\2,\1)"),
        (r"VECTOR\('',(#\d+),1.\)", r"VECTOR('',\1)"),
        (r"VECTOR\('',(#\d+),1.\)", r"VECTOR('',\1,\1)"),
        (r"(VERTEX_POINT\('',#(\d+)\).*#\2 = CARTESIAN_POINT\('',\([^,]*,[^,)]*),[^)]*", r"\1"),
        (r"(DEFINITIONAL_REPRESENTATION\('',\()#\d+", r"\g<1>#12"),
        (r"(DEFINITIONAL_REPRESENTATION\(''),\(#\d+\)", r"\1,1E99"),
        (r"(DEFINITIONAL_REPRESENTATION\(''),\(#\d+\)", r"\1,*"),
        (r"SURFACE_SIDE_STYLE\(", "SURFACE_SIDE_STYL("),
        (r"(#501 = )ORIENTED_EDGE", r"\1('',#1371,#1372,#1373)"),
        (r"(#501 = ORIENTED_EDGE\('',\*,\*),#\d+", r"\1,($)"),
        (r"VECTOR\('',(#\d+),1.\)", r"VECTOR(,\1,1.)"),
        (r"AXIS2_PLACEMENT_3D\('',", r"AXIS2_PLACEMENT_3D(,"),
        (r"AXIS2_PLACEMENT_3D\('',#\d+,", r"AXIS2_PLACEMENT_3D('',"),
        (r"(NEXT_ASSEMBLY_USAGE_OCCURRENCE\('[^']*','[^']*',)''", r"\1#99999"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=CONNECTED_FACE_SET('',(#12,*));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=CONNECTED_FACE_SET('',(#12,));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=MAPPED_ITEM('',$,#12);\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=PRESENTATION_LAYER_ASSIGNMENT($,'',(#12));\1"),
        (r"SURFACE_STYLE_USAGE\(\.BOTH\.", "SURFACE_STYLE_USAGE("),
        (r"VECTOR\('',#\d+,1.\)(.*ENDSEC)", r"VECTOR('',#90000,1.)\1;#90000=(A()B());ENDSEC"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=POLY_LOOP('',(#12,1.E30));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=POLY_LOOP('',(#99999));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=POLY_LOOP('',(#90001));#90001=CARTESIAN_POINT('',(0.,0.));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=POLY_LOOP('',(#90001));#90001=DIRECTION('',(0.,0.,1.));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=(CONVERSION_BASED_UNIT($,#12)LENGTH_UNIT()NAMED_UNIT(#12));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=(CONVERSION_BASED_UNIT('INCH',$)LENGTH_UNIT()NAMED_UNIT(#12));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=(CONVERSION_BASED_UNIT('INCH',#99999)LENGTH_UNIT()NAMED_UNIT(#12));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=(CONVERSION_BASED_UNIT('X',#12)LENGTH_UNIT(#12)NAMED_UNIT(#12));\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=DRAUGHTING_PRE_DEFINED_COLOUR($);\1"),
        (r"(ENDSEC;\s*END-ISO)", r"#90000=(LENGTH_UNIT()NAMED_UNIT(*)CONVERSION_BASED_UNIT('X',#12));\1"),
    ],
)
def test_an_entity_that_the_kernel_would_leave_empty_is_refused(tmp_path: Path, pattern: str, new: str) -> None:
    assert code(tmp_path, "step", replaced(pattern, new)(HINGE)) == "corrupt_file"


def test_what_these_entities_may_be_made_of_is_read(tmp_path: Path) -> None:
    more = (
        "#90000=POLY_LOOP('',(#90001,#90001));#90001=CARTESIAN_POINT('',(0.,0.,0.));"
        "#90002=(CONVERSION_BASED_UNIT('INCH',#90001)LENGTH_UNIT()NAMED_UNIT(*));"
        "#90003=DRAUGHTING_PRE_DEFINED_COLOUR('it''s red');"
        "#90005=VECTOR('',#13,1.);"
        "#90007=(COLOUR()PRE_DEFINED_COLOUR()PRE_DEFINED_ITEM('red'));#90008=CONVERSION_BASED_UNIT(*,'INCH',#90001);"
        "#90009=CAMERA_USAGE(#90006,#12);#90010=MAPPED_ITEM('',#90009,#90006);"
        "#90006=AXIS2_PLACEMENT_3D('',#90001,$,$);"
    )
    assert looked(tmp_path, "step", replaced(r"(ENDSEC;\s*END-ISO)", more + r"\1")(HINGE)) == ()


def test_a_swept_surface_needs_what_it_is_swept_along(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    ellipse = BRepBuilderAPI_MakeEdge(gp_Elips(gp_Ax2(), 3, 1)).Edge()
    step.write(
        document.holding(BRepPrimAPI_MakePrism(ellipse, gp_Vec(0, 0, 2)).Shape(), "a"),
        path,
        "a.step",
        {"step_schema": "AP214", "units": "mm"},
    )
    swept = path.read_text()
    assert looked(tmp_path, "step", swept) == ()
    change = replaced(r"(SURFACE_OF_LINEAR_EXTRUSION\('',(#\d+),)#\d+", r"\1\2")
    assert code(tmp_path, "step", change(swept)) == "corrupt_file"


def test_an_edge_may_be_one_of_a_seam(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    path.write_text(replaced(r"(#501 = )ORIENTED_EDGE\(([^)]*)\);", r"\1SEAM_EDGE(\2,$);")(HINGE))
    assert preflight.check("step", path) == ()
    assert measure.measured(step.read(path), silent).solids == 3


SEVERAL = [
    (r"EDGE_CURVE\('',(#\d+,#\d+),(#\d+,\.T\.)\)", r"(EDGE(\1)EDGE_CURVE(\2)REPRESENTATION_ITEM(''))"),
    (r"CLOSED_SHELL\('',(\([^)]*\))\)", r"(CLOSED_SHELL()CONNECTED_FACE_SET(\1)REPRESENTATION_ITEM(''))"),
    (r"VECTOR\('',(#\d+,1.)\)", r"(GEOMETRIC_REPRESENTATION_ITEM()REPRESENTATION_ITEM('')VECTOR(\1))"),
    (r"VERTEX_POINT\('',(#\d+)\)", r"(REPRESENTATION_ITEM('')VERTEX()VERTEX_POINT(\1))"),
    (r"(#501 = )(ORIENTED_EDGE\([^)]*\));", r"\1(A()\2B());"),
    (r"(#10 = )SHAPE_REPRESENTATION(\([^;]*\));", r"\1(REPRESENTATION\2SHAPE_REPRESENTATION());"),
]


@pytest.mark.parametrize(("pattern", "new"), SEVERAL)
def test_what_the_kernel_knows_by_one_name_alone_is_not_lost(tmp_path: Path, pattern: str, new: str) -> None:
    """It left out what was made so, or crashed."""
    assert code(tmp_path, "step", replaced(pattern, new)(HINGE)) == "unsupported_geometry"


def test_tessellated_shapes_are_placed(tmp_path: Path) -> None:
    kind = r"(#40 = )ADVANCED_BREP_SHAPE_REPRESENTATION(\([^;]*)\);"
    accuracy = r"\1TESSELLATED_SHAPE_REPRESENTATION_WITH_ACCURACY_PARAMETERS\2,$,$,$,$,$,$);"
    assert looked(tmp_path, "step", replaced(kind, accuracy)(HINGE)) == ()


PLACED = r"(\( REPRESENTATION_RELATIONSHIP\('',''),(#\d+),(#\d+)\)"


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (PLACED, r"\1,#99999,\3)"),
        (PLACED, r"\1,\2,#99999)"),
        (PLACED, r"\1,#11,\3)"),
        (PLACED, r"\1,$,\3)"),
        (r"PRODUCT_CONTEXT\(", "''("),
    ],
)
def test_what_is_placed_and_in_what_has_to_be_representations(tmp_path: Path, pattern: str, new: str) -> None:
    assert looked(tmp_path, "step", HINGE) == ()
    assert code(tmp_path, "step", replaced(pattern, new)(HINGE)) == "corrupt_file"


UNKNOWN = "(UNKNOWN_A('first')UNKNOWN_B('second'))"
USED = {
    "LINE": r"DEFINITIONAL_REPRESENTATION\('',\(#(\d+)\)",
    "VECTOR": r"LINE\('',#\d+,#(\d+)\)",
    "CARTESIAN_POINT": r"LINE\('',#(\d+),#\d+\)",
    "DIRECTION": r"VECTOR\('',#(\d+),1.\)",
    "SURFACE_SIDE_STYLE": r"SURFACE_STYLE_USAGE\(\.BOTH\.,#(\d+)\)",
}


@pytest.mark.parametrize("kind", USED)
def test_several_types_have_to_be_the_one_that_is_needed_too(tmp_path: Path, kind: str) -> None:
    used = re.search(USED[kind], HINGE)
    assert used
    said = rf"#{used[1]} = ({kind}\([^;]*\));"
    assert code(tmp_path, "step", replaced(said, f"#{used[1]}={UNKNOWN};")(HINGE)) == "corrupt_file"
    several = replaced(said, rf"#{used[1]}=(A()\1B());")(HINGE)
    assert code(tmp_path, "step", several) == "unsupported_geometry"


def test_a_unit_of_very_many_is_refused_at_once(tmp_path: Path) -> None:
    many = "".join(f"CONVERSION_BASED_UNIT('',#{number})" for number in range(100_000, 119_990))
    there = "".join(f"#{number}=X();" for number in range(100_000, 119_990))
    begin = time.process_time()
    assert (
        code(tmp_path, "step", replaced(r"(ENDSEC;\s*END-ISO)", rf"{there}#90000=({many});\1")(HINGE)) == "corrupt_file"
    )
    assert time.process_time() - begin < 3


def test_a_number_that_two_entities_have_is_refused(tmp_path: Path) -> None:
    """The kernel takes the one here and the other there."""
    twice = HINGE.replace("ENDSEC;\nEND-ISO", f"#31={UNKNOWN};\nENDSEC;\nEND-ISO")
    assert code(tmp_path, "step", twice) == "corrupt_file"
