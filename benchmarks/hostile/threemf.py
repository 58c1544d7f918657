"""3MF files: hostile archives, hostile XML, and models that lie, loop or explode."""

import io
import struct
import zipfile
from collections.abc import Iterator

from benchmarks.hostile.kit import Bait, Hostile, blobs, cut, either, flipped, refused
from benchmarks.hostile.package import (
    MODEL,
    RELS,
    STAMP,
    TRIANGLES,
    TYPES,
    VERTICES,
    archive,
    mesh,
    model,
    package,
)

PARSE = ("corrupt_file", "no_geometry", "invalid_geometry", "limit_exceeded")
BOMB = ("decompression_bomb", "limit_exceeded")
UNSAFE = ("unsafe_archive", *PARSE)


def files(bait: Bait) -> Iterator[Hostile]:
    good = package(model())
    yield from blobs("3mf")
    yield from cut("pyramid", "3mf", good, 4, *UNSAFE)
    yield from flipped("pyramid", "3mf", good, 4, *UNSAFE, "xml_forbidden", "format_mismatch")
    yield from archives(good, bait)
    yield from xml(bait)
    yield from models()
    yield from references(bait)


def archives(good: bytes, bait: Bait) -> Iterator[Hostile]:
    for name, path in {
        "parent": f"../{bait.folder.name}/written",
        "absolute": f"{bait.folder}/written",
        "drive": "C:\\written",
        "backslash": f"..\\{bait.folder.name}\\written",
        "nul": "a\0b",
    }.items():
        yield either(f"slip-{name}.3mf", package(model(), **{path: "x"}), *UNSAFE)
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as zipped:
        for name, data in {
            "[Content_Types].xml": TYPES,
            "_rels/.rels": RELS.format(target=f"/{MODEL}", mode=""),
        }.items():
            zipped.writestr(zipfile.ZipInfo(name, STAMP), data)
        info = zipfile.ZipInfo(MODEL, STAMP)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        zipped.writestr(info, str(bait.folder / "secret.model"))
    yield refused("symlink.3mf", link.getvalue(), *UNSAFE)
    yield refused("bomb-zeros.3mf", package(model(), **{"big.bin": bytes(400_000_000)}), *BOMB, "unsafe_archive")
    wide = "<vertex x='0' y='0' z='0'/>" * 15_000_000
    yield refused("bomb-model.3mf", package(model(f'<object id="1" type="model">{mesh(wide)}</object>')), *BOMB, *PARSE)
    spaces = model().replace("<resources>", " " * 400_000_000 + "<resources>")
    yield refused("bomb-spaces.3mf", package(spaces), *BOMB, *PARSE)
    yield refused("entries-70-000.3mf", package(model(), **{f"f{n}": "" for n in range(70_000)}), *BOMB, *UNSAFE)
    central = good.rindex(b"PK\x05\x06")
    yield either(
        "entries-lie.3mf", good[: central + 8] + struct.pack("<HH", 65535, 65535) + good[central + 12 :], *UNSAFE
    )
    yield refused(
        "directory-far.3mf", good[: central + 16] + struct.pack("<I", 2**32 - 2) + good[central + 20 :], *UNSAFE
    )
    yield refused("directory-gone.3mf", good[:central], *UNSAFE)
    sizes = bytearray(good)
    at = good.index(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<I", sizes, at + 24, 4_000_000_000)
        at = good.find(b"PK\x01\x02", at + 4)
    yield refused("size-lies-huge.3mf", bytes(sizes), *UNSAFE, *BOMB)
    small = bytearray(good)
    at = good.index(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<I", small, at + 24, 7)
        at = good.find(b"PK\x01\x02", at + 4)
    yield refused("size-lies-small.3mf", bytes(small), *UNSAFE, *BOMB)
    same = bytearray(good)
    entries = [m for m in range(len(good)) if good[m : m + 4] == b"PK\x01\x02"]
    for entry in entries:
        struct.pack_into("<I", same, entry + 42, 0)
    yield refused("overlapping.3mf", bytes(same), *UNSAFE, *BOMB)
    secret = bytearray(good)
    for sign, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = good.find(sign)
        while at >= 0:
            secret[at + offset] |= 1
            at = good.find(sign, at + 4)
    yield refused("encrypted.3mf", bytes(secret), *UNSAFE)
    method = bytearray(good)
    for entry in entries:
        struct.pack_into("<H", method, entry + 10, 99)
    yield refused("method-unknown.3mf", bytes(method), *UNSAFE)
    twice = io.BytesIO(good)
    with zipfile.ZipFile(twice, "a") as zipped:
        zipped.fp.seek(0, 2) if zipped.fp else None
        name = MODEL.replace("3dmodel", "3dMODEL")
        zipped.writestr(zipfile.ZipInfo(name, STAMP), model(""))
    yield either("twice-by-case.3mf", twice.getvalue(), *UNSAFE)
    duplicate = twice.getvalue().replace(name.encode(), MODEL.encode())
    yield either("twice.3mf", duplicate, *UNSAFE)
    yield either("png-zip.3mf", b"\x89PNG\r\n\x1a\n" + bytes(100) + good, "format_mismatch", *UNSAFE)
    yield either("pdf-zip.3mf", good + b"%PDF-1.7\n%%EOF" + bytes(300), *UNSAFE)
    yield refused("zip-of-nothing.3mf", archive({"readme.txt": "hello"}), *UNSAFE, "format_mismatch")
    yield refused("zip-empty.3mf", archive({}), *UNSAFE, "format_mismatch")
    yield refused("zip-in-zip.3mf", archive({"inner.3mf": good}), *UNSAFE, "format_mismatch")


def xml(bait: Bait) -> Iterator[Hostile]:
    laughs = (
        '<!DOCTYPE x [<!ENTITY a "'
        + "A" * 100
        + '">'
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]>"
    )
    external = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{bait.folder}/secret.model"><!ENTITY f SYSTEM '
        f'"http://127.0.0.1:{bait.port}/x">]>'
    )
    parameter = (
        f'<!DOCTYPE x SYSTEM "http://127.0.0.1:{bait.port}/x.dtd" [<!ENTITY % p SYSTEM '
        f'"http://127.0.0.1:{bait.port}/p"> %p;]>'
    )
    plain = "<!DOCTYPE model>"
    named = '<item objectid="1" partnumber="{}"/>'
    for name, head, build in (
        ("laughs", laughs, named.format("&i;")),
        ("external", external, named.format("") + "&e;&f;"),
        ("parameter", parameter, named.format("")),
        ("plain", plain, named.format("")),
    ):
        text = model(build=build, head=head)
        for coding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"):
            said = text.replace('encoding="UTF-8"', f'encoding="{coding[:6].upper()}"')
            yield refused(f"dtd-{name}-{coding}.3mf", package(said.encode(coding)), "xml_forbidden", *PARSE)
    utf7 = model(head="").replace("UTF-8", "UTF-7").replace("<resources>", "+ADwAIQ-DOCTYPE x+AD4-<resources>")
    yield refused("dtd-utf-7.3mf", package(utf7), "xml_forbidden", *PARSE)
    ebcdic = model(head=plain).replace("UTF-8", "cp037")
    yield refused("dtd-ebcdic.3mf", package(ebcdic.encode("cp037")), "xml_forbidden", *PARSE)
    rels = RELS.format(target=f"/{MODEL}", mode="").replace("?>", f"?>{plain}", 1)
    yield refused(
        "dtd-rels.3mf",
        archive({"[Content_Types].xml": TYPES, "_rels/.rels": rels, MODEL: model()}),
        "xml_forbidden",
        *PARSE,
    )
    types = TYPES.replace("?>", f"?>{laughs}", 1)
    yield refused(
        "dtd-types.3mf",
        archive(
            {"[Content_Types].xml": types, "_rels/.rels": RELS.format(target=f"/{MODEL}", mode=""), MODEL: model()}
        ),
        "xml_forbidden",
        *PARSE,
    )
    deep = model().replace(
        "<resources>", "<metadata name='a'>" + "<a>" * 200_000 + "</a>" * 200_000 + "</metadata><resources>"
    )
    yield either("xml-deep.3mf", package(deep), *PARSE, *BOMB)
    attributes = model(attributes='unit="millimeter" ' + " ".join(f'a{n}="1"' for n in range(200_000)))
    yield either("xml-attributes.3mf", package(attributes), *PARSE, *BOMB, "xml_forbidden")
    stylesheet = model(head=f'<?xml-stylesheet href="http://127.0.0.1:{bait.port}/x.xsl" type="text/xsl"?>')
    yield either("xml-stylesheet.3mf", package(stylesheet), *PARSE, "xml_forbidden")
    include = model().replace(
        "<resources>",
        f'<resources><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{bait.folder}/secret.model"/>',
    )
    yield either("xml-include.3mf", package(include), *PARSE, "external_reference")
    yield refused("xml-open.3mf", package(model()[:-60]), *PARSE)
    yield either(
        "xml-cdata-doctype.3mf",
        package(
            model().replace("<resources>", "<metadata name='Title'><![CDATA[<!DOCTYPE x>]]></metadata><resources>")
        ),
        *PARSE,
        "xml_forbidden",
    )
    yield refused("xml-empty.3mf", package(""), *PARSE)
    yield refused("xml-nul.3mf", package(model().replace("vertices", "vert\0ices")), *PARSE)


