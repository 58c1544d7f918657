"""The report: what the conversion kept and lost, measured on the source and on each file that was written.

DESIGN section 5. Lengths are millimetres in the frame of the model (z up), whatever the units and axes of the files.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from shapr.converters.formats import FORMATS
from shapr.converters.measure import Measured
from shapr.converters.mesh.gltf_aside import NORMALS
from shapr.converters.mesh.obj import NO_MTL

TREES = frozenset({"step", "glb"})  # formats that can hold an assembly as we write it; GLB not with mesh bodies
NOTABLE = 0.01  # a relative difference of volume that is worth a sentence
# What a reader misses in a file of ours, in the words of its writer.
WRITTEN = {NO_MTL: "colours of materials are written with the vertices: OBJ keeps materials in a second file"}
LINES = "lines are passed over"  # what the reader of GLB says of the curves that its writer kept
UNITS = {"in": "inches", "ft": "feet"}
NUMBERED = re.compile(r"(.+) \d+", re.DOTALL)
DIGITS = 10  # significant ones of a measure


@dataclass(frozen=True)
class Opened:
    """A file that was read and measured. `assembly`: it has a tree of parts; `meshes`: bodies that are no B-Reps;
    `wires`: bodies with edges that bound no face, where bodies have names; `shaded`: triangles of several colours."""

    format: str
    measured: Measured
    assembly: bool = False
    losses: tuple[str, ...] = ()
    meshes: tuple[str, ...] = ()
    wires: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    stem: str = ""  # of the source's file name, which parts without a name are called after
    shaded: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Those that somebody gave; without blanks around them, which some readers leave out."""
        return frozenset(filter(self._given, map(str.strip, self.measured.labels)))

    @property
    def hidden(self) -> frozenset[str]:
        """Names of parts, all uses of which are called otherwise."""
        return frozenset(filter(self._given, map(str.strip, self.measured.parts))) - self.names

    def _given(self, name: str) -> bool:
        """By somebody."""
        return not re.fullmatch(rf"(part|{re.escape(self.stem)}( \d+)?|)", name)


def report(source: Opened, outputs: dict[str, tuple[Opened, dict[str, Any]]], healing: dict[str, Any] | None) -> Any:
    """The report of a conversion: `outputs` by format, each as reopened, with the options that took effect."""
    told: dict[str, Any] = {
        "converter": "built-in",
        "source": {"format": source.format, **facts(source.measured), **source.about},
        "outputs": {
            format: {
                **facts(output.measured),
                "names": len(given(output.measured.labels, source.measured.labels)),
                "faceted": _kind(source) == "mesh" and _kind(output) == "brep",
                "deltas": deltas(source.measured, output.measured),
                "losses": lost(source, output, options),
            }
            for format, (output, options) in outputs.items()
        },
        "losses": list(source.losses),
    }
    return told | ({"healing": healing} if healing is not None else {})


