"""STEP files that lie, loop, explode, or name other files."""

import re
from collections.abc import Iterator

from benchmarks.hostile.kit import BROKEN, SAMPLES, Bait, Hostile, blobs, cut, either, flipped, refused
from benchmarks.hostile.part21 import (
    CONTEXT,
    assembly,
    document,
    leaf,
    mapped,
    part21,
    product,
    reference,
)

PARSE = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded")
BOMB = ("decompression_bomb", "limit_exceeded")


def changed(sample: str, pattern: str, to: str, count: int = 1) -> str:
    made, found = re.subn(pattern, to, sample, count=count)
    if not found:
        raise AssertionError(f"the sample has no {pattern}")
    return made


def files(bait: Bait) -> Iterator[Hostile]:
    bracket = (SAMPLES / "bracket.step").read_text()
    raw = bracket.encode()
    yield from blobs("step")
    yield from cut("bracket", "step", raw, 6, *BROKEN)
    yield refused("no-end.step", raw[: raw.rindex(b"END-ISO")], *BROKEN)
    yield from flipped("bracket", "step", raw, 6, *PARSE, "format_mismatch", "external_reference")
    yield from loops(bracket)
    yield from lies(bracket)
    yield from words(bracket)
    yield from references(bait)
    yield refused("bomb-assembly.step", assembly(31, 2), *BOMB)
    yield refused("bomb-wide.step", assembly(9, 10), *BOMB)
    yield refused("bomb-mapped.step", mapped(30, 2), *BOMB)
    yield refused("cycle-assembly.step", assembly(4, 1, cyclic=True), *BROKEN)
    yield refused("cycle-assembly-self.step", assembly(1, 1, cyclic=True), *BROKEN)
    yield refused("cycle-mapped.step", mapped(3, 1, cyclic=True), *BROKEN)
    yield refused("cycle-mapped-self.step", mapped(1, 1, cyclic=True), *BROKEN)
    yield either("deep-assembly.step", assembly(5000, 1), "limit_exceeded")
    yield either("deep-mapped.step", mapped(20_000, 1), "limit_exceeded")
    yield either("polyglot-pdf.step", b"%PDF-1.7\n" + raw, "format_mismatch", *BROKEN)
    yield either("polyglot-after.step", raw + b"PK\x03\x04" + bytes(5000), *BROKEN)


