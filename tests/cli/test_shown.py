"""What people see: reports as tables, progress as bars or lines, and names that stay the same from run to run."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from cli.batch import key, targets
from cli.errand import Errand, Order, carry_out
from cli.progress import Bars, Lines
from cli.report import show, show_report
from cli.terminal import plain, print_table, row, table
from shapr.answers import ConversionAnswer
from tests.cli.conftest import SAMPLES, Shapr
from tests.cli.test_client import ID, Script, conversion, problem

FORMATS = {"formats": [{"name": "step", "extensions": ["step", "stp"], "writes": True}], "pairs": {}}
ORDER = Order(("stp",), Path(), None, {})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bracket.step", "bracket.step"),
        ("łącznik 支架.step", "łącznik 支架.step"),
        ("\x1b[2Jx\n\r", "\\x1b[2Jx\\x0a\\x0d"),
        ("caf\udce9", "caf\\xe9"),
        ("exe\u202eptes", "exe\\u202eptes"),
    ],
)
def test_only_visible_characters_reach_the_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


MEASURES = {
    "bodies": 1,
    "volume": 1234.5678,
    "watertight": True,
    "bounding_box": {"min": [0, 0, 0], "max": [1, 2, 3.5]},
}


@pytest.mark.parametrize("as_list", [True, False])
def test_a_report_stands_source_beside_outputs_and_names_what_was_lost(
    capsys: pytest.CaptureFixture[str], as_list: bool
) -> None:
    stl = {
        "watertight": False,
        "triangles": 12,
        "novelty": None,
        "deltas": {"volume": 1e-6},
        "losses": ["colours cannot be stored in STL"],
    }
    outputs: Any = [{"format": "stl", **stl}] if as_list else {"stl": stl}
    show_report("a.step", {"source": MEASURES, "outputs": outputs, "losses": ["a texture"]})
    out = capsys.readouterr().out
    rows = {line[:14].strip(): line[14:].split() for line in out.splitlines()}
    assert rows["bodies"] == ["1"]
    assert rows["triangles"] == ["12"]
    assert rows["volume"] == ["1234.57"]
    assert rows["watertight"] == ["yes", "no"]
    assert rows["max corner"] == ["1", "2", "3.5"]
    assert rows["volume differ"] == ["s", "by", "1e-06"], "a delta has a row of its own"
    assert out.splitlines()[-2:] == ["lost: a texture", "lost in stl: colours cannot be stored in STL"]


def test_what_a_project_holds_is_told_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Three hundred bodies in a cell would make a table that nobody reads."""
    bodies = [
        {"name": "Cap", "folder": "Inner", "folders": ["Outer", "Inner"], "visible": True},
        {"name": "Foot", "folder": "", "folders": [], "visible": False},
    ]
    show_report("a.shapr", {"source": MEASURES | {"shapr": {"schema": 173000, "saved": None, "bodies": bodies}}})
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "shapr: schema 173000",
        "shapr bodies: name Cap, folder Inner, folders Outer Inner, visible yes",
        "shapr bodies: name Foot, visible no",
    ]


@pytest.mark.parametrize("report", [None, {}, {"source": None, "outputs": None}, {"outputs": 3, "source": "x"}])
def test_a_report_that_is_none_or_strange_does_no_harm(report: dict[str, Any] | None) -> None:
    show_report("a.step", report)


@pytest.mark.parametrize("columns", [40, 80])
def test_an_id_stays_whole_on_a_narrow_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.terminal.stdout", lambda: Console(width=columns))
    made = table("id", "state", "%", "created (UTC)", "batch", "source", "outputs", "error")
    row(
        made, ID, "completed", 100, "2026-11-24 22:50:17", "monday", "a bracket with a long name.step", "stl, glb", None
    )
    print_table(made)
    assert ID in capsys.readouterr().out


def test_a_stub_result_is_labelled_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    report = {"converter": "stub", "stub": True, "losses": ["nothing was converted"]}
    outputs = [{"format": "stl", "state": "completed"}]
    show(ConversionAnswer.model_validate(conversion(state="completed", outputs=outputs, report=report)))
    out = capsys.readouterr().out
    assert "completed (stub result)" in out
    assert out.splitlines()[-3:] == ["converter: stub", "stub: yes", "lost: nothing was converted"]


def test_outputs_get_the_same_paths_each_time(tmp_path: Path) -> None:
    sources = [tmp_path / "a.step", tmp_path / "b.step", tmp_path / "x" / "a.iges"]
    for source in sources:
        source.parent.mkdir(exist_ok=True)
        source.touch()
    first = targets(sources, {"step": "step", "stl": "stl"}, tmp_path)
    assert [{f: path.name for f, path in each.items()} for each in first] == [
        {"step": "a.converted.step", "stl": "a.stl"},
        {"step": "b.converted.step", "stl": "b.stl"},
        {"step": "a.converted-2.step", "stl": "a-2.stl"},
    ]
    for each in first:
        for path in each.values():
            path.touch()
    assert targets(sources, {"step": "step", "stl": "stl"}, tmp_path) == first


