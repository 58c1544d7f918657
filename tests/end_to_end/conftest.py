"""Files of other people, for the tests that drive the whole service."""

from pathlib import Path

import pytest

from tests.end_to_end.service import CORPUS


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return CORPUS
