"""Other programs that convert STEP to STL or GLB, as whole processes, and what such a process used."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LINEAR, ANGULAR = 0.1, 0.5  # mm, radians: the deflection of everybody
DEGREES = 28.647890
LIMIT = 120  # seconds; gmsh would take minutes for the big ones
VENV = Path(os.environ.get("BENCH_VENV", "/tmp/bench-venv"))  # gmsh and cascadio

# Small, as the system counts what a process was before exec into its peak memory.
LAUNCH = """
import json, os, resource, signal, sys, time
silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
begun = time.monotonic()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=silent)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(int(sys.argv[1]))
_, status, used = os.wait4(pid, 0)
print(json.dumps([used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024]))
"""

DRAW_STL = """pload XDE
pload MODELING
testreadstep {source} s
incmesh s {linear} -a {degrees}
writestl s {output} 1
"""
DRAW_GLB = """pload XDE
pload MODELING
ReadStep D {source}
XGetOneShape s D
incmesh s {linear} -a {degrees}
WriteGltf D {output}
"""
FREECAD_STL = """import MeshPart, Part
shape = Part.read('{source}')
made = MeshPart.meshFromShape(Shape=shape, LinearDeflection={linear}, AngularDeflection={angular}, Relative=False)
made.write('{output}')
"""
# gmsh makes meshes for simulation: it has no deflection, only so many edges around a circle.
GMSH_STL = """import gmsh
gmsh.initialize()
gmsh.option.setNumber('Mesh.MeshSizeFromCurvature', 6.2832 / {angular})
gmsh.option.setNumber('Mesh.Binary', 1)
gmsh.model.occ.importShapes('{source}')
gmsh.model.occ.synchronize()
gmsh.model.mesh.generate(2)
gmsh.write('{output}')
"""
CASCADIO_GLB = """import cascadio
cascadio.step_to_glb('{source}', '{output}', tol_linear={linear}, tol_angular={angular})
"""
BARE_STL = """from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.STEPControl import STEPControl_Reader
from OCP.StlAPI import StlAPI_Writer
reader = STEPControl_Reader()
reader.ReadFile('{source}')
reader.TransferRoots()
shape = reader.OneShape()
BRepMesh_IncrementalMesh(shape, {linear}, False, {angular})
writer = StlAPI_Writer()
writer.ASCIIMode = False
writer.Write(shape, '{output}')
"""
BARE_GLB = """from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.collections import IndexedDataMap_TCollection_AsciiString_TCollection_AsciiString as Metadata
from OCP.Message import Message_ProgressRange
from OCP.RWGltf import RWGltf_CafWriter
from OCP.STEPCAFControl import STEPCAFControl_Reader
from OCP.TCollection import TCollection_AsciiString, TCollection_ExtendedString
from OCP.TDocStd import TDocStd_Document
from OCP.XCAFApp import XCAFApp_Application
from OCP.XCAFDoc import XCAFDoc_DocumentTool
document = TDocStd_Document(TCollection_ExtendedString('BinXCAF'))
XCAFApp_Application.GetApplication_s().InitDocument(document)
reader = STEPCAFControl_Reader()
reader.ReadFile('{source}')
reader.Transfer(document)
shape = XCAFDoc_DocumentTool.ShapeTool_s(document.Main()).GetOneShape()
BRepMesh_IncrementalMesh(shape, {linear}, False, {angular})
writer = RWGltf_CafWriter(TCollection_AsciiString('{output}'), True)
writer.SetMergeFaces(True)
writer.Perform(document, Metadata(), Message_ProgressRange())
"""


@dataclass(frozen=True)
class Used:
    """CPU seconds (user and system), seconds of wall clock, peak resident MB."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True)
class Rival:
    """A program with a script for each output that it makes. `bare` is no rival but the kernel's least."""

    name: str
    command: tuple[str, ...] | None  # None: not on this machine
    suffix: str
    scripts: dict[str, str]

    def run(self, source: Path, output: Path) -> Used | None:
        """What it used; None when it wrote nothing within LIMIT."""
        assert self.command
        script = output.with_name(f"script{self.suffix}")
        text = self.scripts[output.suffix[1:]]
        script.write_text(text.format(source=source, output=output, linear=LINEAR, angular=ANGULAR, degrees=DEGREES))
        command = (sys.executable, "-ISc", LAUNCH, str(LIMIT), *self.command, str(script))
        said = subprocess.run(command, check=True, capture_output=True, env=environment(), cwd=output.parent)
        return Used(*json.loads(said.stdout)) if output.exists() and output.stat().st_size else None


def environment() -> dict[str, str]:
    """Debian ships DRAWEXE's plugins under their versioned names only: links beside (`drawlibs`) let it load them."""
    links = Path(os.environ.get("TMPDIR", "/tmp")) / "bench-drawlibs"
    links.mkdir(exist_ok=True)
    for plugin in ("XSDRAW", "XDEDRAW", "TopTest"):
        link = links / f"libTK{plugin}.so"
        if not link.is_symlink():
            link.symlink_to(f"/usr/lib/x86_64-linux-gnu/libTK{plugin}.so.7")
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LD_LIBRARY_PATH": str(links),
        "CSF_OCCTResourcePath": "/usr/share/opencascade/resources",
    }


def found(*names: str, more: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    path = next((found for name in names if (found := shutil.which(name))), None)
    return (path, *more) if path else None


def module(name: str) -> tuple[str, ...] | None:
    """A Python that has it."""
    python = VENV / "bin" / "python"
    there = any(VENV.glob(f"lib/python3*/site-packages/{name}*"))
    return (str(python),) if python.exists() and there else None


def all_of_them() -> tuple[Rival, ...]:
    return (
        Rival(
            "DRAWEXE",
            found("DRAWEXE", "occt-draw-7.6", "occt-draw", more=("-b", "-f")),
            ".tcl",
            {"stl": DRAW_STL, "glb": DRAW_GLB},
        ),
        Rival("FreeCADCmd", found("FreeCADCmd", "freecadcmd"), ".py", {"stl": FREECAD_STL}),
        Rival("gmsh", module("gmsh"), ".py", {"stl": GMSH_STL}),
        Rival("cascadio", module("cascadio"), ".py", {"glb": CASCADIO_GLB}),
        Rival("bare OCP", (sys.executable,), ".py", {"stl": BARE_STL, "glb": BARE_GLB}),
    )
