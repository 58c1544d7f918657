"""The first page: what this is and how to use it. The page for people comes in a later version."""

from html import escape

from fastapi import APIRouter, Request, Response

from shapr.converters.formats import FORMATS, Format, Sources
from shapr.settings import Settings
from web.auth import loopback
from web.docs import STYLE, page
from web.parts import parts

router = APIRouter(include_in_schema=False)

STUB = """<p><strong>This is a demonstration:</strong> <code>.shapr</code> files are answered with stub results.
Nothing is converted, and the files say so.</p>"""


@router.get("/")
async def landing(request: Request) -> Response:
    here = f"{request.url.scheme}://{escape(request.headers['host'])}"
    our = parts(request)
    rows = "".join(row(format, our.sources) for format in FORMATS.values())
    ui = temporal_ui(our.settings)
    return page(f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shapr3D Conversion Service</title><link rel="icon" href="data:,">{STYLE}
<h1>Shapr3D Conversion Service</h1>
<p>Upload a CAD file, ask for other formats, download them. Each conversion is one durable Temporal workflow.</p>
<pre>curl -F file=@bracket.step -F outputs=stl,glb -H 'Prefer: wait=30' {here}/v1/conversions</pre>
<ul><li><a href="/docs">API documentation</a><li><a href="/docs/errors">Errors</a>
<li><a href="/v1/formats">Formats and options</a><li><a href="/v1/conversions">Conversions</a>{ui}</ul>
{STUB if "stub" in our.sources.values() else ""}
<table><tr><th>format<th><th>reads<th>writes</tr>{rows}</table></html>
""")


def row(format: Format, sources: Sources) -> str:
    reads = {None: "", "built-in": "yes", "external": "external converter", "stub": "stub results only"}
    return (
        f"<tr><td>{format.name}<td>{escape(format.title)}"
        f"<td>{reads[sources.get(format.name)]}<td>{'yes' if format.writes else ''}</tr>"
    )


def temporal_ui(settings: Settings) -> str:
    """A link to the Temporal UI, which we know of only when the server is the embedded one."""
    host = settings.temporal_address.rpartition(":")[0]
    if not loopback(host):
        return ""
    return f'<li><a href="http://{escape(host)}:{settings.temporal_ui_port}">Temporal UI</a>'
