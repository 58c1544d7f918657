"""An output that kills its converter, twice, costs no other output: real children, rows and objects."""

import hashlib
from pathlib import Path

import pytest
from OCP.BRepPrimAPI import BRepPrimAPI_MakeSphere
from OCP.BRepTools import BRepTools

from activities.compress import Made
from shapr import keys
from shapr.conversion import Conversion, Options, Output, Source
from shapr.converters import formats
from shapr.converters.run.converters import Converters
from shapr.settings import Settings
from tests.activities.test_pictures import Place
from tests.activities.world import World
from tests.converters import kit

LITTLE = 300 << 20  # bytes of memory: enough for exact shapes, too little for millions of triangles
FINE = Options(linear_deflection=1e-5, angular_deflection=20.0)


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    made, converters = Place(world, tmp_path), Converters(Settings(converter_memory=LITTLE))
    converters.built_in = kit.converter()
    made.compress.converters = converters
    return made


async def compressed(place: Place, formats_: tuple[str, ...]) -> tuple[Conversion, Made]:
    path = place.folder / "ball.brep"
    BRepTools.Write_s(BRepPrimAPI_MakeSphere(10).Shape(), str(path))
    data = path.read_bytes()
    source = Source(name=path.name, format="brep", size=len(data), sha256=hashlib.sha256(data).hexdigest())
    options = formats.effective("brep", formats_, FINE, formats.BUILT_IN)
    outputs = tuple(Output(format=format, options=chosen) for format, chosen in options.items())
    made = await place.world.queued(source=source, outputs=outputs, reuse=False)
    async with place.world.objects.receive(keys.source(made.tenant, made.id)) as incoming:
        await incoming.write(data)
    return made, await place.compress.made(made, source, lambda _: None)


async def test_a_mesh_that_needs_too_much_memory_costs_no_other_output(place: Place) -> None:
    made, new = await compressed(place, ("step", "stl", "iges"))
    assert [(each.state, each.error and each.error.code) for each in new.outputs] == [
        ("completed", None),
        ("failed", "out_of_memory"),
        ("completed", None),
    ]
    assert new.report
    assert {format: each["solids"] for format, each in new.report["outputs"].items()} == {"step": 1, "iges": 1}
    step = await place.read(keys.work(made, new.outputs[0]))
    assert b"ISO-10303-21" in step or step[:2] == b"\x1f\x8b"
