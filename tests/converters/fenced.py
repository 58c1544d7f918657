"""Conversions behind the fence, as a warm child makes them. `python -m tests.converters.fenced FOLDER...`

Everything is imported once; for each FOLDER, a scratch dir with a job in it, a forked child fences itself in and
works. Prints its exit status for each.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import DracoPy
import lib3mf
import meshopt
import numpy
import PIL.Image
from OCP.gp import gp_Pnt

from shapr.converters import job
from shapr.converters.run.job import JOB, Job
from shapr.converters.run.sandbox import PROTECTIONS, Fence, confine, runtime_paths

LOADED = (DracoPy, lib3mf, meshopt, numpy, PIL.Image, gp_Pnt)


def converted(folder: Path, readable: tuple[Path, ...]) -> int:
    if (child := os.fork()) == 0:
        try:
            os.chdir(folder)
            limits = Job.model_validate_json(Path(JOB).read_bytes()).limits
            standing = confine(Fence(folder.resolve(), readable, limits), "strict")
            job.main(Path())
            os._exit(0 if standing == tuple(PROTECTIONS) else 3)
        except BaseException:  # noqa: BLE001 - reported, in a child that ends here
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    print(json.dumps({each: converted(Path(each), runtime_paths()) for each in sys.argv[1:]}))