def given(labels: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    """The names of an output without those that only number another one: of instances, of bodies that nobody named."""
    numbered = (NUMBERED.fullmatch(name) for name in labels - known)
    return labels - {found[0] for found in numbered if found and found[1] in labels}


def facts(measured: Measured) -> dict[str, Any]:
    unsaid = ("labels", "parts", "layers", "edges", "properties", "points", "translucent")
    told = {name: _rounded(value) for name, value in asdict(measured).items() if name not in unsaid}
    return told | {"bounding_box": {"min": told.pop("low"), "max": told.pop("high")}}


def deltas(source: Measured, output: Measured) -> dict[str, float]:
    """Relative differences, output against source; of the box, the largest move of a corner against the diagonal."""
    moved = max(abs(a - b) for a, b in zip((*source.low, *source.high), (*output.low, *output.high), strict=True))
    found = {"bounding_box": moved / (math.dist(source.low, source.high) or 1.0)}
    for name in ("volume", "area"):
        before, after = getattr(source, name), getattr(output, name)
        if before and after is not None:
            found[name] = (after - before) / before
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def lost(source: Opened, output: Opened, options: dict[str, Any]) -> list[str]:
    """In words, what this output does not have of the source."""
    kept = {NORMALS, LINES} if source.measured.curves else {NORMALS}  # by the writer of GLB; its reader needs neither
    told = (loss for loss in output.losses if loss not in kept)
    written = (WRITTEN.get(loss, loss) for loss in told)
    return [*_shape(source, output, options), *_labels(source, output, options), *written]


def _shape(source: Opened, output: Opened, options: dict[str, Any]) -> Iterator[str]:
    before, after = source.measured, output.measured
    if before.faces and _kind(output) == "mesh":
        yield (
            "exact surfaces became triangles within "
            f"{options['linear_deflection']:g} mm and {options['angular_deflection']:g} degrees"
        )
    if before.curves and _kind(output) == "mesh":
        several = f"{before.curves} free curves" if before.curves > 1 else "a free curve"
        what = f"those of {', '.join(source.wires)}" if source.wires else several
        title = output.format.upper()
        lines = LINES in output.losses
        yield (
            f"curves are lines in {title}: {what}" if lines else f"curves cannot be stored in {title}: it lacks {what}"
        )
    if source.meshes and _kind(output) == "brep":
        yield f"bodies that are meshes cannot be stored in {output.format.upper()}: {', '.join(source.meshes)}"
    if _kind(source) == "mesh" and _kind(output) == "brep":
        yield "every triangle became a flat face"
        if before.triangles and after.faces is not None and after.faces < before.triangles:
            left = before.triangles - after.faces
            yield f"{left} of {before.triangles} triangles have no area or repeat another one: they were left out"
        if not before.watertight and not after.watertight:
            yield "the mesh is not closed: open surfaces instead of solids"
    yield from _changes(before, after)


def _changes(before: Measured, after: Measured) -> Iterator[str]:
    """Of what was measured."""
    if after.watertight and not before.watertight:
        yield "gaps closed where points all but coincide, or faces of several surfaces fit together"
    if before.triangles and after.triangles and after.triangles < before.triangles:
        yield f"{before.triangles - after.triangles} of {before.triangles} triangles without an area were left out"
    if before.solids and after.solids is not None and after.solids < before.solids:
        yield f"{before.solids - after.solids} of {before.solids} solids came out as open surfaces"
    if before.solids is not None and after.solids is not None and after.solids > before.solids:
        yield f"solids that are surfaces in the file and fit together when it is read: {after.solids - before.solids}"
    if before.curves and after.curves is not None and after.curves < before.curves:
        yield f"{before.curves - after.curves} of {before.curves} free curves are not in it"
    if before.points and (after.points or 0) < before.points:
        lost = before.points - (after.points or 0)
        yield (
            f"{lost} of {before.points} free points are not in it" if before.points > 1 else "a free point is not in it"
        )
    if before.watertight and not after.watertight:
        yield "it does not close any more: edges do not meet, or bodies that touch cannot be told apart"
    yield from _sizes(before, after)


def _sizes(before: Measured, after: Measured) -> Iterator[str]:
    if (before.volume or 0.0) < 0 < (after.volume or 0.0):
        yield "its faces were turned inwards: the solid is turned the right way"
        before = replace(before, volume=-(before.volume or 0.0))
    for what in ("volume", "area"):
        change = deltas(before, after).get(what, 0.0)
        if abs(change) > NOTABLE:
            yield f"the {what} differs by {100 * change:.1f} %"


def _labels(source: Opened, output: Opened, options: dict[str, Any]) -> Iterator[str]:
    before, after, title = source.measured, output.measured, output.format.upper()
    names, same = len(source.names), len(source.names & output.names)
    counts = (
        ("names", names, same),
        ("colours", before.colours, after.colours),
        ("colours of edges", before.edges, after.edges),
        ("layers", before.layers, after.layers),
        ("materials and attributes of parts", before.properties, after.properties),
    )
    for what, count, kept in counts:
        if count and not kept:
            yield f"{what} cannot be stored in {title}"
        elif kept < count:
            yield f"{count - kept} of {count} {what} could not be stored in {title} as they are"
    if before.translucent and after.colours and not after.translucent:
        yield f"colours that can be seen through cannot be stored in {title}: they are opaque"
    if source.shaded and after.colours and _kind(output) == "brep":
        yield "colours of vertices became one of each face: the mean of its corners"
    flat = output.format not in TREES or (source.meshes and _kind(output) == "mesh")
    if flat and same and (missing := len(source.hidden - output.names)):
        yield f"names of parts whose uses are called otherwise are missing: {missing}"
    if source.assembly and _kind(source) == "mesh":
        yield "the tree of its nodes is not kept: each part lies where that put it"
    elif source.assembly and flat:
        yield f"the assembly tree cannot be stored in {title}"
    if before.units and FORMATS[output.format].unitless:
        yield f"{title} has no units: lengths are written in {UNITS.get(units := options.get('units', 'mm'), units)}"


def _kind(file: Opened) -> str:
    """STEP is a mesh too, if all of it is tessellated."""
    return "mesh" if file.measured.faces is None else "brep"


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
