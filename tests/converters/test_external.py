"""Programs that are plugged in: real ones, in the discipline of our own converter."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shapr.conversion import Conversion, Output, Source, State
from shapr.converters import formats
from shapr.converters.run import child
from shapr.converters.run.converters import Converters, own_version
from shapr.converters.run.external import External, Progress, cleaned, file_name
from shapr.converters.run.job import Converted, Job, Limits, Written
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings

COPY = 'cp "$1" "$3"'
SOURCE = b"PK\x03\x04 a workspace"


def program(folder: Path, script: str, shell: str = "/bin/sh") -> Path:
    """An executable in a folder of its own, outside the scratch dir."""
    path = folder / "vendor" / "convert"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{shell}\n{script}\n")
    path.chmod(0o755)
    return path


def python(folder: Path, script: str) -> Path:
    return program(folder, script, f"{sys.executable} -I")


def job(folder: Path, outputs: str = "stl", name: str = "leg.shapr", source: bytes = SOURCE, **limits: Any) -> Job:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    (scratch / "source").write_bytes(source)
    return Job(
        source=scratch / "source",
        source_format=formats.ALIASES[name.rpartition(".")[2].lower()],
        source_name=name,
        outputs=tuple((output, {}) for output in outputs.split(",")),
        scratch=scratch,
        limits=Limits.of(Settings()).model_copy(update=limits),
    )


async def convert(path: Path, job: Job, progress: Callable[[int], None] = lambda _: None) -> dict[str, Written]:
    external = External((str(path),), path.name, "external")
    return {each.format: each for each in await external.convert(job, progress)}


def code(written: Written) -> str:
    assert written.error and written.path is None
    return written.error.code


def running(word: str) -> list[int]:
    """Processes, zombies apart, with this word in their command."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command, stat = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
            except OSError:
                continue
            if word.encode() in command and stat.rpartition(")")[2].split()[0] not in "ZX":
                found.append(int(entry.name))
    return found


async def test_a_program_is_run_once_per_output_and_told_what_the_contract_says(tmp_path: Path) -> None:
    path = program(tmp_path, 'printf "%s|%s|%s|%s" "$#" "$1" "$2" "$3" > "$3"')
    asked = job(tmp_path, "stl,step,iges")
    written = await convert(path, asked)
    assert list(written) == ["stl", "step", "iges"]
    for format, each in written.items():
        assert each.path and each.error is None and each.options == {}
        count, source, told, output = each.path.read_text().split("|")
        assert (count, told, output) == ("3", format, str(each.path))
        assert Path(source).name == "leg.shapr"
        assert Path(source).is_relative_to(asked.scratch.resolve())
        assert each.path.is_relative_to(asked.scratch.resolve())


async def test_the_source_arrives_whole(tmp_path: Path) -> None:
    written = await convert(program(tmp_path, COPY), job(tmp_path))
    assert written["stl"].path and written["stl"].path.read_bytes() == SOURCE


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("leg.shapr", "leg.shapr"),
        ("My Größe №5.SHAPR", "My Größe №5.SHAPR"),
        ("a$(touch x);`y`.shapr", "a__touch x___y_.shapr"),
        ("../../etc/passwd.shapr", ".._.._etc_passwd.shapr"),
        ("x" * 300 + ".shapr", "source.shapr"),
        ("part.stp", "part.stp"),
    ],
)
def test_a_program_sees_the_name_of_the_source_without_what_a_shell_acts_on(
    tmp_path: Path, name: str, seen: str
) -> None:
    assert file_name(job(tmp_path, name=name)) == seen


async def test_its_environment_holds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHAPR_S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "PYTHONPATH"):
        monkeypatch.setenv(name, "hush")
    written = await convert(program(tmp_path, 'env > "$3"; pwd >> "$3"'), job(tmp_path))
    assert written["stl"].path
    lines = written["stl"].path.read_text().splitlines()
    assert "hush" not in "".join(lines)
    assert {line.partition("=")[0] for line in lines[:-1]} <= {"PATH", "HOME", "TMPDIR", "LC_ALL", "PWD", "SHLVL", "_"}
    assert Path(lines[-1]).is_relative_to((tmp_path / "scratch").resolve())


