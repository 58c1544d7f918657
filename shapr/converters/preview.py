"""What people see of a conversion: a picture, and a model light enough for a web page. Both are extras.

Nothing here fails a conversion: what cannot be made is left out, and says why in the report, if a caller can help it.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shapr.converters import thumbnail
from shapr.converters.progress import Page
from shapr.converters.run.job import Job
from shapr.converters.source import Model
from shapr.errors import Refused

THUMBNAIL, PREVIEW = "thumbnail.png", "preview.glb"  # file names in the scratch dir
PATIENCE = 60  # seconds for both; a child that needs longer is ended, with all else that it has done
DRAWN = 0.7  # of the time, by progress; the rest is the preview's
LIGHT = 1_000_000  # triangles; more is slow to load, and slow to turn


@dataclass(frozen=True)
class Made:
    """Paths in the scratch dir of what there is; why something is missing, in words."""

    thumbnail: Path | None = None
    preview: Path | None = None
    losses: tuple[str, ...] = ()


def make(model: Model, job: Job, page: Page) -> Made:
    """A thumbnail (PNG) and a preview (GLB) of the source; never an exception."""
    losses: list[str] = []

    def attempt(name: str, what: str, work: Callable[[Path], object]) -> Path | None:
        path = job.scratch / name
        try:
            work(path)
        except Refused as refused:
            losses.append(f"There is no {what}: {refused.detail}.")
        except Exception as failure:  # noqa: BLE001 - also of memory: the outputs are there
            traceback.print_exception(failure)
            losses.append(f"There is no {what}: it could not be made.")
        else:
            return path
        path.unlink(missing_ok=True)
        return None

    def draw(path: Path) -> None:
        mesh = model.shown(LIGHT)
        page.step(DRAWN)
        thumbnail.draw(mesh, path, page.reach)
        page.step()

    return Made(
        attempt(THUMBNAIL, "thumbnail", draw),
        attempt(PREVIEW, "preview", lambda path: light(model, path)),
        tuple(losses),
    )


def light(model: Model, path: Path) -> None:
    """The model as GLB; Refused if it is not light."""
    triangles = model.shown(LIGHT).triangles
    if triangles > LIGHT:
        raise Refused("limit_exceeded", f"it has {triangles} triangles, and at most {LIGHT} are shown")
    model.show(path)
