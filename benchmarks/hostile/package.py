"""3MF files by hand: a package of a model."""

import io
import zipfile

STAMP = (2000, 1, 1, 0, 0, 0)


MODEL = "3D/3dmodel.model"


NS = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"


TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)


RELS = (
    '<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="{target}" Id="r0" {mode} Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)


CORNERS = ((0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10))


VERTICES = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in CORNERS)


TRIANGLES = "".join(
    f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2))
)


def mesh(vertices: str = VERTICES, triangles: str = TRIANGLES) -> str:
    return f"<mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh>"


def model(
    resources: str | None = None,
    build: str = '<item objectid="1"/>',
    attributes: str = 'unit="millimeter"',
    head: str = "",
) -> str:
    if resources is None:
        resources = f'<object id="1" type="model">{mesh()}</object>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<model {attributes} xml:lang="en-US" xmlns="{NS}">'
        f"<resources>{resources}</resources><build>{build}</build></model>"
    )


def archive(files: dict[str, bytes | str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def package(xml: bytes | str, target: str = f"/{MODEL}", mode: str = "", **more: bytes | str) -> bytes:
    rels = RELS.format(target=target, mode=mode)
    return archive({"[Content_Types].xml": TYPES, "_rels/.rels": rels, MODEL: xml, **more})
