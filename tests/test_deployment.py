"""Container files are valid, and say what the code knows: settings, variables, folders. They are not run here."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose, PyOptions, parse_duration

from shapr.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.temporal.yml"
EXAMPLE = ROOT / "deploy" / "compose.env.example"
DOCKERFILE = ROOT / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")
ONE_SHOT = {"temporal-schema", "prepare"}
OURS = {"prepare", "api", "worker-conversions", "worker-compress"}

Service = dict[str, Any]


def services() -> dict[str, Service]:
    """The services, merged as compose does it."""
    found: dict[str, Service] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def environments() -> dict[str, dict[str, str]]:
    return {name: service.get("environment", {}) for name, service in services().items()}


def interpolated(text: str) -> str:
    """The compose file as compose reads it, with the example's versions and some passwords."""
    example = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    return re.sub(r"(?<!\$)\$\{(\w+):\?\}", lambda name: example[name[1]] or "secret", text)


def read(text: str) -> PyCompose:
    """The file by the compose specification; ValueError if it is none."""
    compose = PyOptions(apply_merge=True).from_yaml(interpolated(text))
    compose.validate()
    return compose


def test_the_compose_file_is_valid() -> None:
    assert set(read(COMPOSE.read_text()).service_names()) == set(services())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("restart: unless-stopped", "restrt: unless-stopped"),
        ("condition: service_healthy", "condition: healthy"),
        ("networks: [stores]", "networks: [nowhere]"),
        ("stop_grace_period: 60s", "stop_grace_period: later"),
    ],
)
def test_what_is_valid_is_checked(right: str, wrong: str) -> None:
    text = COMPOSE.read_text()
    assert right in text
    with pytest.raises(ValueError, match=r"\w"):
        read(text.replace(right, wrong))


def test_who_is_waited_for_exists_and_is_waited_for_in_the_way_it_can_be() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            waited = services()[other]
            ends = how["condition"] == "service_completed_successfully"
            assert ends == (other in ONE_SHOT), (name, other)
            assert ends or "healthcheck" in waited, (name, other)


def test_data_lives_in_named_volumes() -> None:
    named = set(yaml.safe_load(COMPOSE.read_text())["volumes"])
    mounted = {volume.split(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    assert {volume for volume in mounted if not volume.startswith("./")} == named
    for volume in mounted - named:
        assert (ROOT / volume).is_dir()


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_service_starts_again_and_its_log_is_rotated() -> None:
    for name, service in services().items():
        assert service["restart"] == ("on-failure" if name in ONE_SHOT else "unless-stopped"), name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name


def test_every_server_says_whether_it_is_well() -> None:
    workers = {name for name in services() if name.startswith("worker-")}  # Temporal knows who polls
    assert {name for name, service in services().items() if "healthcheck" not in service} == ONE_SHOT | workers


def test_our_own_containers_are_confined() -> None:
    for name in OURS:
        service = services()[name]
        assert service["read_only"] and service["init"] and service["cap_drop"] == ["ALL"], name
        assert service["mem_limit"] and service["pids_limit"], name
    assert re.search(r"^USER \d{4,}$", DOCKERFILE.read_text(), re.MULTILINE)


def test_a_worker_has_longer_to_stop_than_it_takes() -> None:
    """Its grace, and 5 seconds in which converters are killed and failures are told."""
    for name, service in services().items():
        if name.startswith("worker-"):
            grace = float(environments()[name].get("SHAPR_GRACE", Settings.model_fields["grace"].default))
            assert parse_duration(service["stop_grace_period"]) >= grace + 5, name


def test_the_dockerfile_is_clean() -> None:
    linted = subprocess.run([HADOLINT, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout + linted.stderr


def test_the_linter_would_say_so() -> None:
    spoiled = DOCKERFILE.read_text().replace("USER 10001", "USER root")
    linted = subprocess.run([HADOLINT, "-"], input=spoiled, capture_output=True, text=True)
    assert linted.returncode == 1 and "DL3002" in linted.stdout


def test_every_setting_in_the_compose_file_is_known() -> None:
    given = {name for each in environments().values() for name in each if name.startswith("SHAPR_")}
    assert given
    assert {name.removeprefix("SHAPR_").lower() for name in given} <= set(Settings.model_fields)


def test_every_variable_of_the_compose_file_has_an_example() -> None:
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text()))
    example = EXAMPLE.read_text()
    assert wanted == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_no_password_has_a_default() -> None:
    example = EXAMPLE.read_text()
    assert not re.findall(r"^\w*(?:PASSWORD|SECRET)\w*=.+", example, re.MULTILINE)


def test_both_queues_have_a_worker() -> None:
    commands = [service["command"] for service in services().values() if "shapr" in service.get("command", [])]
    assert ["shapr", "worker", "conversions"] in commands
    assert ["shapr", "worker", "compress"] in commands


def test_the_image_holds_every_package() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = re.findall(r"^COPY (\w+) \1$", DOCKERFILE.read_text(), re.MULTILINE)
    assert set(packages["packages"]) == set(copied)