def loops(bracket: str) -> Iterator[Hostile]:
    yield refused(
        "edge-of-itself.step",
        changed(bracket, r"#20 = ORIENTED_EDGE\('',\*,\*,#21", "#20 = ORIENTED_EDGE('',*,*,#20"),
        *BROKEN,
    )
    two = changed(bracket, r"#20 = ORIENTED_EDGE\('',\*,\*,#21", "#20 = ORIENTED_EDGE('',*,*,#55")
    yield refused(
        "edge-cycle.step", changed(two, r"#55 = ORIENTED_EDGE\('',\*,\*,#56", "#55 = ORIENTED_EDGE('',*,*,#20"), *BROKEN
    )
    lower = changed(bracket, r"#20 = ORIENTED_EDGE\('',\*,\*,#21", "#20/*x*/=\n oriented_edge ('',*,*,#20")
    yield refused("edge-of-itself-hidden.step", lower, *BROKEN)
    yield either("shell-of-itself.step", changed(bracket, r"CLOSED_SHELL\('',\(#17,", "CLOSED_SHELL('',(#16,"), *PARSE)
    yield either("face-of-shell.step", changed(bracket, r"ADVANCED_FACE\('',\(#18\)", "ADVANCED_FACE('',(#16)"), *PARSE)
    yield either("point-of-itself.step", changed(bracket, r"VERTEX_POINT\('',#23\)", "VERTEX_POINT('',#22)"), *PARSE)
    yield either(
        "placement-of-itself.step",
        changed(bracket, r"#33 = AXIS2_PLACEMENT_3D\('',#34", "#33 = AXIS2_PLACEMENT_3D('',#33"),
        *PARSE,
    )
    yield either(
        "curve-of-itself.step", changed(bracket, r"#26 = SURFACE_CURVE\('',#27", "#26 = SURFACE_CURVE('',#26"), *PARSE
    )
    yield either(
        "pcurve-of-itself.step", changed(bracket, r"#31 = PCURVE\('',#32,#37\)", "#31 = PCURVE('',#32,#31)"), *PARSE
    )
    yield either("plane-of-itself.step", changed(bracket, r"#32 = PLANE\('',#33\)", "#32 = PLANE('',#32)"), *PARSE)
    surfaces = [
        ("offset-of-itself", "OFFSET_SURFACE('',#32,1.,.F.)"),
        ("trimmed-of-itself", "RECTANGULAR_TRIMMED_SURFACE('',#32,0.,1.,0.,1.,.T.,.T.)"),
        ("bounded-of-itself", "CURVE_BOUNDED_SURFACE('',#32,(),.T.)"),
    ]
    for name, surface in surfaces:
        yield either(f"{name}.step", changed(bracket, r"#32 = PLANE\('',#33\)", f"#32 = {surface}"), *PARSE)
    curves = [
        ("trimmed-curve-of-itself", "TRIMMED_CURVE('',#27,(#28),(#28),.T.,.CARTESIAN.)"),
        ("offset-curve-of-itself", "OFFSET_CURVE_3D('',#27,1.,.F.,#30)"),
        (
            "composite-of-itself",
            "COMPOSITE_CURVE('',(#7777),.F.);\n#7777=COMPOSITE_CURVE_SEGMENT(.CONTINUOUS.,.T.,#27)",
        ),
        (
            "replica-of-itself",
            "CURVE_REPLICA('',#27,#7778);\n#7778=CARTESIAN_TRANSFORMATION_OPERATOR_3D('',$,$,#28,1.,$)",
        ),
    ]
    for name, curve in curves:
        yield either(f"{name}.step", changed(bracket, r"#27 = LINE\('',#28,#29\)", f"#27 = {curve}"), *PARSE)
    yield either(
        "solid-of-itself.step",
        changed(bracket, r"MANIFOLD_SOLID_BREP\('',#16\)", "MANIFOLD_SOLID_BREP('',#15)"),
        *PARSE,
    )
    yield either(
        "shape-of-itself.step",
        changed(bracket, r"SHAPE_REPRESENTATION\('',\(#11,#15\)", "SHAPE_REPRESENTATION('',(#10,#11,#15)"),
        *PARSE,
    )
    unit = (
        "#98=(CONVERSION_BASED_UNIT('inch',#97)LENGTH_UNIT()NAMED_UNIT(#96));\n"
        "#97=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#98);\n"
        "#96=DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.);\n"
    )
    yield either(
        "unit-of-itself.step",
        part21(CONTEXT.replace("((#900,", "((#98,") + unit + leaf(1000) + product(5000, 1000)),
        *PARSE,
    )
    csg = (
        "#10000=BOOLEAN_RESULT('',.UNION.,#10000,#10000);\n"
        "#1000=CSG_SHAPE_REPRESENTATION('',(#10001),#903);\n#10001=CSG_SOLID('',#10000);\n"
    )
    yield either("boolean-of-itself.step", part21(CONTEXT + csg + product(5000, 1000)), *PARSE)
    styles = (
        "#8000=STYLED_ITEM('',(#8001),#8000);\n#8001=PRESENTATION_STYLE_ASSIGNMENT((#8001));\n"
        "#8002=OVER_RIDING_STYLED_ITEM('',(#8001),#8002,#8002);\n"
    )
    presented = "#8003=MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',(#8000,#8002),#903);\n"
    yield either(
        "style-of-itself.step", part21(CONTEXT + leaf(1000) + product(5000, 1000) + styles + presented), *PARSE
    )
    related = (
        "#8000=SHAPE_REPRESENTATION_RELATIONSHIP('','',#1000,#1000);\n"
        "#8001=SHAPE_REPRESENTATION_RELATIONSHIP('','',#8002,#1000);\n"
        "#8002=SHAPE_REPRESENTATION('',(#907),#903);\n"
        "#8003=SHAPE_REPRESENTATION_RELATIONSHIP('','',#1000,#8002);\n"
    )
    yield either("related-to-itself.step", part21(CONTEXT + leaf(1000) + product(5000, 1000) + related), *PARSE)


def spline(degree: str, points: str, multiplicities: str, knots: str) -> str:
    curve = (
        f"#1040=B_SPLINE_CURVE_WITH_KNOTS('',{degree},({points}),.UNSPECIFIED.,"
        f".F.,.F.,({multiplicities}),({knots}),.UNSPECIFIED.);"
    )
    text = re.sub(r"#1014=LINE[^;]*;", curve.replace("#1040=", "#1014="), leaf(1000))
    return part21(CONTEXT + text + product(5000, 1000))


