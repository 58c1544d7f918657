"""Units of STEP that are said in other units than those of the SI: what they come to."""

import time
from pathlib import Path

import pytest

from shapr.converters import preflight
from shapr.converters.brep import measure, step
from shapr.converters.preflight import instead
from shapr.converters.preflight.step import graph_of
from shapr.converters.progress import silent
from tests.converters.kit import SAMPLES
from tests.converters.test_degenerate import replaced

BRACKET = (SAMPLES / "bracket.step").read_text()
MILLIMETRE = r"(#\d+) = \( ?LENGTH_UNIT\(\) NAMED_UNIT\(\*\) SI_UNIT\(\.MILLI\.,\.METRE\.\) ?\);"
FOOT = "#9006=(CONVERSION_BASED_UNIT('FOOT',#9005)LENGTH_UNIT()NAMED_UNIT(#9003));"
INCH = "=(CONVERSION_BASED_UNIT('INCH',#9002)LENGTH_UNIT()NAMED_UNIT(#9003));"
SI = "#9001=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));#9003=DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.);"
PLAIN = "#9002=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#9001);"
SEVERAL = "#9002=(LENGTH_MEASURE_WITH_UNIT()MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#9001));"
TWELVE = "#9005=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(12.),#9004);"


def width(path: Path) -> float:
    preflight.check("step", path)
    found = measure.measured(step.read(path), silent)
    return found.high[0] - found.low[0]


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        (SI + PLAIN + r"\1" + INCH, 25.4),
        (SI + SEVERAL + r"\1" + INCH, 25.4),
        (SI + SEVERAL.replace("25.4", "+2.54E+1") + r"\1" + INCH, 25.4),
        (SI + PLAIN + "#9004" + INCH + TWELVE + FOOT.replace("#9006", r"\1"), 304.8),
        (SI + SEVERAL + "#9004" + INCH + TWELVE + "/* feet */" + FOOT.replace("#9006", r"\1"), 304.8),
    ],
    ids=["inch", "measure of several types", "with signs", "feet in inches", "both"],
)
def test_a_unit_is_what_it_comes_to(tmp_path: Path, unit: str, times: float) -> None:
    plain, changed = tmp_path / "a.step", tmp_path / "b.step"
    plain.write_text(BRACKET)
    changed.write_text(replaced(MILLIMETRE, unit)(BRACKET))
    assert width(changed) == pytest.approx(times * width(plain), rel=1e-6)


def test_what_a_string_says_is_no_definition(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    unit = SI + SEVERAL + r"\1" + INCH + "#9010=X(';#9002=',$);#9011=Y(';#9012=Z();','');"
    path.write_text(replaced(MILLIMETRE, unit)(BRACKET))
    preflight.check("step", path)
    copy = instead.understood(path)
    assert copy != path
    said, meant = (graph_of(each.read_bytes()).defined.tolist() for each in (copy, path))
    assert said == meant


def test_units_of_one_large_measure_are_looked_at_quickly(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    several = SEVERAL.replace("=(", "=(X(" + "1," * 750_000 + "1)")
    many = "".join(f"#{number}{INCH}" for number in range(10_000, 30_000))
    path.write_text(replaced(MILLIMETRE, SI + several + r"\1" + INCH + many)(BRACKET))
    begin = time.process_time()
    preflight.check("step", path)
    assert time.process_time() - begin < 5


def test_a_file_with_ordinary_units_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.step"
    path.write_text(replaced(MILLIMETRE, SI + PLAIN + r"\1" + INCH)(BRACKET))
    preflight.check("step", path)
    assert instead.understood(path) == path
