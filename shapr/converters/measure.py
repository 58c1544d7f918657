"""What a report says of a file: counts and sizes, as measured by reading it. `brep/measure.py`, `mesh/measure.py`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """In millimetres, mm² and mm³, in the frame of the model (z up), whatever the units of the file.

    None means that the format cannot say: a mesh has no B-Rep faces, an open surface no volume.
    """

    bodies: int  # solids, and shells and faces that belong to none; for a mesh its connected surfaces
    solids: int | None  # None for a mesh
    faces: int | None  # B-Rep faces
    triangles: int | None
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    volume: float | None
    area: float
    watertight: bool
    units: str | None  # as the file says; None where the format has none
    up_axis: str | None
    names: int  # different names of parts, and of bodies within parts
    colours: int  # different colours
    curves: int | None = None  # edges that bound no face; None for a mesh, which has none
    points: int | None = None  # vertices of no edge, likewise; not in the report, but what is lost of them
    layers: int = 0  # that have something on them, likewise
    edges: int = 0  # different colours that edges of faces have and the faces do not, likewise
    properties: int = 0  # materials that parts are made of, and parts and uses with attributes of a user's, likewise
    translucent: int = 0  # of the colours, likewise
    labels: frozenset[str] = frozenset()  # the names themselves
    parts: frozenset[str] = frozenset()  # those of parts, whatever their uses are called