async def test_progress_rises_over_all_outputs(tmp_path: Path) -> None:
    script = """
for n in 0 25 10; do echo "progress: $n%"; echo "noise 99%"; sleep 0.3; done
printf 'progress: 5'; sleep 0.3; printf '0.5 %%\\r'; sleep 0.3; printf 'progress: 900%%\\nprogress: -1%%\\n'; sleep 0.3
cp "$1" "$3"
"""
    seen: list[int] = []
    await convert(program(tmp_path, script), job(tmp_path, "stl,obj"), seen.append)
    assert seen == sorted(seen)
    assert {12, 25, 62, 75, 100} <= set(seen)
    assert seen[-1] == 100


@pytest.mark.parametrize(
    ("pieces", "percent"),
    [
        ([b"progress: 40%\n"], 40),
        ([b"progress: 40 %\n"], 40),
        ([b"Progress:40%\r\n"], 40),
        ([b"progress: 12.5%\n"], 12.5),
        ([b"prog", b"ress: 4", b"0%", b"\n"], 40),
        ([b"progress: 40%"], 0),
        ([b"progress: 40% of it\n"], 0),
        ([b"no progress: 40%\n"], 0),
        ([b"progress: 40%\nprogress: 30%\n"], 40),
        ([b"progress: nan%\nprogress: 1e9%\nprogress: %\n"], 0),
        ([b"\xff\x00\n", b"x" * 5_000_000, b"\nprogress: 7%\n"], 7),
        ([b"x" * 5_000_000, b"progress: 7%\n"], 0),
    ],
)
def test_only_whole_lines_of_the_contract_are_progress(pieces: list[bytes], percent: float) -> None:
    progress = Progress()
    for piece in pieces:
        progress.hear(piece)
    assert progress.percent == percent


async def test_a_flood_holds_up_the_program_and_costs_no_memory(tmp_path: Path) -> None:
    script = """
import subprocess
import sys
sys.stdout.buffer.write(b"x" * 12_000_000 + b"\\nprogress: 30%\\n")
open(sys.argv[3], "w").write("done")
"""
    before = memory()
    seen: list[int] = []
    written = await convert(python(tmp_path, script), job(tmp_path), seen.append)
    assert written["stl"].path
    assert 30 in seen
    assert memory() - before < 8_000_000


def test_of_a_flood_of_words_the_first_and_the_last_are_kept() -> None:
    words = child.Words()
    for data in (b"begin", *[b"x" * 100_000] * 50, b"end"):
        words.hear(data)
    assert words.first.startswith("beginx") and words.last.endswith("xend")
    assert len(words.first) == len(words.last) == child.KEPT


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def test_a_program_that_says_no_is_run_once_and_its_reason_is_told(tmp_path: Path) -> None:
    script = f"""
echo run >> {tmp_path}/runs
if [ "$2" = step ]; then echo 'progress: 60%'; echo "cannot read $1: no bodies" >&2; echo more >&2; exit 3; fi
{COPY}"""
    with capture_logs() as logs:
        written = await convert(program(tmp_path, script), job(tmp_path, "step,stl"))
    assert code(written["step"]) == "converter_crashed"
    assert written["step"].error and written["step"].error.detail == (
        "the converter gave up: cannot read [path]: no bodies"
    )
    assert written["stl"].path, "one output's failure is not the others'"
    assert (tmp_path / "runs").read_text().count("run") == 2
    assert any("more" in each.get("last_words", "") for each in logs)


async def test_a_program_that_says_nothing_is_told_by_its_exit_code(tmp_path: Path) -> None:
    written = await convert(program(tmp_path, "exit 7"), job(tmp_path))
    assert written["stl"].error and "exit code 7" in written["stl"].error.detail


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("plain words\nsecond", "plain words"),
        ("\n\n  late  \n", "late"),
        ("cannot open /opt/vendor/lib.so: denied", "cannot open [path]: denied"),
        ("cannot open '/opt/my vendor/lib.so'", "cannot open [path]"),
        ("in C:\\Users\\joe\\x.dll", "in [path]"),
        ("see file:///etc/passwd", "see [path]"),
        ("12 mm/s and 1/2", "12 mm/s and 1/2"),
        ("a\x1b[31mred\x07\u202eb", "a [31mred b"),
        ("x" * 900, "x" * 200),
        ("", ""),
    ],
)
def test_what_a_program_says_is_cleaned(words: str, told: str) -> None:
    assert cleaned(words) == told