def lies(bracket: str) -> Iterator[Hostile]:
    good = "#1013,#1023"
    for name, args in {
        "degree-huge": ("1000000000", good, "1000000001,1000000001", "0.,1."),
        "degree-negative": ("-5", good, "2,2", "0.,1."),
        "degree-zero": ("0", good, "1,1", "0.,1."),
        "degree-overflow": ("99999999999999999999", good, "2,2", "0.,1."),
        "multiplicity-huge": ("1", good, "2000000000,2000000000", "0.,1."),
        "multiplicity-negative": ("1", good, "-2,-2", "0.,1."),
        "poles-none": ("1", "", "2,2", "0.,1."),
        "knots-none": ("1", good, "", ""),
        "knots-fewer": ("1", good, "2,2", "0."),
        "knots-nan": ("1", good, "2,2", "0.,1E999"),
        "knots-equal": ("1", good, "2,2", "1.,1."),
        "poles-one": ("1", "#1013", "2,2", "0.,1."),
    }.items():
        yield either(f"spline-{name}.step", spline(*args), *PARSE)
    for name, number in {
        "1e999": "1E999",
        "nan": "NAN",
        "huge": "1E308",
        "denormal": "1E-320",
        "digits": "9" * 100_000 + ".",
    }.items():
        yield either(
            f"number-{name}.step",
            changed(bracket, r"CARTESIAN_POINT\('',\(60\.,0\.,6\.\)", f"CARTESIAN_POINT('',({number},0.,6.)"),
            *PARSE,
        )
    yield either(
        "radius-infinite.step", re.sub(r"(CYLINDRICAL_SURFACE\('',#\d+,)[^)]*", r"\g<1>1E400", bracket), *PARSE
    )
    yield either("radius-negative.step", re.sub(r"(CYLINDRICAL_SURFACE\('',#\d+,)[^)]*", r"\1-1.", bracket), *PARSE)
    yield either("id-overflow.step", changed(bracket, "#20 =", "#99999999999999999999 ="), *PARSE)
    yield either("id-negative.step", changed(bracket, "#20 =", "#-20 ="), *PARSE)
    yield either("id-2-31.step", bracket.replace("#20 ", "#2147483648 ").replace("#20,", "#2147483648,"), *PARSE)
    yield either("id-twice.step", changed(bracket, "#24 =", "#22 ="), *PARSE)
    yield either("references-dangle.step", re.sub(r"#(\d)(\d\d)\b(?! =)", r"#9\1\2", bracket), *PARSE)
    yield either(
        "points-without-coordinates.step",
        re.sub(r"CARTESIAN_POINT\('',\([^)]*\)", "CARTESIAN_POINT('',()", bracket),
        *PARSE,
    )
    yield either("arguments-none.step", re.sub(r"= (\w+)\([^;]*\);", r"= \1();", bracket), *PARSE)
    yield either("arguments-many.step", re.sub(r"PLANE\(''", "PLANE(''" + ",$" * 5000, bracket), *PARSE)
    yield either("types-swapped.step", bracket.replace("CARTESIAN_POINT", "ADVANCED_FACE"), *PARSE)
    yield either("entities-empty.step", part21("".join(f"#{n}=X();\n" for n in range(1, 200_000))), *PARSE)


