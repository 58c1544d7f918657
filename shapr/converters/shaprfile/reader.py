"""A `.shapr` file as a document of the kernel, its mesh bodies, and what there is to say about it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from OCP.Quantity import Quantity_Color, Quantity_ColorRGBA, Quantity_TypeOfColor
from OCP.TCollection import TCollection_ExtendedString
from OCP.TDataStd import TDataStd_Name
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopLoc import TopLoc_Location
from OCP.XCAFDoc import XCAFDoc_ColorType, XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from shapr.converters.brep import document
from shapr.converters.mesh.model import Part
from shapr.converters.shaprfile import blocks, container, history, layouts, meshes, solids, xb
from shapr.converters.shaprfile.container import Workspace, shown
from shapr.converters.shaprfile.folders import Folder
from shapr.converters.shaprfile.metadata import Body, Labels, Rgba
from shapr.errors import Refused

SKETCH = "MaterializeSketchPlane"
NAMED = 200  # bodies that an error names, at most


@dataclass
class Project:
    """`meshes` are in millimetres; `wires` are the names of bodies with edges that bound no face. `about` goes into the
    report; `losses` says what is not here, and why."""

    document: TDocStd_Document
    meshes: list[Part] = field(default_factory=list)
    wires: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)


def read(path: Path, scratch: Path, hidden: bool, partial: bool, reach: Callable[[float], None]) -> Project:
    """The living bodies, the hidden ones too if asked for.

    `unsupported_geometry` names bodies that cannot be converted; with `partial` they are losses, if one is left.
    """
    with container.opened(path, scratch) as workspace:
        replayed = layouts.replay(workspace)
        with history.unknown():
            labels = Labels(workspace, replayed)
            bodies = [labels.body(partition, at) for at, partition in enumerate(replayed.alive, 1)]
        project = Project(document.new(), about=_about(workspace, replayed))
        folders: dict[tuple[str, ...], TDF_Label] = {}
        failed: list[tuple[Body, str]] = []
        told = []
        for at, body in enumerate(bodies):
            reach(at / len(bodies))
            kind = "hidden"
            if not body.hidden or hidden:
                try:
                    kind = _add(project, body, workspace, replayed.placed.get(body.partition), scratch, folders)
                except Refused as refused:
                    kind = "not converted"
                    failed.append((body, refused.detail))
            if kind != "construction":
                told.append(_told(body, kind))
    project.about["bodies"] = told
    XCAFDoc_DocumentTool.ShapeTool_s(project.document.Main()).UpdateAssemblies()
    project.losses += replayed.losses
    return _whole(project, failed, partial)


def _told(body: Body, kind: str) -> dict[str, Any]:
    path = [folder.name for folder in body.folders]
    return {
        "name": body.name,
        "folder": path[-1] if path else "",
        "folders": path,
        "visible": not body.hidden,
        "kind": kind,
    }


def _whole(project: Project, failed: list[tuple[Body, str]], partial: bool) -> Project:
    """All, or what could be converted if that was asked for; never nothing."""
    if failed and (not partial or not (project.meshes or document.roots(project.document))):
        raise Refused("unsupported_geometry", _because(failed))
    if not project.meshes and not document.roots(project.document):
        hidden = any(not body["visible"] for body in project.about["bodies"])
        why = "every body is hidden: ask for include_hidden" if hidden else "the project has no body"
        raise Refused("no_geometry", why)
    project.losses += [f"{shown(body.name)}: {why} (left out)" for body, why in failed]
    return project


def _because(failed: list[tuple[Body, str]]) -> str:
    """Every body by name, a reason once: what fails for one often fails for its copies too."""
    names: dict[str, list[str]] = {}
    for body, why in failed[:NAMED]:
        names.setdefault(why, []).append(shown(body.name))
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    return "; ".join(f"{', '.join(each)}: {why}" for why, each in names.items()) + more


def _add(
    project: Project,
    body: Body,
    workspace: Workspace,
    placed: history.Placed | None,
    scratch: Path,
    folders: dict[tuple[str, ...], TDF_Label],
) -> str:
    """Put one body where it belongs; gives its kind."""
    if body.construction:
        return "construction"
    placed = placed or history.Placed(body.partition)
    file = blocks.file(workspace, placed.partition) if placed.block is None else xb.parse(placed.block)
    if (mesh := meshes.part(file, body.name, placed.matrix)) is not None:
        colour = None
        if body.colour:
            red, green, blue, alpha = (value / 255 for value in body.colour)
            colour = red, green, blue, alpha
        project.meshes.append(replace(mesh, colour=colour))
        return "mesh"
    converted = solids.converted(file, scratch)
    if placed.matrix is not None:
        converted = solids.moved(converted, placed.matrix)
    _label(project.document, body, converted, folders)
    if lost := sum(id not in converted.faces for id in body.faces):
        project.losses.append(f"{shown(body.name)}: the colours of {lost} faces, which the kernel splits")
    if document.free_edges(converted.shape):
        project.wires.append(shown(body.name))
    return converted.kind


def _label(
    model: TDocStd_Document, body: Body, converted: solids.Body, folders: dict[tuple[str, ...], TDF_Label]
) -> None:
    shapes, colours = (
        XCAFDoc_DocumentTool.ShapeTool_s(model.Main()),
        XCAFDoc_DocumentTool.ColorTool_s(model.Main()),
    )
    label = shapes.AddShape(converted.shape, False)
    _named(label, body.name)
    if body.colour:
        kinds = XCAFDoc_ColorType
        kind = kinds.XCAFDoc_ColorCurv if converted.kind == "wire" else kinds.XCAFDoc_ColorSurf
        colours.SetColor(label, _colour(body.colour), kind)
    for id, colour in body.faces.items():
        for face in converted.faces.get(id, ()):
            painted = shapes.AddSubShape(label, face)
            colours.SetColor(painted, _colour(colour), XCAFDoc_ColorType.XCAFDoc_ColorSurf)
    if (inside := _folder(shapes, body.folders, folders)) is not None:
        _named(shapes.AddComponent(inside, label, TopLoc_Location()), body.name)


def _folder(
    shapes: XCAFDoc_ShapeTool, path: tuple[Folder, ...], known: dict[tuple[str, ...], TDF_Label]
) -> TDF_Label | None:
    """The assembly that stands for the innermost folder of a path; it and those around it are made when first asked
    for."""
    inside, way = None, tuple[str, ...]()
    for folder in path:
        way = (*way, folder.id)
        if way not in known:
            known[way] = shapes.NewShape()
            _named(known[way], folder.name)
            if inside is not None:
                _named(shapes.AddComponent(inside, known[way], TopLoc_Location()), folder.name)
        inside = known[way]
    return inside


def _named(label: TDF_Label, name: str) -> None:
    TDataStd_Name.Set_s(label, TCollection_ExtendedString(name, True))


def _colour(rgba: Rgba) -> Quantity_ColorRGBA:
    red, green, blue, alpha = (value / 255 for value in rgba)
    return Quantity_ColorRGBA(Quantity_Color(red, green, blue, Quantity_TypeOfColor.Quantity_TOC_sRGB), alpha)


def _about(workspace: Workspace, replayed: history.Replay) -> dict[str, Any]:
    operations = list(replayed.features.values())
    return {
        "schema": workspace.schema,
        "parasolid": _said(workspace, "Latest_ParasolidVersion", "Create_ParasolidVersion"),
        "created": _said(workspace, "Create_Date"),
        "saved": _said(workspace, "Latest_Date", "Persistence_SaveTimestamp"),
        "operations": len(operations),
        "sketches": operations.count(SKETCH),
        "layout": _layout(workspace, replayed),
    }


def _layout(workspace: Workspace, replayed: history.Replay) -> str:
    """With a note where nobody has seen a file of this schema, though its tables are as those that are known."""
    unseen = (workspace.schema or 0) > container.NEWEST and replayed.layout == "old"
    return f"{replayed.layout} (best effort)" if unseen else replayed.layout


def _said(workspace: Workspace, *settings: str) -> str | None:
    found = (workspace.settings.get(name) for name in settings)
    return next((shown(each) for each in found if each), None)