@pytest.mark.parametrize("death", ["kill -SEGV $$", 'sh -c "kill -SEGV \\$\\$"; exit $?'], ids=["own", "relayed"])
async def test_a_crash_is_worth_one_more_run(tmp_path: Path, death: str) -> None:
    script = f"if [ -e {tmp_path}/again ]; then {COPY}; exit; fi; touch {tmp_path}/again; {death}"
    written = await convert(program(tmp_path, script), job(tmp_path))
    assert written["stl"].path


async def test_what_crashes_again_failed_and_the_others_are_kept(tmp_path: Path) -> None:
    script = f"echo run >> {tmp_path}/runs; if [ $2 = obj ]; then kill -SEGV $$; fi; {COPY}"
    written = await convert(program(tmp_path, script), job(tmp_path, "obj,stl"))
    assert code(written["obj"]) == "converter_crashed"
    assert written["obj"].error and "SIGSEGV" in written["obj"].error.detail
    assert written["stl"].path
    assert (tmp_path / "runs").read_text().count("run") == 3


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 0", "no_geometry"),
        (': > "$3"', "no_geometry"),
        ('ln -s /etc/passwd "$3"', "converter_crashed"),
        ('mkdir "$3"', "converter_crashed"),
        ('mkfifo "$3"', "converter_crashed"),
        ('d=$(dirname "$3"); rmdir $d; ln -s "$(dirname "$1")" $d; cp "$1" "$3"', "converter_crashed"),
    ],
    ids=["nothing", "empty", "link", "folder", "fifo", "folder is a link"],
)
async def test_what_is_not_a_file_of_its_own_is_no_output(tmp_path: Path, script: str, expected: str) -> None:
    written = await convert(program(tmp_path, script), job(tmp_path))
    assert code(written["stl"]) == expected


ORPHAN = "sleep 98765 & sleep 98765 & wait"


async def test_a_cancelled_run_leaves_no_process_and_no_grandchild(tmp_path: Path) -> None:
    task = asyncio.create_task(convert(program(tmp_path, ORPHAN), job(tmp_path)))
    while len(running("98765")) < 2:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running("98765") == []
    assert running(str(tmp_path)) == []


async def test_a_program_that_ends_leaves_no_grandchild(tmp_path: Path) -> None:
    written = await convert(program(tmp_path, f"sleep 98765 & {COPY}"), job(tmp_path))
    assert written["stl"].path
    assert running("98765") == []


async def test_a_run_beyond_its_time_is_killed_after_one_more(tmp_path: Path) -> None:
    begun = time.monotonic()
    written = await convert(program(tmp_path, ORPHAN), job(tmp_path, wall=0.4))
    assert code(written["stl"]) == "conversion_timeout"
    assert time.monotonic() - begun < 5
    assert running("98765") == []


async def test_the_time_limit_is_that_of_all_outputs_together(tmp_path: Path) -> None:
    begun = time.monotonic()
    written = await convert(program(tmp_path, "sleep 60"), job(tmp_path, "stl,obj,step,glb", wall=0.4))
    assert {code(each) for each in written.values()} == {"conversion_timeout"}
    assert time.monotonic() - begun < 5


async def test_a_run_beyond_its_memory_is_killed(tmp_path: Path) -> None:
    path = python(tmp_path, "import time; kept = b'x' * (200 << 20); time.sleep(60)")
    written = await convert(path, job(tmp_path, memory=100 << 20))
    assert code(written["stl"]) == "out_of_memory"


async def test_memory_is_counted_over_the_whole_group(tmp_path: Path) -> None:
    path = program(tmp_path, f"{sys.executable} -Ic \"import time; kept = b'x' * (200 << 20); time.sleep(60)\"")
    written = await convert(path, job(tmp_path, memory=100 << 20))
    assert code(written["stl"]) == "out_of_memory"


async def test_a_run_beyond_its_cpu_time_is_killed(tmp_path: Path) -> None:
    written = await convert(program(tmp_path, "while :; do :; done"), job(tmp_path, cpu=1))
    assert code(written["stl"]) == "conversion_timeout"


async def test_an_output_beyond_its_size_is_refused(tmp_path: Path) -> None:
    script = f"""
import sys, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
open("{tmp_path}/runs", "a").write("run ")
open(sys.argv[3], "wb").write(b"x" * 99_999)
"""
    written = await convert(python(tmp_path, script), job(tmp_path, output=20_000))
    assert code(written["stl"]) == "limit_exceeded"
    assert (tmp_path / "runs").read_text() == "run ", "a limit that was met once is met again"


