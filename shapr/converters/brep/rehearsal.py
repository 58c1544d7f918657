"""One small conversion before any job: what the kernel sets up on first use, every child of the zygote then has.

It saves a child some 8 ms, a fifth of what a small part takes (benchmarks/README.md). One thread, as all in a zygote.
"""

import tempfile
from pathlib import Path

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder

from shapr.converters.brep import document, glb, step, tessellate
from shapr.converters.mesh import files

OPTIONS = {"units": "mm", "step_schema": "AP214", "encoding": "binary"}


def rehearse() -> None:
    """A drilled box to STEP, read again, to STL and GLB."""
    drilled = BRepAlgoAPI_Cut(BRepPrimAPI_MakeBox(10, 10, 10).Shape(), BRepPrimAPI_MakeCylinder(3, 20).Shape())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.step"
        step.write(document.holding(drilled.Shape(), "box"), path, "box", OPTIONS)
        model = step.read(path)
        document.check(model)
        shape = document.shape(model)
        tessellate.triangulate(shape, *tessellate.deflections(shape, {}))
        files.write(tessellate.mesh(model), "stl", path.with_suffix(".stl"), OPTIONS, lambda _: None)
        glb.write(model, path.with_suffix(".glb"))
