"""Container files say what the code knows: settings, variables, folders."""

import re
import tomllib
from pathlib import Path

import yaml

from shapr.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.temporal.yml"


def environments() -> dict[str, dict[str, str]]:
    """The environment of each service, merged as compose does it."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {name: service.get("environment", {}) for name, service in services.items()}


def test_every_setting_in_the_compose_file_is_known() -> None:
    given = {name for each in environments().values() for name in each if name.startswith("SHAPR_")}
    assert given
    assert {name.removeprefix("SHAPR_").lower() for name in given} <= set(Settings.model_fields)


def test_every_variable_of_the_compose_file_has_an_example() -> None:
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text()))
    example = (ROOT / "deploy" / "compose.env.example").read_text()
    assert wanted == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_no_password_has_a_default() -> None:
    example = (ROOT / "deploy" / "compose.env.example").read_text()
    assert not re.findall(r"^\w*(?:PASSWORD|SECRET)\w*=.+", example, re.MULTILINE)


def test_both_queues_have_a_worker() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    commands = [service["command"] for service in services.values() if "shapr" in service.get("command", [])]
    assert ["shapr", "worker", "conversions"] in commands
    assert ["shapr", "worker", "compress"] in commands


def test_the_image_holds_every_package() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(packages["packages"]) == set(copied)
