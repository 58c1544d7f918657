"""The zygote that the kit's conversions share ends with the tests."""

from collections.abc import Iterator

import pytest

from tests.converters.kit import converter


@pytest.fixture(scope="session", autouse=True)
def one_zygote() -> Iterator[None]:
    yield
    if converter.cache_info().currsize:
        converter().close()
