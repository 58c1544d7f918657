"""Where a conversion's objects live in the bucket, and what its workflows are called.

Keys derive from ids and content, so doing a step twice is harmless.
"""

from shapr.conversion import Conversion, Output, Stored
from shapr.converters.formats import FORMATS


def workflow(id: str, attempt: int) -> str:
    """`conversion-<id>`, then `conversion-<id>-2`..."""
    return f"conversion-{id}" + (f"-{attempt}" if attempt > 1 else "")


def prefix(tenant: str, id: str) -> str:
    """Everything of one conversion; deleting it deletes the prefix."""
    return f"{tenant}/{id}/"


def owner(key: str) -> tuple[str, str] | None:
    """Tenant and conversion of an object's key; None for what is not a conversion's."""
    parts = key.split("/")
    return (parts[0], parts[1]) if len(parts) > 2 and parts[1].startswith("cnv_") else None


def probe(id: str) -> str:
    """An object that is written to see whether one can be, and deleted at once.

    It looks like a conversion's that has no row: what a killed reconcile leaves behind is swept as such.
    """
    return f"{prefix('probe', id)}object"


def source(tenant: str, id: str) -> str:
    return f"{prefix(tenant, id)}source"


def work_prefix(tenant: str, id: str) -> str:
    """What compress leaves for store; gone when the conversion ends."""
    return f"{prefix(tenant, id)}work/"


def work(conversion: Conversion, made: Output | Stored) -> str:
    return f"{work_prefix(conversion.tenant, conversion.id)}{made.sha256}"


def output(tenant: str, id: str, output: Output) -> str:
    extension = FORMATS[output.format].extensions[0]
    return f"{prefix(tenant, id)}outputs/{output.sha256}.{extension}"


def report(tenant: str, id: str) -> str:
    return f"{prefix(tenant, id)}report.json"


def thumbnail(tenant: str, id: str) -> str:
    return f"{prefix(tenant, id)}thumbnail.png"


def preview(tenant: str, id: str) -> str:
    return f"{prefix(tenant, id)}preview.glb"
