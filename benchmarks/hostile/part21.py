"""STEP files by hand: products, assemblies, mapped representations, and references to other files."""

HEAD = "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\n"


HEAD += "FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));\nENDSEC;\nDATA;\n"


TAIL = "ENDSEC;\nEND-ISO-10303-21;\n"


# Millimetres and nothing else: what every representation below needs.
CONTEXT = """#900=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
#901=(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.));
#902=(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT());
#903=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#900,#901,#902))REPRESENTATION_CONTEXT('',''));
#904=CARTESIAN_POINT('',(0.,0.,0.));
#905=DIRECTION('',(0.,0.,1.));
#906=DIRECTION('',(1.,0.,0.));
#907=AXIS2_PLACEMENT_3D('',#904,#905,#906);
#910=APPLICATION_CONTEXT('automotive design');
#911=PRODUCT_CONTEXT('',#910,'mechanical');
#912=PRODUCT_DEFINITION_CONTEXT('part definition',#910,'design');
"""


def part21(data: str) -> str:
    return HEAD + data + TAIL


def product(at: int, representation: int) -> str:
    """A product with its shape: #at to #at+4."""
    return (
        f"#{at}=PRODUCT('p{at}','p{at}','',(#911));\n#{at + 1}=PRODUCT_DEFINITION_FORMATION('','',#{at});\n"
        f"#{at + 2}=PRODUCT_DEFINITION('','',#{at + 1},#912);\n#{at + 3}=PRODUCT_DEFINITION_SHAPE('','',#{at + 2});\n"
        f"#{at + 4}=SHAPE_DEFINITION_REPRESENTATION(#{at + 3},#{representation});\n"
    )


def used(at: int, parent: int, child: int, outer: int, inner: int) -> str:
    """The product definition `child` placed in `parent`, with the representations of both: #at to #at+5."""
    return (
        f"#{at}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{at}','','',#{parent},#{child},$);\n"
        f"#{at + 1}=PRODUCT_DEFINITION_SHAPE('','',#{at});\n"
        f"#{at + 2}=ITEM_DEFINED_TRANSFORMATION('','',#907,#907);\n"
        f"#{at + 3}=(REPRESENTATION_RELATIONSHIP('','',#{inner},#{outer})"
        f"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#{at + 2})SHAPE_REPRESENTATION_RELATIONSHIP());\n"
        f"#{at + 4}=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{at + 3},#{at + 1});\n"
    )


def leaf(at: int) -> str:
    """A representation with a square face: #at holds it."""
    corners = ((0, 0), (10, 0), (10, 10), (0, 10))
    lines = [f"#{at}=MANIFOLD_SURFACE_SHAPE_REPRESENTATION('',(#{at + 1},#907),#903);"]
    lines += [f"#{at + 1}=SHELL_BASED_SURFACE_MODEL('',(#{at + 2}));", f"#{at + 2}=OPEN_SHELL('',(#{at + 3}));"]
    lines += [f"#{at + 3}=ADVANCED_FACE('',(#{at + 4}),#{at + 6},.T.);", f"#{at + 4}=FACE_BOUND('',#{at + 5},.T.);"]
    lines += [f"#{at + 6}=PLANE('',#907);"]
    for n, (x, y) in enumerate(corners):
        b, (u, v) = at + 10 + 10 * n, corners[(n + 1) % 4]
        lines += [
            f"#{b}=ORIENTED_EDGE('',*,*,#{b + 1},.T.);",
            f"#{b + 1}=EDGE_CURVE('',#{b + 2},#{at + 12 + 10 * ((n + 1) % 4)},#{b + 4},.T.);",
            f"#{b + 2}=VERTEX_POINT('',#{b + 3});",
            f"#{b + 3}=CARTESIAN_POINT('',({x}.,{y}.,0.));",
            f"#{b + 4}=LINE('',#{b + 3},#{b + 5});",
            f"#{b + 5}=VECTOR('',#{b + 6},1.);",
            f"#{b + 6}=DIRECTION('',({(u - x) / 10:.1f},{(v - y) / 10:.1f},0.));",
        ]
    lines += [f"#{at + 5}=EDGE_LOOP('',({','.join(f'#{at + 10 + 10 * n}' for n in range(4))}));"]
    return "\n".join(lines) + "\n"


