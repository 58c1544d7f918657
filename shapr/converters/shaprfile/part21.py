"""A STEP file as text, entity by entity: the bridge over which a Parasolid body reaches the kernel.

The kernel's STEP reader builds what a Parasolid file leaves out (curves in parameter space, seams, degenerate edges),
so bodies are handed to it as AP214 text. Lengths are millimetres.
"""

from collections.abc import Iterable, Sequence

Vector = Sequence[float]
MM = 1000.0  # Parasolid's metres

HEADER = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('','2000-01-01T00:00:00',(''),(''),'','','');
FILE_SCHEMA(('AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 1 }'));
ENDSEC;
DATA;
"""


class Part21:
    """Collects entities; equal ones are written once."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._known: dict[str, str] = {}
        self._context = self._units()

    def add(self, text: str) -> str:
        """The reference to an entity that says this."""
        if text not in self._known:
            self._lines.append(text)
            self._known[text] = f"#{len(self._lines)}"
        return self._known[text]

    def new(self, text: str) -> str:
        """An entity of its own, however many say the same."""
        self._lines.append(text)
        return f"#{len(self._lines)}"

    def point(self, at: Vector) -> str:
        """In millimetres."""
        return self.add(f"CARTESIAN_POINT('',({numbers(at)}))")

    def direction(self, along: Vector) -> str:
        return self.add(f"DIRECTION('',({numbers(along)}))")

    def placement(self, at: Vector, axis: Vector, x_axis: Vector) -> str:
        where, up, right = self.point(at), self.direction(axis), self.direction(x_axis)
        return self.add(f"AXIS2_PLACEMENT_3D('',{where},{up},{right})")

    def product(self, name: str, items: Sequence[str]) -> None:
        """A part of one body. `items` are its solids, surface models and wireframes."""
        label = string(name)
        product = self.new(f"PRODUCT('{label}','{label}','',({self._product_context()}))")
        formation = self.new(f"PRODUCT_DEFINITION_FORMATION('','',{product})")
        definition = self.new(f"PRODUCT_DEFINITION('design','',{formation},{self._design()})")
        shape = self.new(f"PRODUCT_DEFINITION_SHAPE('','',{definition})")
        origin = self.placement((0, 0, 0), (0, 0, 1), (1, 0, 0))
        made = self.new(f"SHAPE_REPRESENTATION('',({','.join((origin, *items))}),{self._context})")
        self.new(f"SHAPE_DEFINITION_REPRESENTATION({shape},{made})")

    def text(self) -> str:
        body = "".join(f"#{at}={line};\n" for at, line in enumerate(self._lines, 1))
        return f"{HEADER}{body}ENDSEC;\nEND-ISO-10303-21;\n"

    def _application(self) -> str:
        return self.add("APPLICATION_CONTEXT('automotive design')")

    def _product_context(self) -> str:
        return self.add(f"PRODUCT_CONTEXT('',{self._application()},'mechanical')")

    def _design(self) -> str:
        return self.add(f"PRODUCT_DEFINITION_CONTEXT('part definition',{self._application()},'design')")

    def _units(self) -> str:
        length = self.add("(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.))")
        angle = self.add("(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))")
        solid = self.add("(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT())")
        fine = self.add(f"UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-05),{length},'distance_accuracy_value','')")
        return self.add(
            f"(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT(({fine}))"
            f"GLOBAL_UNIT_ASSIGNED_CONTEXT(({length},{angle},{solid}))REPRESENTATION_CONTEXT('',''))"
        )


def numbers(values: Iterable[float]) -> str:
    return ",".join(real(value) for value in values)


def real(value: float) -> str:
    """Every digit of it, as the syntax wants it: with a point."""
    text = f"{value:.17g}".upper()
    mantissa, e, exponent = text.partition("E")
    return mantissa + ("" if "." in mantissa else ".") + e + exponent


def logical(value: bool) -> str:
    return ".T." if value else ".F."


def string(text: str) -> str:
    """ISO 10303-21, 6.4.3: quotes doubled, what is not ASCII in UTF-16."""
    written = ""
    for char in text:
        if " " <= char <= "~":
            written += {"'": "''", "\\": "\\\\"}.get(char, char)
        elif char.isprintable():
            written += f"\\X2\\{char.encode('utf-16-be').hex().upper()}\\X0\\" if ord(char) < 0x10000 else "_"
        else:
            written += "_"
    return written
