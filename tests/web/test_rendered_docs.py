"""docs/errors.md and docs/settings.md are rendered from the code; a difference is written, and fails once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from shapr.errors import TABLE
from shapr.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def errors() -> str:
    rows = "".join(
        f"| `{row.code}` | {row.status} | {'yes' if row.retryable else 'no'} "
        f"| {row.title} | {row.caller} | {row.operator} |\n"
        for row in TABLE.values()
    )
    return f"""# Errors

Every error is an `application/problem+json` (RFC 9457) with a `code` of this table; for a failed conversion it is its
`error`, with the `step` that failed. *Retryable*: the same request may succeed later, unchanged.

Rendered from `shapr/errors.py` by `tests/web/test_rendered_docs.py`.

| code | status | retryable | meaning | what the caller does | what the operator does |
|---|---|---|---|---|---|
{rows}"""


def settings() -> str:
    prefix = str(Settings.model_config["env_prefix"])
    rows = "".join(
        f"| `{prefix}{name.upper()}` | {shown(field.get_default())} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )
    return f"""# Settings

Read from the environment, and from nowhere else. Sizes are bytes, times are seconds.

Rendered from `shapr/settings.py` by `tests/web/test_rendered_docs.py`.

| variable | default | meaning |
|---|---|---|
{rows}"""


def shown(default: object) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    return f"`{default.get_secret_value() if isinstance(default, SecretStr) else default}`"


@pytest.mark.parametrize(("name", "render"), [("errors.md", errors), ("settings.md", settings)])
def test_the_document_is_what_the_code_says(name: str, render: Callable[[], str]) -> None:
    document, text = DOCS / name, render()
    if not document.exists() or document.read_text() != text:
        document.write_text(text)
        pytest.fail(f"docs/{name} was out of date: it is rendered again, look at the difference and commit it")


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