@pytest.mark.parametrize("fault", ["missing", "not executable", "no interpreter", "a folder"])
async def test_a_program_that_cannot_be_started_is_unavailable_at_once(tmp_path: Path, fault: str) -> None:
    path = program(tmp_path, COPY, "/no/such/shell" if fault == "no interpreter" else "/bin/sh")
    if fault == "missing":
        path.unlink()
    elif fault == "not executable":
        path.chmod(0o644)
    elif fault == "a folder":
        path = path.parent
    with capture_logs() as logs:
        written = await convert(path, job(tmp_path))
    assert code(written["stl"]) == "converter_unavailable"
    assert [each["event"] for each in logs] == ["converter_unavailable"]


async def test_a_program_that_is_being_replaced_is_tried_again_by_the_step(tmp_path: Path) -> None:
    path = tmp_path / "busy"
    path.write_bytes(Path("/bin/true").read_bytes())
    path.chmod(0o755)
    with path.open("r+b"), pytest.raises(Unavailable) as caught:  # ETXTBSY
        await convert(path, job(tmp_path))
    assert caught.value.code == "converter_unavailable"


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("a.shapr", b"", "empty_file"),
        ("a.shapr", b"\xff\xd8\xff\xe0", "format_mismatch"),
        ("a.shapr", b"\x7fELF", "format_mismatch"),
        ("a.stl", b"PK\x03\x04", "format_mismatch"),
        ("a.shapr", b"SQLite format 3\0", None),
        ("a.shapr", b"anything else", None),
        ("a.stl", b"PLASTICITY 7", None),
    ],
)
async def test_only_what_is_plainly_something_else_is_refused(
    tmp_path: Path, name: str, source: bytes, expected: str | None
) -> None:
    asked = job(tmp_path, name=name, source=source)
    if expected is None:
        assert (await convert(program(tmp_path, COPY), asked))["stl"].path
        return
    with pytest.raises(Refused, match=expected):
        await convert(program(tmp_path, COPY), asked)


async def test_a_held_pipe_does_not_hold_us(tmp_path: Path) -> None:
    """A grandchild in a session of its own keeps the pipes; it is not ours to see, and not ours to wait for."""
    begun = time.monotonic()
    written = await convert(program(tmp_path, f"setsid sleep 5 & {COPY}"), job(tmp_path))
    assert written["stl"].path
    assert time.monotonic() - begun < 3


async def test_the_example_of_the_document_works(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "converters.md").read_text()
    path = program(tmp_path, "")
    path.write_text(document.partition("```sh\n")[2].partition("```")[0])
    written = await convert(path, job(tmp_path, "stl,step", "a leg.shapr"))
    assert written["stl"].path and written["stl"].path.read_text().startswith("solid triangle\nfacet")
    assert written["step"].error
    assert written["step"].error.detail == "the converter gave up: this converter writes stl only, not step"


# Who converts what


async def chosen(settings: Settings, folder: Path, name: str, source: bytes = SOURCE) -> Converted:
    asked = job(folder, name=name, source=source)
    conversion = Conversion(
        id="cnv_1",
        tenant="acme",
        state=State.RUNNING,
        created_at=datetime.now(UTC),
        source=Source(name=name, format=asked.source_format),
        outputs=(Output(format="stl", options={"units": "in"}),),
    )
    return await Converters(settings).convert(conversion, asked.source, asked.scratch, lambda _: None)


async def test_a_program_replaces_our_reader_of_its_format_and_no_other(tmp_path: Path) -> None:
    settings = Settings(converter_stl=program(tmp_path, COPY))
    converters = Converters(settings)
    assert converters.sources == {**formats.BUILT_IN, "stl": "external"}
    converted = await chosen(settings, tmp_path, "part.stl", b"not an STL")
    assert converted.written[0].path and converted.written[0].path.read_bytes() == b"not an STL"
    assert converted.written[0].options == {}, "it was given no options, so none took effect"
    assert converted.version == converters.version("stl")
    assert converted.version.startswith("convert-")
    assert converted.report == {"converter": "external", "version": converted.version}
    assert converters.version("step") == own_version()


async def test_the_version_changes_with_the_program(tmp_path: Path) -> None:
    converters = Converters(Settings(converter_shapr=program(tmp_path, COPY)))
    first = converters.version("shapr")
    assert first == converters.version("shapr")
    program(tmp_path, f"{COPY} ")
    assert converters.version("shapr") != first