def test_a_source_reached_by_a_link_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "real.stl").touch()
    (tmp_path / "link.stl").symlink_to("real.stl")
    (made,) = targets([tmp_path / "link.stl"], {"stl": "stl"}, tmp_path)
    assert made["stl"].name == "link.converted.stl"


def test_a_key_is_the_same_for_the_same_wish_only() -> None:
    wish: tuple[Any, ...] = ("batch", "a.step", "00", ["stl"], {"quality": "fine", "units": "in"})
    assert key(*wish) == key("batch", "a.step", "00", ["stl"], {"units": "in", "quality": "fine"})
    others = [("x", *wish[1:]), ("batch", "b", *wish[2:]), (*wish[:2], "11", *wish[3:]), (*wish[:3], ["obj"], {})]
    assert len({key(*wish), *(key(*other) for other in others)}) == 5
    assert key("é\udce9", *wish[1:]).isascii()


def answer(**more: Any) -> httpx.Response:
    return httpx.Response(202, json=conversion(**more))


async def test_a_stalled_conversion_is_followed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.step"
    source.touch()
    output = {"format": "step", "state": "completed", "size": 3}
    script = Script(
        httpx.Response(200, json=FORMATS),
        answer(),
        answer(state="stalled", step="store"),
        answer(state="completed", outputs=[output]),
        httpx.Response(200, content=b"abc"),
    )
    errand = Errand(source)
    await carry_out(script.client(), Order(("stp",), tmp_path / "out", None, {}), [errand], Lines(Console(stderr=True)))
    assert errand.done
    assert (tmp_path / "out" / "a.step").read_bytes() == b"abc"
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in said] == [
        "sending",
        "queued",
        "it waits for an operator",
        "saving step",
        "completed",
    ]


async def test_waiting_for_a_busy_service_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "cube.stp"
    source.write_bytes(b"cube")
    busy = problem("overloaded", 503, **{"Retry-After": "60"})
    script = Script(httpx.Response(200, json=FORMATS), busy, answer(state="cancelled"))
    order = Order(("stp",), tmp_path, None, {})
    await carry_out(script.client(), order, [Errand(source)], Lines(Console(width=200)))
    assert "cube.stp: overloaded, again in 60 s" in capsys.readouterr().out
    assert script.paused == [60]


async def test_a_damaged_download_is_not_done(tmp_path: Path) -> None:
    source = tmp_path / "a.step"
    source.touch()
    output = {"format": "step", "state": "completed", "size": 3, "sha256": "00"}
    done = answer(state="completed", outputs=[output])
    script = Script(httpx.Response(200, json=FORMATS), done, httpx.Response(200, content=b"abc"))
    errand = Errand(source)
    await carry_out(script.client(), Order(("stp",), tmp_path / "out", None, {}), [errand], Lines(Console(stderr=True)))
    assert not errand.done
    assert errand.error
    assert errand.error.code == "damaged_download"
    assert list((tmp_path / "out").iterdir()) == []


async def test_a_cancelled_conversion_is_not_done(tmp_path: Path) -> None:
    source = tmp_path / "a.step"
    source.touch()
    script = Script(httpx.Response(200, json=FORMATS), answer(state="cancelled"))
    errand = Errand(source)
    await carry_out(script.client(), ORDER, [errand], Lines(Console(stderr=True)))
    assert errand.told()["error"]["code"] == "cancelled"
    assert script.asked[1].headers["idempotency-key"].startswith("cli-")


def screen(terminal: int) -> bytes:
    """All that was shown; when the last writer is gone, Linux answers EIO."""
    shown = b""
    with open(terminal, "rb", buffering=0) as file, suppress(OSError):
        while piece := file.read(4096):
            shown += piece
    return shown


def test_a_terminal_gets_bars_while_stdout_stays_json(shapr: Shapr) -> None:
    ours, theirs = os.openpty()
    process = shapr.start("convert", SAMPLES / "bracket.step", "--to", "stl", "--json", stderr=theirs, TERM="xterm")
    os.close(theirs)
    with ThreadPoolExecutor() as beside:
        reading = beside.submit(screen, ours)  # a terminal that nobody reads stops who writes to it
        out, _ = process.communicate(timeout=60)
        shown = reading.result(timeout=10).decode()
    assert json.loads(out)[0]["done"] is True
    assert "━" in shown
    assert "completed" in shown


def test_a_name_with_markup_is_text_beside_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(stderr=True, force_terminal=True, width=120, color_system=None)
    with Bars(console) as bars, bars.file("[bold]a\x1b[2J[/bold].step") as following:
        following("[red]sending[/red]", 0.5)
        time.sleep(0.3)  # bars are drawn ten times a second
    err = capsys.readouterr().err
    assert "[bold]a\\x1b[2J[/bold].step" in err
    assert " 50% [red]sending[/red]" in err
