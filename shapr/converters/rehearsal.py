"""Whole jobs before any job: what Python and the kernel set up on first use, every child of the zygote then has.

Without them a child would compile what numpy and we import late (60 ms), and build the kernel's tables anew (10 ms):
more than a small part takes (benchmarks/README.md). One thread, as all in a zygote.
"""

import tempfile
from pathlib import Path

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder

from shapr.conversion import Options
from shapr.converters import formats, job
from shapr.converters.brep import document, step
from shapr.converters.progress import SIZE, Page
from shapr.converters.run.job import PROGRESS, Job, Limits

OPTIONS = {"units": "mm", "step_schema": "AP214"}
LIMITS = Limits(wall=60, cpu=60, memory=1 << 30, output=1 << 30, mesh_to_brep=1000)
MESHES, SHAPES = ("stl", "obj", "glb", "3mf", "ply", "off"), ("step", "iges", "brep")


def rehearse() -> None:
    """A drilled box from STEP to every format, and from every format of those to another one."""
    drilled = BRepAlgoAPI_Cut(BRepPrimAPI_MakeBox(10, 10, 10).Shape(), BRepPrimAPI_MakeCylinder(3, 20).Shape())
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "box.step"
        step.write(document.holding(drilled.Shape(), "box"), source, "box", OPTIONS)
        for written in _converted(source, "step", MESHES + SHAPES, preview=True):
            if written.path:
                _converted(written.path, written.format, ("stl", "step") if written.format == "stl" else ("stl",))


def _converted(source: Path, format: str, outputs: tuple[str, ...], preview: bool = False) -> tuple[job.Written, ...]:
    effective = formats.effective(format, outputs, Options(), formats.BUILT_IN)
    scratch = source.parent / format
    scratch.mkdir()
    page = scratch / PROGRESS
    page.write_bytes(bytes(SIZE))
    given = Job(
        source=source,
        source_format=format,
        source_name=source.name,
        outputs=tuple(effective.items()),
        scratch=scratch,
        limits=LIMITS,
        preview=preview,
    )
    return job.run(given, Page(page)).written
