"""One small conversion before any job: what the kernel sets up on first use, every child of the zygote then has.

It saves a child some 8 ms, a fifth of what a small part takes (benchmarks/README.md). One thread, as all in a zygote.
"""

import tempfile
from pathlib import Path

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder

from shapr.converters.brep import document, glb, step, tessellate
from shapr.converters.mesh import files
from shapr.converters.progress import SIZE
from shapr.converters.run.job import JOB, PROGRESS, Job, Limits

OPTIONS = {"units": "mm", "step_schema": "AP214", "encoding": "binary"}
LIMITS = Limits(wall=60, cpu=60, memory=2 << 30, output=1 << 20, mesh_to_brep=1)


def rehearse() -> None:
    """A drilled box to STEP, read again, to STL and GLB."""
    with tempfile.TemporaryDirectory() as folder:
        path = box(Path(folder))
        model = step.read(path, meshed=True)
        document.check(model)
        shape = document.shape(model)
        tessellate.triangulate(shape, *tessellate.deflections(shape, {}))
        files.write(tessellate.mesh(model), "stl", path.with_suffix(".stl"), OPTIONS, lambda _: None)
        glb.write(model, path.with_suffix(".glb"))


def box(folder: Path) -> Path:
    path = folder / "box.step"
    drilled = BRepAlgoAPI_Cut(BRepPrimAPI_MakeBox(10, 10, 10).Shape(), BRepPrimAPI_MakeCylinder(3, 20).Shape())
    step.write(document.holding(drilled.Shape(), "box"), path, "box", OPTIONS)
    return path


def job(folder: Path) -> None:
    """The same as a job in a scratch dir."""
    outputs = (("stl", OPTIONS), ("glb", OPTIONS))
    source = Path(box(folder).name)
    asked = Job(source=source, source_format="step", source_name="box", outputs=outputs, scratch=Path(), limits=LIMITS)
    (folder / JOB).write_bytes(asked.model_dump_json().encode())
    (folder / PROGRESS).write_bytes(bytes(SIZE))
