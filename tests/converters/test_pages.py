"""A child has the memory that its job needs before there is a job."""

import subprocess
import sys

from shapr.converters.run.zygote import environment

CHILDREN = """
import mmap, os, resource, sys
from shapr.converters.run.pages import Pages

SIZE = 512 * mmap.PAGESIZE
shared = mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE)
shared.write(bytes(SIZE))

def job():
    for at in range(0, SIZE, mmap.PAGESIZE):
        shared[at] = 1

def faults(enough):
    pages.take(lambda: enough)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    job()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, flush=True)
    os._exit(shared[1])

pages = Pages()
pages.learn(job)
assert not shared[0]
for enough in (False, True):
    if (pid := os.fork()) == 0:
        faults(enough)
    assert os.waitpid(pid, 0)[1] == 0
"""

FAILING = """
from shapr.converters.run.pages import Pages
pages = Pages()
pages.learn(lambda: 1 / 0)
print("something" if any(pages.memory[:]) else "nothing")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-c", program)
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment())


def test_the_pages_that_a_first_job_wrote_are_taken_before_the_next_unless_that_waits() -> None:
    said = run(CHILDREN)
    assert said.returncode == 0, said.stderr
    taken, waiting = map(int, said.stdout.split())
    assert taken < 100 < 512 <= waiting


def test_a_first_job_that_fails_says_so_and_costs_nothing_but_time() -> None:
    said = run(FAILING)
    assert said.returncode == 0
    assert "ZeroDivisionError" in said.stderr
    assert said.stdout == "nothing\n"