def test_our_own_version_names_the_kernel() -> None:
    assert own_version().startswith("built-in-8.0.1.1.0-")


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ({}, None),
        ({"demo_stub": True}, "stub"),
        ({"converter_shapr": "/opt/vendor/convert"}, "external"),
        ({"demo_stub": True, "converter_shapr": "/opt/vendor/convert"}, "external"),
        ({"converter_shapr": ""}, None),
    ],
)
def test_the_stub_is_chosen_only_when_asked_for_and_serves_nothing_else(
    given: dict[str, Any], served: str | None
) -> None:
    sources = formats.sources(Settings.model_validate(given))
    assert sources.get("shapr") == served
    assert {name: by for name, by in sources.items() if name != "shapr"} == formats.BUILT_IN


def test_every_source_format_can_be_given_a_program() -> None:
    readable = {f"converter_{f.name}" for f in formats.FORMATS.values() if f.reads}
    limits = {"converter_timeout", "converter_cpu", "converter_memory", "converter_output"}
    assert {name for name in Settings.model_fields if name.startswith("converter_")} == readable | limits


async def test_a_format_that_nobody_reads_here_is_unavailable(tmp_path: Path) -> None:
    converted = await chosen(Settings(), tmp_path, "leg.shapr")
    assert code(converted.written[0]) == "converter_unavailable"


async def test_the_stub_says_so_everywhere(tmp_path: Path) -> None:
    settings = Settings(demo_stub=True)
    with capture_logs() as logs:
        converters = Converters(settings)
        converters.announce()
        converted = await chosen(settings, tmp_path, "leg.shapr")
    assert converted.written[0].path
    text = converted.written[0].path.read_text()
    assert text.startswith("STUB RESULT. Nothing was converted")
    assert converted.report and converted.report["stub"] is True
    assert converted.report["losses"] == ["This is a stub result: nothing was converted."]
    assert converted.version.startswith("stub-")
    seen = [(each["event"], each["log_level"]) for each in logs]
    assert ("stub_converter", "warning") in seen
    assert ("stub_result", "warning") in seen


async def test_the_stub_fails_at_60_percent_when_the_name_asks_for_it(tmp_path: Path) -> None:
    stub = Converters(Settings(demo_stub=True)).plugged["shapr"]
    seen: list[int] = []
    (written,) = await stub.convert(job(tmp_path, name="please fail.shapr"), seen.append)
    assert code(written) == "converter_crashed"
    assert written.error and "fails at 60 %" in written.error.detail
    assert seen[-1] == 60


async def test_a_stub_result_repeats_and_takes_about_two_seconds(tmp_path: Path) -> None:
    stub = Converters(Settings(demo_stub=True)).plugged["shapr"]
    begun = time.monotonic()
    first, second = [(await stub.convert(job(tmp_path), lambda _: None))[0].path for _ in range(2)]
    assert first and second and first.read_bytes() == second.read_bytes()
    assert 3 < time.monotonic() - begun < 8


@pytest.mark.parametrize("fault", ["missing", "not executable"])
def test_a_program_that_cannot_work_is_loud_at_the_start(tmp_path: Path, fault: str) -> None:
    path = program(tmp_path, COPY)
    path.chmod(0o644)
    if fault == "missing":
        path.unlink()
    with capture_logs() as logs:
        Converters(Settings(converter_step=path)).announce()
    assert [(each["event"], each["log_level"], each["format"]) for each in logs] == [
        ("converter_unavailable", "error", "step")
    ]


def test_a_relative_program_is_found_from_where_it_was_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPR_CONVERTER_SHAPR", "vendor/convert")
    assert Settings().converter_shapr == tmp_path / "vendor" / "convert"


async def test_a_busy_loop_is_not_starved_by_a_flood(tmp_path: Path) -> None:
    """The flood is taken at each look, a pipe's worth: the worker has time for its other conversions."""
    path = program(tmp_path, f"{sys.executable} -Ic \"while True: print('x' * 100000)\"")
    begun = time.process_time()
    await convert(path, job(tmp_path, wall=1.0))
    assert time.process_time() - begun < 1.0
    assert child.PIPE <= 1 << 20


def test_the_stub_says_in_one_line_why_it_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shapr.converters.stub", tmp_path / "missing.shapr", "stl", tmp_path / "out.stl"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    (said,) = ran.stderr.splitlines()
    assert "No such file" in said
