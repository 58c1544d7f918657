"""Units, scales and tolerances that no length has, in STEP and IGES."""

import re
from collections.abc import Iterator

from benchmarks.hostile.iges import GLOBAL, RULED, iges
from benchmarks.hostile.kit import SAMPLES, Bait, Hostile, either

CODES = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded")
VALUES = {"zero": "0.", "negative": "-25.4", "huge": "1.E+30", "tiny": "1.E-300"}
KINDS = {
    "length": (r"#(\d+) = \( ?LENGTH_UNIT\(\)[^;]*;", "LENGTH_UNIT", "SI_UNIT(.MILLI.,.METRE.)"),
    "angle": (r"#(\d+) = \( ?NAMED_UNIT\(\*\) PLANE_ANGLE_UNIT\(\)[^;]*;", "PLANE_ANGLE_UNIT", "SI_UNIT($,.RADIAN.)"),
}


def files(bait: Bait) -> Iterator[Hostile]:  # noqa: ARG001 - as the others
    bracket = (SAMPLES / "bracket.step").read_text()
    for name, value in VALUES.items():
        for kind in KINDS:
            yield either(f"unit-{kind}-{name}.step", converted(bracket, kind, value), *CODES)
        uncertain = re.sub(r"LENGTH_MEASURE\([^)]*\)", f"LENGTH_MEASURE({value})", bracket)
        yield either(f"uncertainty-{name}.step", uncertain, *CODES)
    for name, (was, now) in {
        "unit-none": (",2,2HMM", ",0,2HMM"),
        "unit-unknown": (",2,2HMM", ",99,2HMM"),
        "unit-named": (",2,2HMM", ",3,9Hlightyear"),
        "model-scale-zero": ("4Hpart,1.,2", "4Hpart,0.,2"),
        "model-scale-negative": ("4Hpart,1.,2", "4Hpart,-1.,2"),
        "model-scale-huge": ("4Hpart,1.,2", "4Hpart,1E300,2"),
        "resolution-huge": ("1E-07", "1E300"),
        "resolution-negative": ("1E-07", "-1."),
    }.items():
        yield either(f"{name}.iges", iges(RULED, head=GLOBAL.replace(was, now)), *CODES)


def converted(step: str, kind: str, value: str) -> str:
    """With a unit that is so much of the standard's."""
    pattern, unit, base = KINDS[kind]
    found = re.search(pattern, step)
    if not found:
        raise AssertionError(f"the sample has no unit of {kind}")
    measure = unit.replace("UNIT", "MEASURE")
    more = (
        f"#9001 = {measure}_WITH_UNIT({measure}({value}),#9002);\n"
        f"#9002 = ( {unit}() NAMED_UNIT(*) {base} );\n"
        "#9003 = DIMENSIONAL_EXPONENTS(0.,0.,0.,0.,0.,0.,0.);\nENDSEC;\nEND-ISO"
    )
    made = step.replace(found[0], f"#{found[1]} = ( CONVERSION_BASED_UNIT('X',#9001) {unit}() NAMED_UNIT(#9003) );")
    return made.replace("ENDSEC;\nEND-ISO", more)
