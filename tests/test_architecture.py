"""The import contracts cover the whole house: a new top-level folder must appear in them."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = {"benchmarks", "examples", "samples", "tests"}  # run, never imported by the product


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders_with_python() -> set[str]:
    return {path.name for path in ROOT.iterdir() if path.name.isidentifier() and any(path.rglob("*.py"))}


def test_every_folder_with_python_is_a_root_of_the_contracts(project: dict[str, Any]) -> None:
    assert folders_with_python() - SCRIPTS == set(project["tool"]["importlinter"]["root_packages"])


def test_every_root_is_constrained_by_some_contract(project: dict[str, Any]) -> None:
    linter = project["tool"]["importlinter"]
    constrained = {
        name
        for contract in linter["contracts"]
        for key in ("layers", "source_modules", "containers")
        for name in contract.get(key, ())
    }
    assert set(linter["root_packages"]) <= constrained


def test_every_root_is_typed_and_shipped(project: dict[str, Any]) -> None:
    roots = set(project["tool"]["importlinter"]["root_packages"])
    assert set(project["tool"]["mypy"]["packages"]) == roots
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == roots


def test_modules_beside_the_folders_are_forbidden_by_name(project: dict[str, Any]) -> None:
    contracts = project["tool"]["importlinter"]["contracts"]
    forbidden = {name for contract in contracts for name in contract.get("forbidden_modules", ())}
    assert {path.stem for path in ROOT.glob("*.py")} == {"worker_main"}
    assert "worker_main" in forbidden


def test_the_product_imports_no_script(project: dict[str, Any]) -> None:
    for root in project["tool"]["importlinter"]["root_packages"]:
        for path in (ROOT / root).rglob("*.py"):
            assert SCRIPTS.isdisjoint(imported(path)), path


def imported(path: Path) -> Iterator[str]:
    """The first names of what a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
