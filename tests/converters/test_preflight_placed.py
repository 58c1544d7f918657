"""What the text of a STEP file shows of the operators that place its parts."""

import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.errors import Refused
from tests.converters.test_placed import AXES, BRACKET, with_


@pytest.mark.parametrize(
    ("operator", "code"),
    [
        ("$,$,#3004,$,$", None),
        ("#3001,#3002,#3004,2.,#3003", None),
        ("#3001,$,#3004,0.,#3003", "invalid_geometry"),
        ("#3001,$,#3004,-1.,#3003", "invalid_geometry"),
        ("#3001,$,#3004,1.E-30,#3003", "invalid_geometry"),
        ("#3001,#3004,#3004,1.,#3003", "corrupt_file"),
        ("#3001,#3002,#3004,big,#3003", "corrupt_file"),
        ("#3001,#3002,#3004", "corrupt_file"),
        (
            "$,$,#3004,$,$);\n#3011=(CARTESIAN_TRANSFORMATION_OPERATOR_3D($)REPRESENTATION_ITEM('')",
            "unsupported_geometry",
        ),
    ],
    ids=[
        "as it is",
        "scaled",
        "to nothing",
        "by less than nothing",
        "to next to nothing",
        "no direction",
        "no number",
        "cut short",
        "in parts",
    ],
)
def test_an_operator_says_what_it_does(tmp_path: Path, operator: str, code: str | None) -> None:
    path = with_(tmp_path / "a.step", BRACKET, "1.", False)
    path.write_text(path.read_text().replace("#3001,#3002,#3004,1.,#3003", operator))
    if code is None:
        assert preflight.check("step", path) == ()
        return
    with pytest.raises(Refused, match=code):
        preflight.check("step", path)


@pytest.mark.parametrize(("scale", "refused"), [("1.", False), ("2.", True)])
def test_a_surface_that_is_scaled_by_an_operator_is_refused(tmp_path: Path, scale: str, *, refused: bool) -> None:
    path = with_(tmp_path / "a.step", BRACKET, scale, False)
    path.write_text(
        path.read_text().replace("ENDSEC;\nEND-ISO", "#3011=SURFACE_REPLICA('',#31,#3010);\nENDSEC;\nEND-ISO")
    )
    with pytest.raises(Refused, match="unsupported_geometry") if refused else nullcontext():
        preflight.check("step", path)


def test_many_operators_are_looked_at_in_the_time_of_few(tmp_path: Path) -> None:
    one = "CARTESIAN_TRANSFORMATION_OPERATOR_3D('','',$,#3001,#3002,#3004,$,#3003);\n"
    more = AXES % ("-1.", "$") + "".join(f"#{number}={one}" for number in range(10_000, 30_000))
    (tmp_path / "a.step").write_text(BRACKET.replace("ENDSEC;\nEND-ISO", more + "ENDSEC;\nEND-ISO"))
    begun = time.process_time()
    preflight.check("step", tmp_path / "a.step")
    assert time.process_time() - begun < 5  # 0.5 s; each with a look through the text: 60