def assembly(levels: int, copies: int, cyclic: bool = False) -> str:
    """Products that hold `copies` of the next, `levels` deep. Cyclic: the last holds the first again."""
    text = CONTEXT + leaf(1000)
    top = 10_000
    for level in range(levels):
        at = top + 100 * level
        last = level == levels - 1
        text += f"#{at + 90}=SHAPE_REPRESENTATION('',(#907),#903);\n" if not last or cyclic else ""
        text += product(at, 1000 if last and not cyclic else at + 90)
        if last and not cyclic:
            break
        child = top if last else at + 100
        inner = 1000 if level == levels - 2 and not cyclic else child + 90
        for copy in range(copies):
            text += used(at + 10 + 6 * copy, at + 2, child + 2, at + 90, inner)
    return part21(text)


def mapped(levels: int, copies: int, cyclic: bool = False) -> str:
    """Representations that map the next `copies` times."""
    text = CONTEXT + leaf(1000) + product(5000, 10_000)
    for level in range(levels):
        at = 10_000 + 100 * level
        inside = 10_000 if cyclic and level == levels - 1 else 1000 if level == levels - 1 else at + 100
        items = ",".join(f"#{at + 10 + copy}" for copy in range(copies))
        text += f"#{at}=SHAPE_REPRESENTATION('',({items},#907),#903);\n#{at + 1}=REPRESENTATION_MAP(#907,#{inside});\n"
        text += "".join(f"#{at + 10 + copy}=MAPPED_ITEM('',#{at + 1},#907);\n" for copy in range(copies))
    return part21(text)


def reference(entities: str, geometry: bool = True) -> str:
    """Entities that name a file, beside a face or alone."""
    base = leaf(1000) if geometry else "#1000=SHAPE_REPRESENTATION('',(#907),#903);\n"
    return part21(CONTEXT + base + product(5000, 1000) + entities)


def document(place: str, head: str = "DOCUMENT_FILE(", arguments: str = ",'',$,#2001,'',$);") -> str:
    """The shape of product #5002 in a file, as the kernel's own writer says it."""
    return (
        f"#2000={head}'{place}'{arguments}\n#2001=DOCUMENT_TYPE('');\n"
        "#2002=DOCUMENT_PRODUCT_EQUIVALENCE('equivalence',$,#2003,#2005);\n#2003=DOCUMENT('','',$,#2004);\n"
        "#2004=DOCUMENT_TYPE('configuration controlled document version');\n"
        f"#2005=PRODUCT_DEFINITION_FORMATION('1','',#2006);\n#2006=PRODUCT('20001','{place}-Doc','',(#911));\n"
        "#2007=PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS('1','',#2005,#2008,(#2000));\n"
        "#2008=PRODUCT_DEFINITION_CONTEXT('digital document definition',#910,'');\n"
        f"#2009=APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT('{place}',#2010,#2011,(#2000));\n"
        "#2010=IDENTIFICATION_ROLE('external document id and location',$);\n"
        f"#2011=EXTERNAL_SOURCE(IDENTIFIER('{place}'));\n#2012=ROLE_ASSOCIATION(#2013,#2014);\n"
        "#2013=OBJECT_ROLE('mandatory',$);\n#2014=APPLIED_DOCUMENT_REFERENCE(#2003,'',(#5002));\n"
        "#2015=PROPERTY_DEFINITION_REPRESENTATION(#2016,#2017);\n"
        "#2016=PROPERTY_DEFINITION('document property','',#2000);\n"
        "#2017=REPRESENTATION('document format',(#2018),#2019);\n"
        "#2018=DESCRIPTIVE_REPRESENTATION_ITEM('data format','STEP AP214');\n"
        "#2019=REPRESENTATION_CONTEXT('','document parameters');\n"
        "#2020=DOCUMENT_REPRESENTATION_TYPE('digital',#2000);\n"
    )
