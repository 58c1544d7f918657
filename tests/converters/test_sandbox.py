"""The fence around a converter: what it keeps out, what it lets work, and what is said where it has gaps."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shapr.converters.run import seccomp
from shapr.converters.run.external import External
from shapr.converters.run.job import ANSWER, JOB, PROGRESS, Answer
from shapr.converters.run.launch import ROOT
from shapr.converters.run.probe import Protections, probe
from shapr.converters.run.process import inside
from shapr.converters.run.sandbox import PROTECTIONS, program_paths
from tests.converters.kit import SAMPLES, job
from tests.converters.programs import COPY, code, convert, program
from tests.converters.programs import job as programs_job

NOBODY = 65534
USERS = (0, NOBODY) if os.getuid() == 0 else (os.getuid(),)
REFUSED = {"EPERM", "EACCES", "EXDEV"}  # Landlock says EXDEV of a link or a move across its border
RAISING = {"ValueError"}  # Python's word for a limit that may not be raised
OTHERWISE = {
    "kernel: clone3": {"ENOSYS"},
    "kernel: a call of the future": {"ENOSYS"},
    "kernel: another table of calls": {"SIGSYS", "ENOSYS"},
    "kernel: 32-bit calls": {"SIGSYS", "ENOSYS"},
    "limit: raise it": RAISING,
    "limit: core": RAISING,
    "limit: locked memory": RAISING,
    "limit: memory": {"ENOMEM"},
    "limit: file": {"EFBIG"},
    "limit: descriptors": {"EMFILE"},
    "privilege: another user": {"EPERM", "EINVAL"},  # a user namespace knows no other
}


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=120)


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=[(user, kind) for user in USERS for kind in ("own", "programs")], ids=str)
def tried(request: pytest.FixtureRequest) -> Any:
    """How everything that was tried ended: as root and as nobody, as our own child and as a program."""
    user, kind = request.param
    folder = Path(tempfile.mkdtemp(prefix="shapr-fence-"))  # pytest's folders are not another user's to enter
    (folder / "scratch").mkdir()
    (folder / "outside").mkdir()
    (folder / "outside" / "file").write_text("secret")
    (folder / "scratch" / "own").write_text("own")
    (folder / "scratch" / "link").symlink_to(folder / "outside" / "file")
    for each in (folder, *folder.rglob("*")):
        os.chown(each, user, -1, follow_symlinks=False)
    yield answer(run("-m", "tests.converters.hostile", str(user), folder, kind))
    assert (folder / "outside" / "file").read_text() == "secret"
    assert [each.name for each in (folder / "outside").iterdir()] == ["file"]
    shutil.rmtree(folder)


def test_what_is_forbidden_is_refused(tried: Any) -> None:
    let_through = {
        name: end for name, end in tried["refused"].items() if end.partition("(")[0] not in OTHERWISE.get(name, REFUSED)
    }
    assert not let_through
    assert len(tried["refused"]) > 70


def test_what_a_conversion_needs_works(tried: Any) -> None:
    assert {name: end for name, end in tried["allowed"].items() if end != "through"} == {}


def test_conversions_work_behind_the_fence(tmp_path: Path) -> None:
    """With everything that the kernel and the libraries open only when they are used."""
    wanted = {"assembly.step": "step,iges,brep,stl,obj,glb", "bracket.stl": "step,obj", "bracket.step": "glb,stl"}
    folders = {}
    for name, outputs in wanted.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / JOB).write_text(inside(job(folder, SAMPLES / name, outputs)).model_dump_json())
        (folder / PROGRESS).write_bytes(bytes(4096))
        folders[str(folder)] = outputs
    assert answer(run("-m", "tests.converters.fenced", *folders)) == dict.fromkeys(folders, 0)
    for folder, outputs in folders.items():
        answered = Answer.model_validate_json((Path(folder) / ANSWER).read_bytes())
        assert answered.error is None
        assert [(each.format, each.error) for each in answered.written] == [(each, None) for each in outputs.split(",")]


def test_here_everything_holds() -> None:
    found = probe()
    assert (found.active, found.missing) == (tuple(PROTECTIONS), {})
    assert found.essential


@pytest.mark.parametrize("lacking", ["landlock", "seccomp", "network"])
def test_what_the_kernel_lacks_is_found_and_named(lacking: str) -> None:
    script = (
        "import json; from shapr.converters.run.probe import probe; found = probe();"
        "print(json.dumps([found.active, found.missing]))"
    )
    active, missing = answer(run("-m", "tests.converters.without", lacking, sys.executable, "-c", script))
    assert list(missing) == [lacking]
    assert active == [name for name in PROTECTIONS if name != lacking]


@pytest.mark.parametrize(("lacking", "starts"), [("landlock", False), ("seccomp", False), ("network", True)])
def test_strict_insists_on_landlock_and_the_filter(lacking: str, starts: bool, tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from shapr.converters.run.launch import Bounds
from shapr.converters.run.sandbox import Fence, confine
print(confine(Fence(Path({str(tmp_path)!r}), (), Bounds(9, 1 << 30, 1 << 20)), "strict"))
"""
    done = run("-m", "tests.converters.without", lacking, sys.executable, "-c", script)
    assert (done.returncode == 0) == starts
    last = (done.stderr or "nothing").splitlines()[-1]
    assert ("Unconfined" in last and lacking in last) != starts


