"""What the system tells of another process at any time: proc(5)."""

import contextlib
from pathlib import Path

DESCRIPTORS = 64  # of a process, that are looked at


def pages(pid: int) -> tuple[int, int] | None:
    """Of a process, how many pages of memory it has taken so far, and how many it has: `minflt` and `rss`, fields 10
    and 24 of /proc/PID/stat. None where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[7]), int(fields[21])
    except (OSError, ValueError, IndexError):
        return None


def offset(pid: int, path: Path) -> int | None:
    """How far a process has read a file that it has open; None when it has not."""
    with contextlib.suppress(OSError, ValueError):
        file = path.lstat()
        for descriptor in range(3, DESCRIPTORS):
            with contextlib.suppress(FileNotFoundError):
                opened = Path(f"/proc/{pid}/fd/{descriptor}").stat()
                if (opened.st_dev, opened.st_ino) == (file.st_dev, file.st_ino):
                    return int(Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split()[1])
    return None
