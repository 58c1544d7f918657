"""A picture of a mesh, by numpy alone: no GL and no GPU."""

from pathlib import Path

from PIL import Image

from shapr.converters.mesh.model import Mesh
from shapr.converters.picture.raster import visible
from shapr.converters.picture.scene import scene
from shapr.converters.picture.shade import picture, seen
from shapr.converters.progress import Reach, silent, within
from shapr.errors import Refused

SIZE = 512  # pixels
DRAWN = 2  # times as large: edges are smoothed when it is made smaller
MOST = 8_000_000  # triangles


def draw(mesh: Mesh, path: Path, reach: Reach = silent) -> None:
    """A PNG of SIZE x SIZE on a transparent ground: the same mesh, the same bytes.

    Refused when there is nothing to see: no triangle with a place and an extent; or too many triangles.
    """
    if mesh.triangles > MOST:
        raise Refused("limit_exceeded", f"it has {mesh.triangles} triangles; at most {MOST} are drawn")
    view = scene(mesh, SIZE * DRAWN)
    if view is None:
        raise Refused("no_geometry", "no triangle has a place and an extent")
    reach(0.1)
    nearest = visible(view.points, view.corners, SIZE * DRAWN, within(reach, 0.1, 0.8))
    large = Image.fromarray(picture(seen(view, nearest)))
    large.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(path, "PNG", compress_level=6)