@pytest.mark.parametrize("asked", ["strict", "degrade"])
def test_a_worker_without_landlock_does_not_start_or_says_so(asked: str) -> None:
    script = (
        "import worker_main; from shapr import telemetry; from shapr.settings import Settings;"
        "telemetry.configure(Settings()); worker_main.fenced(Settings()); print('served')"
    )
    command = (sys.executable, "-c", script)
    done = run("-m", "tests.converters.without", "landlock", *command, SHAPR_SANDBOX=asked)
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    said = {each["event"]: each for each in logged}
    assert said["sandbox"]["active"] == [name for name in PROTECTIONS if name != "landlock"]
    assert (said["sandbox_incomplete"]["level"], said["sandbox_incomplete"]["missing"]) == ("warning", "landlock")
    assert ("served" in done.stdout) == (asked == "degrade")
    assert (done.returncode == 0) == (asked == "degrade")


def test_essential_is_both() -> None:
    assert Protections(("landlock", "seccomp")).essential
    assert not Protections(("rlimits", "no_new_privs", "network", "landlock")).essential


async def test_a_program_cannot_be_told_from_its_fence(tmp_path: Path) -> None:
    """It reads its own folder and the system's, writes to scratch, and has neither network nor privileges."""
    script = f"""
{{
  cat "$(dirname "$0")/data"; cat {tmp_path}/secret; cat /etc/shadow
  echo x > {tmp_path}/made; echo x > made && echo made
  grep -E '^(CapEff|CapPrm|NoNewPrivs|Seccomp):' <&3
  ls /tmp /root > /dev/null
}} 2> errors > "$3" 3< /proc/self/status
test -s errors
"""
    path = program(tmp_path, script)
    (path.parent / "data").write_text("its own data\n")
    (tmp_path / "secret").write_text("a secret")
    written = await convert(path, programs_job(tmp_path))
    assert written["stl"].path, written["stl"].error
    said = written["stl"].path.read_text()
    assert "its own data" in said and "made" in said and "secret" not in said and "root:" not in said
    assert re.findall(r"(\w+):\s+(\w+)", said) == [
        *(("CapPrm", "0" * 16), ("CapEff", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2"))
    ]
    assert not (tmp_path / "made").exists()


async def test_a_program_reads_what_it_was_given_besides(tmp_path: Path) -> None:
    (tmp_path / "licence").mkdir()
    (tmp_path / "licence" / "key").write_text("key")
    path, asked = program(tmp_path, f'cat {tmp_path}/licence/key > "$3"'), programs_job(tmp_path)
    (without,) = await External((str(path),), "convert", "external").convert(asked, lambda _: None)
    assert code(without) == "converter_crashed"
    more = External((str(path),), "convert", "external", readable=(tmp_path / "licence",))
    (given,) = await more.convert(asked, lambda _: None)
    assert given.path and given.path.read_text() == "key"


def test_a_program_in_a_home_or_among_our_files_is_given_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/joe")
    for place, given in {
        "/opt/vendor/convert": "/opt/vendor",
        "/home/joe/vendor/convert": "/home/joe/vendor",
        "/home/joe/convert": "/home/joe/convert",
        "/home/convert": "/home/convert",
        f"{ROOT}/convert": f"{ROOT}/convert",
        "/convert": "/convert",
    }.items():
        assert program_paths(Path(place))[0] == Path(given)


async def test_what_a_program_started_cannot_stay(tmp_path: Path) -> None:
    script = f"nohup sleep 87654 > /dev/null 2>&1 & setsid sleep 87654 & {COPY}"
    written = await convert(program(tmp_path, script), programs_job(tmp_path))
    assert written["stl"].path
    assert not [each for each in Path("/proc").glob("[0-9]*/cmdline") if b"87654" in _read(each)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_fence_is_for_good(tmp_path: Path) -> None:
    """A second one cannot widen the first."""
    script = f"""
from pathlib import Path
from shapr.converters.run.launch import Bounds
from shapr.converters.run.sandbox import Fence, confine
limits = Bounds(9, 1 << 30, 1 << 20)
confine(Fence(Path({str(tmp_path)!r}), (), limits))
try:
    print(confine(Fence(Path("/"), (Path("/"),), limits, programs=True)))
except OSError as error:
    print(error)
print(Path("/etc/passwd").read_text())
"""
    done = run("-c", script)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr and "root:" not in done.stdout


HEADERS = {
    0: (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+) (\d+)"),
    1: (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+) (\d+)"),
}


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "arm64"])
def test_the_numbers_are_those_of_the_kernel(column: int) -> None:
    header, pattern = HEADERS[column]
    if not header.exists():
        pytest.skip(f"no {header} here")
    theirs = {name: int(number) for name, number in re.findall(pattern, header.read_text())}
    ours = seccomp.NEVER | seccomp.ATTRIBUTES | seccomp.ALONE | seccomp.SIGNALS
    ours |= {name: numbers for name, (_, numbers) in seccomp.OWN.items()}
    ours |= {"clone": seccomp.CLONE, "clone3": seccomp.CLONE3, "socketpair": seccomp.SOCKETPAIR}
    ours |= {"prctl": seccomp.PRCTL, "ioctl": seccomp.IOCTL}
    known = {name: numbers[column] for name, numbers in ours.items() if name in theirs}
    assert known == {name: theirs[name] for name in known}
    assert len(known) > 90
    absent = {name for name, numbers in ours.items() if numbers[column] == seccomp.ABSENT}
    assert absent.isdisjoint(theirs)
