"""A source is what its row announced, or it is refused."""

import pytest

from activities.upload import agreed
from shapr.conversion import Source
from shapr.errors import Refused

SHA = "a" * 64


def test_what_was_announced_is_taken() -> None:
    announced = Source(name="a.step", format="step", size=9, sha256=SHA)
    assert agreed(announced, 9, SHA) == announced


def test_what_was_not_announced_is_filled_in() -> None:
    assert agreed(Source(name="a.step", format="step"), 9, SHA).sha256 == SHA


@pytest.mark.parametrize(("size", "sha"), [(8, SHA), (9, "b" * 64)])
def test_other_bytes_are_refused(size: int, sha: str) -> None:
    with pytest.raises(Refused, match="checksum_mismatch"):
        agreed(Source(name="a.step", format="step", size=9, sha256=SHA), size, sha)
