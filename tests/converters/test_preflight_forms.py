"""Parameters of STEP entities that stand otherwise than the kernel takes for granted: it crashed on each of these."""

from pathlib import Path

import pytest

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
        (r"(#501 = )ORIENTED_EDGE", r"\1('',#1371,#1372,#1373)"),
    ],
)
def test_an_entity_that_the_kernel_would_leave_empty_is_refused(tmp_path: Path, pattern: str, new: str) -> None:
    assert code(tmp_path, "step", replaced(pattern, new)(HINGE)) == "corrupt_file"


def test_an_edge_may_be_of_several_types(tmp_path: Path) -> None:
    several = replaced(r"(#501 = )(ORIENTED_EDGE\([^)]*\));", r"\1(A()\2B());")(HINGE)
    assert looked(tmp_path, "step", several) == ()
