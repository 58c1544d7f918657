"""docs/cli.md names every command and every option of ours."""

from pathlib import Path

import typer
from typer.core import TyperGroup

from cli.main import app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SHAPR = typer.main.get_command(app)


def test_every_command_is_named() -> None:
    assert isinstance(SHAPR, TyperGroup)
    assert [name for name in SHAPR.commands if f"`shapr {name}" not in DOCUMENT] == []


def test_every_option_is_named() -> None:
    assert isinstance(SHAPR, TyperGroup)
    given = {option for command in SHAPR.commands.values() for each in command.params for option in each.opts}
    assert {option for option in given if option.startswith("-") and f"{option}" not in DOCUMENT} == set()


def test_every_command_explains_itself() -> None:
    assert isinstance(SHAPR, TyperGroup)
    assert [name for name, command in SHAPR.commands.items() if not command.help] == []
