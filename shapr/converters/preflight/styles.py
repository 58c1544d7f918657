"""Colours of STEP in words that the kernel does not hear, or crashes on: of a side of a surface that has a name and no
more; of a surface that is said only to be rendered so; of what has its styles by itself, as later editions of AP242
have it; and of a whole representation, which it forgets where that is an assembly, is tied to its shape by a
relationship, or is coloured before any list of colours."""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

from shapr.converters.preflight.forms import NAMED_SIDE
from shapr.converters.preflight.graph import Graph
from shapr.converters.preflight.hybrid import BODIES, HOLDERS, Inside, inside, numbers
from shapr.converters.preflight.instead import Said
from shapr.converters.preflight.placed import STRING
from shapr.converters.preflight.references import uncommented
from shapr.converters.preflight.step import graph_of
from shapr.errors import Refused

RENDERING = b"SURFACE_STYLE_RENDERING"
RENDERED = re.compile(rb"(#(\d+)\s*=\s*SURFACE_STYLE_RENDERING)(\s*\([^()']*)\)")
STYLED = re.compile(rb"STYLED_ITEM\s*\(%b,\s*\([^()]*\)\s*,\s*#0*(\d+)" % STRING)
SHAPE, NUMBER = re.compile(rb"SHAPE_REPRESENTATION\s*\("), re.compile(rb"#0*(\d+)\s*=")
FAR = 1000  # bytes before its type, in which the number of an entity is looked for
TOLD = 1_000_000  # styles that are said again of each body
SHAPES = tuple(
    kind + b"SHAPE_REPRESENTATION"
    for kind in (b"", b"ADVANCED_BREP_", b"FACETED_BREP_", b"MANIFOLD_SURFACE_", b"TESSELLATED_")
)
ITEMS, ASSIGNED = (b"STYLED_ITEM", b"OVER_RIDING_STYLED_ITEM"), b"PRESENTATION_STYLE_ASSIGNMENT"
STYLES = b"SURFACE_STYLE_USAGE", b"CURVE_STYLE", b"POINT_STYLE", b"FILL_AREA_STYLE"  # what an assignment holds
LISTED = re.compile(rb"(\w+\s*+\(\s*+(?:'[^']*+(?:''[^']*+)*+'|\$)\s*+,\s*+\()([#\d,\s]++)(\).*)", re.DOTALL)
# The same of several types, which the kernel does not know.
SEVERAL = re.compile(
    rb"\((?:OVER_RIDING_STYLED_ITEM\((#\d+)\))?REPRESENTATION_ITEM\(['$]+\)STYLED_ITEM\((\([#\d,]+\),#\d+)\)\);"
)
AMONG = b")STYLED_ITEM("
LOOKLESS = b"SURFACE_SIDE_STYLE('',())"
PLACE = b"AXIS2_PLACEMENT_3D"
TIE = b"SHAPE_REPRESENTATION_RELATIONSHIP"


def heard(path: Path) -> Path:
    """The file itself, or a copy beside it in which bodies have the colours of what they are in."""
    content = uncommented(path.read_bytes())
    rendered, whole = RENDERING in content and RENDERED.search(content) is not None, _styles_whole(content)
    if not rendered and not whole:
        return path
    graph = graph_of(content)
    new = next(graph.free)
    more = [b"#%d=SURFACE_STYLE_TRANSPARENT(0.);" % new]
    alone = _alone(graph) if rendered else set()

    def said(found: re.Match[bytes]) -> bytes:
        return b"%b_WITH_PROPERTIES%b,(#%d))" % (found[1], found[3], new) if int(found[2]) in alone else found[0]

    for styles, targets in _whole(graph).values() if whole else ():
        listed = b",".join(b"#%d" % style for style in styles)
        more += [b"#%d=STYLED_ITEM('',(%b),#%d);" % (next(graph.free), listed, to) for to in targets]
    if not alone and len(more) == 1:
        return path
    content = RENDERED.sub(said, content)
    end = content.rfind(b"ENDSEC")
    made = path.with_name("heard.step")
    made.write_bytes(b"%b%b\n%b" % (content[:end], b"\n".join(more), content[end:]))
    return made


def instead(graph: Graph) -> dict[int, Said]:
    """By the number of what is only named: looks that say nothing. By that of what has its styles by itself: the same
    by way of an assignment."""
    found: dict[int, Said] = dict.fromkeys(named(graph), LOOKLESS)
    items, styles = inside(graph, numbers(graph, *ITEMS)), numbers(graph, *STYLES)
    direct = sorted(each for each, ends in items.items() if not styles.isdisjoint(ends[:-1]))
    found |= {each: partial(_assigned, next(graph.free), styles) for each in direct}
    for number, said in _of_several_types(graph).items():
        if said is not None:
            direct_too = not styles.isdisjoint(map(int, re.findall(rb"#(\d+)", said)))
            found[number] = _assigned(next(graph.free), styles, said) if direct_too else said
    return found


