"""`shapr convert` from outside, against the real service."""

import ctypes
import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.cli.conftest import SAMPLES, Shapr

CUT_SHORT = (SAMPLES / "bracket.step").read_bytes()[:3000]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def errors(told: list[dict[str, Any]]) -> list[str | None]:
    return [each["error"] and each["error"]["code"] for each in told]


def test_every_output_comes_home_and_is_told_as_a_table(shapr: Shapr) -> None:
    said = shapr("convert", SAMPLES / "bracket.step", "--to", "stl, GLB", "--to", "stp", "-o", "made/here")
    assert said.code == 0, said.err
    assert names(shapr.folder / "made" / "here") == ["bracket.glb", "bracket.step", "bracket.stl"]
    digest = hashlib.sha256((shapr.folder / "made/here/bracket.stl").read_bytes()).hexdigest()
    (line,) = [line for line in said.out.splitlines() if "bracket.step" in line and " stl " in line]
    assert digest[:12] in line
    assert "made/here/bracket.stl" in line
    assert "bracket.step: completed" in said.err
    assert "lost in stl: exact surfaces became triangles" in said.out


def test_json_is_one_list_and_nothing_else(shapr: Shapr) -> None:
    said = shapr("convert", SAMPLES / "bracket.step", SAMPLES / "assembly.step", "--to", "obj", "--json")
    assert said.code == 0, said.err
    first, second = said.json()
    assert first["source"] == str(SAMPLES / "bracket.step")
    assert first["done"] is True
    assert first["conversion"]["state"] == "completed"
    assert first["saved"] == {"obj": {"path": "bracket.obj", "kept": False}}
    assert second["saved"]["obj"]["path"] == "assembly.obj"


def test_one_bad_file_does_not_keep_the_other_from_home(shapr: Shapr) -> None:
    shapr.file("cut.step", CUT_SHORT)
    said = shapr("convert", "cut.step", SAMPLES / "bracket.step", "--to", "stl", "-o", "out")
    assert said.code == 1
    assert names(shapr.folder / "out") == ["bracket.stl"]
    assert "cut.step: corrupt_file: The file is damaged" in said.err
    assert "Export it again" in said.err


def test_options_arrive_and_refused_ones_are_explained(shapr: Shapr) -> None:
    given = ("-O", "quality=fine", "-O", "up_axis=y", "--options", '{"units": "in", "quality": "draft"}')
    said = shapr("convert", SAMPLES / "bracket.step", "--to", "stl", *given, "--json")
    options = said.json()[0]["conversion"]["outputs"][0]["options"]
    assert (options["quality"], options["units"], options["up_axis"]) == ("fine", "in", "y")
    refused = shapr("convert", SAMPLES / "bracket.step", "--to", "stl", "-O", "colour=red")
    assert refused.code == 1
    assert "invalid_options" in refused.err
    assert "colour" in refused.err


def test_a_source_is_never_overwritten(shapr: Shapr) -> None:
    stl, step = shapr.file("part.stl"), shapr.file("part.step", (SAMPLES / "bracket.step").read_bytes())
    before = stl.read_bytes(), step.read_bytes()
    said = shapr("convert", "part.step", "part.stl", "--to", "stl,step", "-O", "units=in", "--json")
    assert said.code == 0, said.err
    assert (stl.read_bytes(), step.read_bytes()) == before
    made = {each["source"]: {f: s["path"] for f, s in each["saved"].items()} for each in said.json()}
    assert made == {
        "part.step": {"stl": "part.converted.stl", "step": "part.converted.step"},
        "part.stl": {"stl": "part.converted-2.stl", "step": "part.converted-2.step"},
    }


def test_sources_of_the_same_name_do_not_overwrite_each_others_outputs(shapr: Shapr) -> None:
    shapr.file("a/part.stl")
    shapr.file("b/part.stl")
    said = shapr("convert", "a/part.stl", "b/part.stl", "a/part.stl", "--to", "obj", "--json")
    assert [each["saved"]["obj"]["path"] for each in said.json()] == ["part.obj", "part-2.obj"]
    assert names(shapr.folder) == ["a", "b", "part-2.obj", "part.obj"]


def test_an_output_dir_that_is_a_file_is_said(shapr: Shapr) -> None:
    shapr.file("out", b"mine")
    said = shapr("convert", SAMPLES / "bracket.step", "--to", "stl", "-o", "out")
    assert said.code == 1
    assert "unwritable_output" in said.err
    assert (shapr.folder / "out").read_bytes() == b"mine"


@pytest.mark.timeout(60)
def test_what_is_no_readable_file_is_said_for_each(shapr: Shapr) -> None:
    shapr.file("empty.stl", b"")
    (shapr.folder / "folder.stl").mkdir()
    os.mkfifo(shapr.folder / "pipe.stl")  # opening it would wait for ever
    shapr.file("model.txt")
    sources = ("empty.stl", "folder.stl", "pipe.stl", "missing.stl", "/dev/zero", "model.txt")
    said = shapr("convert", *sources, "--to", "obj", "--json")
    assert said.code == 1
    unreadable = ["unreadable_file"] * 4
    assert errors(said.json()) == ["empty_file", *unreadable, "unsupported_format"]


def like_anybody() -> None:
    """Even root then needs the permissions of a file (linux/capability.h, linux/prctl.h)."""
    drop, override, read_search = 24, 1, 2
    for capability in (override, read_search):
        ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0)


