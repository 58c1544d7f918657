"""Damaged `.shapr` files: whatever is broken, the end is a project or a code of the table."""

import pytest

from tests.converters.shaprkit import fuzz


@pytest.mark.parametrize("level", fuzz.LEVELS)
def test_damage_ends_with_a_code(level: str) -> None:
    told: list[str] = []
    found = fuzz.endings(40, seed=5, levels=(level,), told=told.append)
    assert sum(found.values()) == 40
    assert not [each for each in told if "crash" not in each]
    assert set(found) - {"Project", "crash"}, "nothing was damaged"
