"""Programs that are plugged in: real ones, in the discipline of our own converter."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shapr.converters.run import child
from shapr.converters.run.external import Progress, cleaned, file_name
from tests.converters.programs import COPY, SOURCE, code, convert, job, program, python


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
    seen: list[float] = []
    await convert(program(tmp_path, script), job(tmp_path, "stl,obj"), seen.append)
    assert seen == sorted(seen)
    assert {12.5, 25.25, 62.5, 75.25, 100} <= set(seen)
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
    seen: list[float] = []
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
echo run >> {tmp_path}/scratch/runs
if [ "$2" = step ]; then echo 'progress: 60%'; echo "cannot read $1: no bodies" >&2; echo more >&2; exit 3; fi
{COPY}"""
    with capture_logs() as logs:
        written = await convert(program(tmp_path, script), job(tmp_path, "step,stl"))
    assert code(written["step"]) == "converter_crashed"
    assert written["step"].error and written["step"].error.detail == (
        "the converter gave up: cannot read [path]: no bodies"
    )
    assert written["stl"].path, "one output's failure is not the others'"
    assert (tmp_path / "scratch" / "runs").read_text().count("run") == 2
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
    script = f"if [ -e {tmp_path}/scratch/again ]; then {COPY}; exit; fi; : > {tmp_path}/scratch/again; {death}"
    written = await convert(program(tmp_path, script), job(tmp_path))
    assert written["stl"].path


async def test_what_crashes_again_failed_and_the_others_are_kept(tmp_path: Path) -> None:
    script = f"echo run >> {tmp_path}/scratch/runs; if [ $2 = obj ]; then kill -SEGV $$; fi; {COPY}"
    written = await convert(program(tmp_path, script), job(tmp_path, "obj,stl"))
    assert code(written["obj"]) == "converter_crashed"
    assert written["obj"].error and "SIGSEGV" in written["obj"].error.detail
    assert written["stl"].path
    assert (tmp_path / "scratch" / "runs").read_text().count("run") == 3


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
