"""A scratch folder goes with its run; a dead worker's go with the next worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shapr.adapters.scratch import Scratch, sweep

HOLD = """
import sys, time
from pathlib import Path
from shapr.adapters.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
print(scratch.root, flush=True)
time.sleep(60)
"""


def test_a_folder_is_gone_after_its_run_whatever_the_end(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    with pytest.raises(RuntimeError), scratch.folder() as folder:
        (folder / "out.stl").write_bytes(b"x")
        raise RuntimeError
    assert not folder.exists()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_workers_folder_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    root = Path(other.stdout.readline().strip())
    assert sweep(tmp_path) == 0
    assert root.is_dir()
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert sweep(tmp_path) == 1
    assert not root.exists()