def unread(graph: Graph) -> int:
    """How many items of several types have their styles in a form that is not read."""
    return sum(said is None for said in _of_several_types(graph).values())


def _of_several_types(graph: Graph) -> dict[int, bytes | None]:
    """By the number of each such item, how it is said in one type; None where it is of others too."""
    found: dict[int, bytes | None] = {}
    if AMONG not in graph.text:
        return found
    for row in graph.holders([among.start() for among in re.finditer(re.escape(AMONG), graph.text)]):
        said = SEVERAL.match(graph.text, int(graph.words[row]))
        over = said is not None and said[1]
        one = said and (
            b"OVER_RIDING_STYLED_ITEM('',%b,%b)" % (said[2], over) if over else b"STYLED_ITEM('',%b)" % said[2]
        )
        found[int(graph.defined[row])] = one or None
    return found


def _assigned(number: int, styles: set[int], said: bytes) -> bytes:
    """What it says with an assignment of this number for its styles."""
    found = LISTED.fullmatch(said)
    if not found:
        return said
    listed = [int(each) for each in re.findall(rb"#(\d+)", found[2])]
    direct, others = ([each for each in listed if (each in styles) == wanted] for wanted in (True, False))
    kept, moved = (b",".join(b"#%d" % each for each in some) for some in ([*others, number], direct))
    return b"%b%b%b;\n#%d=%b((%b))" % (found[1], kept, found[3], number, ASSIGNED, moved)


def named(graph: Graph) -> set[int]:
    """Looks that have only a name."""
    return numbers(graph, NAMED_SIDE) if NAMED_SIDE in graph.text else set()


def of_assemblies(graph: Graph) -> int:
    """How many representations that hold nothing but places have a colour."""
    shapes = numbers(graph, SHAPES[0])
    wanted = shapes & {ends[-1] for ends in inside(graph, numbers(graph, b"STYLED_ITEM")).values()}
    if not wanted:
        return 0
    places = numbers(graph, PLACE)
    held = inside(graph, wanted.difference(_ties(graph)))
    return sum(places.issuperset(items[:-1]) for items in held.values())  # the last one is the context


def _styles_whole(content: bytes) -> bool:
    if b"STYLED_ITEM" not in content:
        return False
    shapes = {found[1] for shape in SHAPE.finditer(content) if (found := _number(content, shape.start()))}
    styled = {found[1] for found in STYLED.finditer(content)}
    return not shapes.isdisjoint(styled) and _bare(content, styled)


def _bare(content: bytes, styled: set[bytes]) -> bool:
    """Whether there may be a body without a style of its own; some systems say the same of it and of what it is in."""
    if b"MAPPED_ITEM" in content:
        return True
    for kind in (*BODIES, *HOLDERS):
        at = content.find(kind)
        while at >= 0:
            found = _number(content, at)
            if found is None or found[1] not in styled:
                return True
            at = content.find(kind, at + 1)
    return False


def _number(content: bytes, at: int) -> re.Match[bytes] | None:
    """That of the entity whose type is there."""
    begin = content.rfind(b"#", max(at - FAR, 0), at)
    return NUMBER.match(content, begin) if begin >= 0 else None


def _alone(graph: Graph) -> set[int]:
    """The renderings that no other style of their side of the surface goes with."""
    sides = inside(graph, numbers(graph, b"SURFACE_SIDE_STYLE")).values()
    filled = numbers(graph, b"SURFACE_STYLE_FILL_AREA")
    return numbers(graph, RENDERING).difference(*(side for side in sides if filled & set(side)))


def _whole(graph: Graph) -> dict[int, tuple[list[int], list[int]]]:
    """By the statement: the styles of a representation, and the bodies in it that have none of their own."""
    styled = {number: ends for number, ends in inside(graph, numbers(graph, b"STYLED_ITEM")).items() if len(ends) > 1}
    shapes = numbers(graph, *SHAPES)
    items, ties = inside(graph, shapes), _ties(graph)
    overridden = inside(graph, numbers(graph, b"OVER_RIDING_STYLED_ITEM")).values()
    own = {ends[-1] for ends in styled.values()} | {end for ends in overridden for end in ends}
    bare = numbers(graph, *BODIES, *HOLDERS, b"MAPPED_ITEM") - own

    def within(shape: int) -> list[int]:
        return sorted(item for each in {shape, *ties[shape]} for item in items.get(each, ()) if item in bare)

    found, said = dict[int, tuple[list[int], list[int]]](), 0
    for number, ends in sorted(styled.items()):
        if ends[-1] in shapes:
            found[number] = ends[:-1], within(ends[-1])
            said += len(ends[:-1]) * len(found[number][1])
        if said > TOLD:
            raise Refused("limit_exceeded", f"representations of the STEP file have more than {TOLD} styles of bodies")
    return found


def _ties(graph: Graph) -> Inside:
    """Of each representation, those that are said to be of the same shape."""
    found: Inside = defaultdict(list)
    for ends in inside(graph, numbers(graph, TIE)).values():
        for end in ends if len(ends) == 2 else ():
            found[end] += ends
    return found