def models() -> Iterator[Hostile]:
    def object_(at: int, inside: str) -> str:
        return f'<object id="{at}" type="model">{inside}</object>'

    def components(*ids: int) -> str:
        return "<components>" + "".join(f'<component objectid="{n}"/>' for n in ids) + "</components>"

    doubled = object_(1, mesh()) + "".join(object_(n + 1, components(n, n)) for n in range(1, 31))
    yield refused("bomb-components.3mf", package(model(doubled, '<item objectid="31"/>')), *BOMB)
    yield refused("bomb-items.3mf", package(model(build='<item objectid="1"/>' * 2_000_000)), *BOMB, "unsafe_archive")
    yield refused("component-of-itself.3mf", package(model(object_(1, components(1)))), *PARSE)
    yield refused("component-cycle.3mf", package(model(object_(1, components(2)) + object_(2, components(1)))), *PARSE)
    yield refused("component-missing.3mf", package(model(object_(1, components(77)))), *PARSE)
    deep = object_(1, mesh()) + "".join(object_(n + 1, components(n)) for n in range(1, 20_000))
    yield either("deep-components.3mf", package(model(deep, '<item objectid="20000"/>')), *PARSE, *BOMB)
    for name, triangle in {
        "beyond": '0" v2="1" v3="99',
        "negative": '0" v2="1" v3="-1',
        "overflow": '0" v2="1" v3="18446744073709551617',
        "words": '0" v2="b" v3="c',
        "same": '1" v2="1" v3="1',
    }.items():
        yield either(
            f"triangle-{name}.3mf",
            package(model(object_(1, mesh(triangles=TRIANGLES + f'<triangle v1="{triangle}"/>')))),
            *PARSE,
        )
    for name, number in {
        "nan": "NaN",
        "inf": "INF",
        "1e999": "1e999",
        "1e308": "1e308",
        "digits": "9" * 100_000,
        "words": "ten",
    }.items():
        yield either(
            f"number-{name}.3mf", package(model(object_(1, mesh(VERTICES.replace('"10"', f'"{number}"', 1))))), *PARSE
        )
    for name, transform in {
        "nan": "NaN " * 11 + "0",
        "zero": "0 " * 11 + "0",
        "huge": "1e30 " * 11 + "1e30",
        "short": "1 0 0",
        "singular": "1 0 0 0 0 0 0 0 0 0 0 0",
    }.items():
        yield either(
            f"transform-{name}.3mf", package(model(build=f'<item objectid="1" transform="{transform}"/>')), *PARSE
        )
    yield refused("item-missing.3mf", package(model(build='<item objectid="5"/>')), *PARSE)
    yield either("object-twice.3mf", package(model(object_(1, mesh()) + object_(1, mesh()))), *PARSE)
    yield either("unit-unknown.3mf", package(model(attributes='unit="parsec"')), *PARSE)
    yield either(
        "extension-required.3mf",
        package(model(attributes='unit="millimeter" requiredextensions="zz" xmlns:zz="http://example.com/zz"')),
        *PARSE,
        "unsupported_geometry",
    )
    yield refused("mesh-empty.3mf", package(model(object_(1, mesh("", "")))), *PARSE)
    colour = (
        '<m:colorgroup xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02" id="5">'
        '<m:color color="#GGGGGGGG"/></m:colorgroup>'
    )
    yield either(
        "colour-bad.3mf",
        package(model(colour + f'<object id="1" type="model" pid="5" pindex="999999999999">{mesh()}</object>')),
        *PARSE,
    )


def references(bait: Bait) -> Iterator[Hostile]:
    for way, place in bait.places("secret.model").items():
        yield either(
            f"model-{way}.3mf",
            package(model(), target=place, mode='TargetMode="External"'),
            "external_reference",
            *UNSAFE,
        )
    production = (
        'unit="millimeter" requiredextensions="p" '
        'xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06"'
    )
    outside = (
        f'<item objectid="1" p:path="/../../{bait.folder.name}/secret.model" '
        'p:UUID="00000000-0000-0000-0000-000000000001"/>'
    )
    yield either(
        "production-path.3mf",
        package(model("", outside, production)),
        "external_reference",
        "unsupported_geometry",
        *UNSAFE,
    )
