"""Reads what the generator wrote, and tells what came out."""

from pathlib import Path

from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.XCAFDoc import XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.brep.measure import volume
from shapr.converters.shaprfile import reader
from shapr.converters.shaprfile.reader import Project as Read
from tests.converters.shaprkit import bodies, shapes
from tests.converters.shaprkit.nodes import Nodes
from tests.converters.shaprkit.project import Project


def cube(side: float) -> bytes:
    return bodies.body(shapes.box(side, side, side))


def wire() -> bytes:
    return bodies.body(shapes.together(*shapes.edges(shapes.box())[:4]))


def point() -> bytes:
    """A body of one vertex: nothing that a format of ours holds."""
    nodes = Nodes()
    body = nodes.add("BODY", res_size=1000.0, res_linear=1e-8, body_type=bodies.GENERAL)
    vertex = nodes.add("VERTEX", point=nodes.add("POINT", pvec=(0, 0, 0)), owner=body)
    region = nodes.add("REGION", body=body, type="V")
    nodes.set(region, shell=nodes.add("SHELL", body=body, region=region, vertex=vertex))
    nodes.set(body, region=region, vertex=vertex)
    return nodes.data()


def read(project: Project, folder: Path, hidden: bool = False, partial: bool = False) -> Read:
    place = folder / "scratch"
    place.mkdir()
    return reader.read(project.save(folder / "source"), place, hidden, partial, lambda _: None)


def found(read: Read) -> dict[str, float]:
    """Volumes by name, wherever in the tree."""
    return {name: round(volume(XCAFDoc_ShapeTool.GetShape_s(part)), 3) for name, part in parts(read).items()}


def parts(read: Read) -> dict[str, TDF_Label]:
    """By name, of every body, however deep in folders."""
    named = {}
    waiting = [(document.name(label), label) for label in document.roots(read.document)]
    for name, label in waiting:
        part = document.referred(label)
        inside = document.components(part)
        waiting += [(document.name(each), each) for each in inside]
        if not inside:
            named[name] = part
    return named


def outline(model: TDocStd_Document) -> list[object]:
    """The tree of a document: names of bodies, and of folders with what is in them."""

    def walk(label: TDF_Label) -> object:
        inside = document.components(document.referred(label))
        return (document.name(label), [walk(each) for each in inside]) if inside else document.name(label)

    return [walk(root) for root in document.roots(model)]
