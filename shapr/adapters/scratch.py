"""Scratch folders: one per converter run, gone whatever the end, and swept after a worker that was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "shapr-worker-"


class Scratch:
    """A folder of this process, locked while it lives. `parent` None means the system's temp dir."""

    def __init__(self, parent: Path | None) -> None:
        where = parent or Path(tempfile.gettempdir())
        where.mkdir(parents=True, exist_ok=True)
        sweep(where)
        self.root = Path(tempfile.mkdtemp(prefix=MARK, dir=where))
        new = self.root / "new"
        self.lock = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        new.rename(self.root / "lock")  # a sweeper never sees it unlocked

    @contextmanager
    def folder(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(dir=self.root))
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def close(self) -> None:
        shutil.rmtree(self.root)
        os.close(self.lock)


def sweep(where: Path) -> int:
    """Remove the folders of dead workers: those whose lock nobody holds. Gives how many."""
    swept = 0
    for root in where.glob(f"{MARK}*"):
        try:
            lock = os.open(root / "lock", os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue  # being made just now, or another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(root, ignore_errors=True)  # two starters may sweep the same folder
            swept += 1
        finally:
            os.close(lock)
    return swept