def words(bracket: str) -> Iterator[Hostile]:
    """Syntax that parsers stumble over."""
    depth = 100_000
    yield refused("parentheses-open.step", part21("#1=A(" + "(" * depth + ");\n"), *BROKEN, "limit_exceeded")
    yield refused(
        "parentheses-closed.step",
        changed(bracket, r"#13 =", f"#999999=A({'(' * depth}{')' * depth});\n#13 ="),
        *BROKEN,
        "limit_exceeded",
    )
    typed = "LENGTH_MEASURE(" * 20_000 + "1." + ")" * 20_000
    yield refused(
        "typed-nested.step", changed(bracket, r"#13 =", f"#999999=A({typed});\n#13 ="), *BROKEN, "limit_exceeded"
    )
    header = bracket.replace("FILE_DESCRIPTION((", "FILE_DESCRIPTION((" + "(" * depth, 1)
    yield refused("parentheses-header.step", header, *BROKEN, "limit_exceeded")
    yield either(
        "parentheses-some.step", changed(bracket, r"#13 =", f"#999999=A({'(' * 60}{')' * 60});\n#13 ="), *PARSE
    )
    yield either("string-20-mb.step", changed(bracket, "'Bracket'", "'" + "A" * 20_000_000 + "'"), *PARSE)
    yield either("string-open.step", changed(bracket, "'Bracket'", "'Bracket"), *PARSE)
    yield either(
        "string-escapes.step",
        changed(bracket, "'Bracket'", r"'\\X2\\D83DDE00\\X0\\\\X\\ZZ\\S\\\\X4\\FFFFFFFF\\X0\\\\X2\\'"),
        *PARSE,
    )
    yield either(
        "string-parentheses.step",
        changed(bracket, "'Bracket'", "'" + "(" * depth + "#1=DOCUMENT_FILE(''/etc/passwd'')'"),
        *PARSE,
    )
    yield either("string-markup.step", changed(bracket, "'Bracket'", "'<script>alert(1)</script>%s%n../../x'"), *PARSE)
    yield either("name-10-mb.step", changed(bracket, r"#13 =", f"#999999={'A' * 10_000_000}();\n#13 ="), *PARSE)
    yield either("comment-open.step", changed(bracket, r"#13 =", "/* #13 ="), *PARSE)
    shells = "END-ISO-10303-21;/*" + "_SHELL(" * 1_000_000 + "*/"
    yield either("comment-of-shells.step", changed(bracket, r"END-ISO-10303-21;", shells), *PARSE)
    yield either("comment-8-mb.step", changed(bracket, r"#13 =", "/*" + "*/*(" * 2_000_000 + "*/ #13 ="), *PARSE)
    yield either("nul-bytes.step", changed(bracket, r"#13 =", "\0\0\0#13 ="), *PARSE)
    yield refused("utf-16.step", bracket.encode("utf-16"), "format_mismatch", *BROKEN)
    yield either("utf-8-mark.step", b"\xef\xbb\xbf" + bracket.encode(), *PARSE)
    yield either("one-line.step", bracket.replace("\n", ""), *PARSE)
    yield refused("sections-none.step", "ISO-10303-21;\nEND-ISO-10303-21;\n", *BROKEN, "no_geometry")
    yield refused("data-none.step", part21(""), *BROKEN, "no_geometry")
    yield either("data-twice.step", bracket.replace("END-ISO", "DATA;\n#1=PLANE('',#1);\nENDSEC;\nEND-ISO"), *PARSE)
    yield either("scope.step", changed(bracket, r"#13 = ", "#13 = &SCOPE " * 5000), *PARSE)
    yield either("commas.step", changed(bracket, r"#13 =", f"#999999=A({',' * 2_000_000});\n#13 ="), *PARSE)


def references(bait: Bait) -> Iterator[Hostile]:
    """Files named by entities. Where the geometry is here and only a document is elsewhere, it may convert."""
    for way, place in bait.places("secret.step").items():
        place = place.replace("\\", "\\\\")
        yield either(f"reference-{way}.step", reference(document(place)), "external_reference", *PARSE)
        yield refused(
            f"reference-only-{way}.step",
            reference(document(place), False),
            "external_reference",
            "no_geometry",
            *BROKEN,
        )
    place = str(bait.folder / "secret.step")
    disguises = {
        "comment": "/*=*/DOCUMENT_FILE/*(*/(",
        "newline": "\n\tDOCUMENT_FILE\n(",
        "lower-case": "document_file(",
        "mixed-case": "Document_File (",
    }
    for how, head in disguises.items():
        yield refused(
            f"reference-{how}.step",
            reference(document(place, head), False),
            "external_reference",
            "no_geometry",
            *BROKEN,
        )
    parts = ",'',$,#2001)DOCUMENT_FILE()CHARACTERIZED_OBJECT('',$));"
    complex_one = document(place, "(DOCUMENT(", parts)
    yield refused("reference-complex.step", reference(complex_one, False), "external_reference", "no_geometry", *BROKEN)
    defined = (
        f"#2100=EXTERNALLY_DEFINED_SURFACE_STYLE(IDENTIFIER('{place}'),#2101);\n"
        f"#2101=EXTERNAL_SOURCE(IDENTIFIER('{place}'));\n"
    )
    yield either("reference-style.step", reference(defined), "external_reference", *PARSE)
