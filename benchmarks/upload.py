"""Uploads a gigabyte to a running service and watches the memory of its processes.

make up                                             # in another terminal
.venv/bin/python -m benchmarks.upload [MEGABYTES]
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from shapr.settings import Settings

MB = 1 << 20


def resident(pid: int) -> int:
    """Resident megabytes of a process; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


class Watch(threading.Thread):
    """The highest memory of each process of the stack until it is told to stop."""

    def __init__(self, pids: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self.pids = pids
        self.before = {role: resident(pid) for role, pid in pids.items()}
        self.peak = dict(self.before)
        self.going = True

    def run(self) -> None:
        while self.going:
            for role, pid in self.pids.items():
                self.peak[role] = max(self.peak[role], resident(pid))
            time.sleep(0.05)


def noise(size: int) -> Iterator[bytes]:
    """A multipart body with a file of random bytes, made as it is sent."""
    yield b'--b\r\nContent-Disposition: form-data; name="outputs"\r\n\r\nobj\r\n'
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="noise.stl"\r\n\r\n'
    block = os.urandom(MB)
    for _ in range(size):
        yield block
    yield b"\r\n--b--\r\n"


def main(megabytes: int) -> None:
    settings = Settings()
    stack = json.loads((settings.data_dir / "stack.json").read_text())
    with httpx.Client(base_url=stack["addresses"]["api"], timeout=600, trust_env=False) as http:
        watch = Watch(stack["pids"])
        watch.start()
        begun = time.monotonic()
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        created = http.post("/v1/conversions", content=noise(megabytes), headers=headers).raise_for_status().json()
        accepted = time.monotonic() - begun
        while http.get(f"/v1/conversions/{created['id']}", params={"wait": 60}).json()["finished_at"] is None:
            pass
        ended = time.monotonic() - begun
        with tempfile.TemporaryFile() as out, http.stream("GET", f"/v1/conversions/{created['id']}/source") as answer:
            begun = time.monotonic()
            for chunk in answer.iter_bytes():
                out.write(chunk)
            fetched = time.monotonic() - begun
        watch.going = False
        watch.join()
    print(f"{megabytes} MB accepted in {accepted:.1f} s, refused by the converter after {ended:.1f} s,")
    print(f"downloaded in {fetched:.1f} s")
    for role, before in watch.before.items():
        print(f"{role:10} {before:5} MB, at most {watch.peak[role]:5} MB: +{watch.peak[role] - before}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