def test_a_file_that_may_not_be_read_does_not_keep_the_others_from_being_converted(shapr: Shapr) -> None:
    shapr.file("secret.stl").chmod(0)
    shapr.file("mine.stl")
    with shapr.start("convert", "secret.stl", "mine.stl", "--to", "obj", "--json", before=like_anybody) as process:
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors(json.loads(out)) == ["unreadable_file", None]


def test_strange_names_are_converted_and_shown_without_harm(shapr: Shapr) -> None:
    names = [b"caf\xe9.stl", b"-x.stl", b"[red]a[.red].stl", b"\x1b[31mred\n.stl", b"%41'\".stl"]
    for name in names:
        shapr.file(name)
    said = shapr("convert", "--to", "obj", "--", *names)
    assert said.code == 0, said.err
    assert {name.replace(b".stl", b".obj") for name in names} <= set(os.listdir(os.fsencode(shapr.folder)))
    assert "caf\\xe9.obj" in said.out
    assert "[red]a[.red].obj" in said.out
    assert "\\x1b[31mred\\x0a.obj" in said.out
    shown = shapr("list", "--limit", "5")
    assert "\x1b" not in said.out + said.err + shown.out
    again = shapr("convert", "--to", "obj", "--json", "--", *names).json()
    assert [os.fsencode(each["source"]) for each in again] == names


def test_a_terminal_without_the_letters_of_a_name_is_no_obstacle(shapr: Shapr) -> None:
    shapr.file("支架.stl")
    said = shapr("convert", "支架.stl", "--to", "obj", PYTHONIOENCODING="ascii")
    assert said.code == 0, said.err
    assert "\\u652f\\u67b6.obj" in said.out


def test_a_batch_goes_on_where_it_was_stopped(shapr: Shapr) -> None:
    command = (
        "convert",
        SAMPLES / "bracket.step",
        SAMPLES / "bracket.iges",
        "--to",
        "stl,obj",
        "--batch",
        "b-1",
        "--json",
    )
    first = shapr(*command).json()
    (shapr.folder / "bracket.stl").write_bytes(b"not what it was")
    (shapr.folder / "bracket-2.obj").unlink()
    again = shapr(*command)
    assert again.code == 0, again.err
    ids = [each["conversion"]["id"] for each in first]
    assert [each["conversion"]["id"] for each in again.json()] == ids
    kept = [{name: saved["kept"] for name, saved in each["saved"].items()} for each in again.json()]
    assert kept == [{"stl": False, "obj": True}, {"stl": True, "obj": False}]
    listed = shapr("list", "--batch", "b-1", "--json").json()
    assert sorted(each["id"] for each in listed) == sorted(ids)
    assert {each["batch"] for each in listed} == {"b-1"}


def test_another_wish_and_a_run_without_a_batch_are_conversions_of_their_own(shapr: Shapr) -> None:
    command = ("convert", SAMPLES / "bracket.stl", "--to", "obj", "--json")
    runs = [shapr(*command, *more) for more in (("--batch", "b-2"), ("--batch", "b-2", "-O", "units=in"), (), ())]
    assert [run.code for run in runs] == [0] * 4
    assert len({run.json()[0]["conversion"]["id"] for run in runs}) == 4


def test_ctrl_c_says_that_the_conversion_goes_on(shapr: Shapr) -> None:
    fine = ("-O", "linear_deflection=0.00002", "-O", "angular_deflection=0.5")
    process = shapr.start("convert", SAMPLES / "assembly.step", "--to", "stl,obj,glb", "--batch", "a b", *fine)
    assert process.stderr
    seen = b""
    while b": queued" not in seen and b": upload" not in seen and b": compress" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == b""
    (line,) = [line for line in err.decode().splitlines() if "shapr cancel" in line]
    id = line.split()[2]
    assert "shapr list --batch 'a b'" in err.decode()
    assert shapr("show", id, "--json").json()["state"] != "cancelled"
    assert names(shapr.folder) == []
    shapr("cancel", id)


def test_a_service_that_does_not_run_is_said_once_with_what_to_do(alone: Shapr) -> None:
    said = alone("convert", SAMPLES / "bracket.step", SAMPLES / "assembly.step", "--to", "stl")
    assert said.code == 1
    assert said.err.count("unreachable") == 1
    assert "make up" in said.err
    assert errors(alone("convert", "a", "b", "--to", "stl", "--json").json()) == ["unreachable"] * 2


def test_no_proxy_stands_between_the_command_and_this_machine(shapr: Shapr) -> None:
    nowhere = "http://127.0.0.1:1"
    said = shapr("formats", "--json", http_proxy=nowhere, all_proxy=nowhere, HTTP_PROXY=nowhere)
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("x.stl",),
        ("x.stl", "--to", "stl,,obj"),
        ("x.stl", "--to", "stl", "-O", "quality"),
        ("x.stl", "--to", "stl", "--options", "{"),
        ("x.stl", "--to", "stl", "--options", "[]"),
        ("x.stl", "--to", "stl", "--url", "127.0.0.1:8000"),
        ("--to", "stl"),
    ],
)
def test_a_command_that_makes_no_sense_exits_2(arguments: tuple[str, ...]) -> None:
    said = CliRunner().invoke(app, ["convert", *arguments])
    assert (said.exit_code, said.stdout) == (2, "")
    assert "Usage" in said.stderr
