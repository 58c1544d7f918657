"""The table of formats: the only one. The API, the CLI, the page and the docs render it.

Which formats come in and go out, which pairs exist, which options fit which pair, and their defaults. Pure data and
pure functions; the API imports this module and must not pay for a kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any, Literal

from shapr.conversion import Options
from shapr.errors import Refused
from shapr.settings import Settings

Kind = Literal["brep", "mesh"]
Converter = Literal["built-in", "external", "stub"]
Sources = Mapping[str, Converter]
"""The formats that are read here, each with who reads it."""


@dataclass(frozen=True)
class Format:
    """One file format. `options` are those an *output* of it takes, with their defaults."""

    name: str
    title: str
    kind: Kind
    extensions: tuple[str, ...]
    media_type: str
    reads: bool = True  # it can be a source
    built_in: bool = True  # we read it ourselves; a source without that needs a converter that is plugged in
    writes: bool = True
    unitless: bool = False
    text: bool = True  # as written by default; text is stored gzip-compressed
    options: tuple[tuple[str, Any], ...] = ()


# Its library has no wheel for every machine; where it is missing, the format is not offered.
THREE_MF = find_spec("lib3mf") is not None

FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("shapr", "Shapr3D", "brep", ("shapr",), "application/octet-stream", writes=False),
        Format(
            "step",
            "STEP (ISO 10303-21)",
            "brep",
            ("step", "stp"),
            "model/step",
            options=(("units", "mm"), ("step_schema", "AP214")),
        ),
        Format("iges", "IGES 5.3", "brep", ("iges", "igs"), "model/iges", options=(("units", "mm"),)),
        Format(
            "brep",
            "Open CASCADE BREP",
            "brep",
            ("brep", "brp"),
            "application/x-brep",
            unitless=True,
            options=(("units", "mm"), ("encoding", "ascii")),
        ),
        Format(
            "stl",
            "STL",
            "mesh",
            ("stl",),
            "model/stl",
            unitless=True,
            text=False,
            options=(("units", "mm"), ("up_axis", "z"), ("encoding", "binary")),
        ),
        Format(
            "obj",
            "Wavefront OBJ",
            "mesh",
            ("obj",),
            "model/obj",
            unitless=True,
            options=(("units", "mm"), ("up_axis", "z")),
        ),
        Format(
            "ply",
            "Stanford PLY",
            "mesh",
            ("ply",),
            "model/x-ply",
            unitless=True,
            text=False,
            options=(("units", "mm"), ("up_axis", "z"), ("encoding", "binary")),
        ),
        Format(
            "off",
            "Geomview OFF",
            "mesh",
            ("off",),
            "model/x-off",
            unitless=True,
            options=(("units", "mm"), ("up_axis", "z")),
        ),
        Format(
            "glb",
            "glTF 2.0 binary",
            "mesh",
            ("glb",),
            "model/gltf-binary",
            text=False,
            options=(("mesh_compression", "none"),),
        ),
        Format("gltf", "glTF 2.0", "mesh", ("gltf",), "model/gltf+json", writes=False),
        Format(
            "3mf",
            "3MF",
            "mesh",
            ("3mf",),
            "model/3mf",
            built_in=THREE_MF,
            writes=THREE_MF,
            text=False,
            options=(("units", "mm"),),
        ),
    )
}
ALIASES: dict[str, str] = {extension: f.name for f in FORMATS.values() for extension in f.extensions}

# Tessellation: linear deflection as a fraction of the part's diagonal, angular in degrees. At 10 degrees a sphere
# keeps 99.4 % of its volume, whatever its size in the part.
QUALITY: dict[str, tuple[float, float]] = {"draft": (2e-3, 20.0), "standard": (5e-4, 10.0), "fine": (1e-4, 5.0)}
TESSELLATION = ("quality", "linear_deflection", "angular_deflection")


BUILT_IN: Sources = {f.name: "built-in" for f in FORMATS.values() if f.reads and f.built_in}


def sources(settings: Settings) -> Sources:
    """Who reads what under these settings, for the API and the worker alike.

    A program that is plugged in replaces our reader. The stub stands in for nothing but a missing `.shapr` converter.
    """
    plugged: dict[str, Converter] = {
        f.name: "external" for f in FORMATS.values() if f.reads and getattr(settings, f"converter_{f.name}")
    }
    stub: dict[str, Converter] = {"shapr": "stub"} if settings.demo_stub else {}
    served = {**BUILT_IN, **stub, **plugged}
    return {name: served[name] for name in FORMATS if name in served}


def source_format(file_name: str, sources: Sources) -> str:
    """The format that a file name's extension announces; `unsupported_format` if none such is read here."""
    extension = PurePath(file_name).suffix.lower().removeprefix(".")
    name = ALIASES.get(extension)
    if name is None or name not in sources:
        readable = ", ".join(sources)
        said = f"'.{extension}' files are not read" if extension else "the file name has no extension"
        raise Refused("unsupported_format", f"{said}; readable: {readable}")
    return name


def output_format(name: str) -> str:
    """The canonical name of a format that we write (`stp` is `step`); `unsupported_pair` if we do not."""
    canonical = ALIASES.get(name.strip().lower())
    if canonical is None or not FORMATS[canonical].writes:
        writable = ", ".join(f.name for f in FORMATS.values() if f.writes)
        raise Refused("unsupported_pair", f"'{name}' is not written; writable: {writable}")
    return canonical


def pairs(sources: Sources) -> dict[str, tuple[str, ...]]:
    """Every source format and the formats it converts to."""
    written = tuple(f.name for f in FORMATS.values() if f.writes)
    return dict.fromkeys(sources, written)


def fitting(source: str, output: str, sources: Sources) -> dict[str, Any]:
    """The options that mean something for this pair, with their defaults. A plugged-in program is given none."""
    if sources[source] != "built-in":
        return {}
    out = dict(FORMATS[output].options) | {"heal": False}
    if FORMATS[source].unitless:
        out["source_units"] = "mm"
    if source == "shapr":
        out |= {"include_hidden": False, "partial": False}
    if FORMATS[source].kind == "brep" and FORMATS[output].kind == "mesh":
        # A project is compared with the app's own export, which keeps the volume to some 0.05 %, as `fine` does.
        quality = "fine" if source == "shapr" else "standard"
        out |= {"quality": quality, "linear_deflection": None, "angular_deflection": None}
    return out


def effective(source: str, outputs: tuple[str, ...], options: Options, sources: Sources) -> dict[str, dict[str, Any]]:
    """The options of each output, defaults filled in; `invalid_options` when one fits no output asked for.

    A deflection that was given replaces the preset, so `quality` is then not echoed. A preset's deflections depend on
    the size of the part: the converter fills them in.
    """
    given = options.given()
    if given and sources[source] != "built-in":
        raise Refused(
            "invalid_options", f"{source} sources are read by a plugged-in converter here, which takes no options"
        )
    fits = {output: fitting(source, output, sources) for output in outputs}
    for name in given:
        if not any(name in fit for fit in fits.values()):
            raise Refused("invalid_options", f"'{name}' has no meaning for {source} to {', '.join(outputs)}")
    if "quality" in given and ("linear_deflection" in given or "angular_deflection" in given):
        raise Refused("invalid_options", "give either 'quality' or deflections")
    return {output: _filled(fit, given) for output, fit in fits.items()}


def _filled(fit: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    filled = {name: given.get(name, default) for name, default in fit.items()}
    if any(filled.get(name) is not None for name in ("linear_deflection", "angular_deflection")):
        filled.pop("quality")
    return {name: value for name, value in filled.items() if value is not None}
