"""The report and the pictures on their way: from the converter to the store, and from one conversion to another."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.compress import Compress
from activities.store import Store
from shapr import keys
from shapr.conversion import (
    Conversion,
    Outcome,
    Output,
    Pictures,
    Request,
    Results,
    Run,
    Source,
    State,
    Step,
    new_id,
)
from shapr.converters.run.job import Converted, Death, Written
from tests.activities.world import World

SOURCE = b"solid cube"


class Converter:
    """Writes what it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], bool]] = []
        self.pictures: dict[str, bytes] = {"thumbnail": b"a picture", "preview": b"a model"}

    def version(self, source_format: str) -> str:
        return "1"

    def made_by(self, source: Source) -> str:
        return "1"

    async def convert(
        self,
        conversion: Conversion,
        source: Path,
        folder: Path,
        progress: Callable[[int], None],
        after: Death | None = None,
    ) -> Converted:
        formats = tuple(output.format for output in conversion.outputs)
        self.asked.append((formats, conversion.preview))
        written = []
        for format in formats:
            (folder / format).write_bytes(b"an output " + format.encode())
            written.append(Written(format=format, path=folder / format, options={}))
        paths: dict[str, Path] = {}
        for name, data in (self.pictures if conversion.preview else {}).items():
            paths[name] = folder / name
            paths[name].write_bytes(data)
        return Converted(written=tuple(written), report={"losses": ["é"]}, version="1", **paths)


class Place:
    """A world with a converter; conversions go through compress and store as in a workflow, less Temporal."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.converter = Converter()
        self.folder = folder
        self.source = SOURCE + new_id().encode()  # nobody has converted this one

        @contextmanager
        def scratch() -> Any:
            place = folder / new_id()
            place.mkdir()
            yield place

        self.compress = Compress(world.records, None, world.objects, scratch, self.converter)  # type: ignore[arg-type]
        self.store = Store(world.records, None, world.objects)  # type: ignore[arg-type]

    async def converted(self, formats: str = "stl", **more: Any) -> Conversion:
        sha = hashlib.sha256(self.source).hexdigest()
        outputs = tuple(Output(format=each) for each in formats.split(","))
        source = Source(name="cube.obj", format="obj", size=len(self.source), sha256=sha)
        made = await self.world.queued(source=source, outputs=outputs, **({"preview": True} | more))
        async with self.world.objects.receive(keys.source(made.tenant, made.id)) as incoming:
            await incoming.write(self.source)
        run = Run(workflow=keys.workflow(made.id, 1), id=new_id(), scheduled=datetime.now(UTC))
        claimed = await self.world.records.claim(made.id, run, Step.COMPRESS)
        assert claimed
        new = await self.compress.made(claimed, source, lambda _: None)
        results = Results(request=Request.of(made), outputs=new.outputs, report=new.report, pictures=new.pictures)
        for output in results.outputs:
            await self.store.publish(keys.work(made, output), keys.output(made.tenant, made.id, output), "it")
        for _ in range(2):  # a step may be done twice
            await self.store.extras(made, results)
        assert await self.world.records.store(run, made.id, results, results.report)
        assert await self.world.records.write(run, Outcome(request=results.request, state=State.COMPLETED))
        await self.world.objects.delete_prefix(keys.work_prefix(made.tenant, made.id))
        return await self.world.get(made)

    async def read(self, key: str) -> bytes:
        opened = await self.world.objects.open(key)
        return b"".join([chunk async for chunk in opened.body])

    async def shown(self, conversion: Conversion) -> dict[str, bytes]:
        """The pictures in the store that its row knows."""
        known = (conversion.pictures or Pictures()).model_dump()
        found = {}
        for name in (name for name, stored in known.items() if stored):
            found[name] = await self.read(getattr(keys, name)(conversion.tenant, conversion.id))
            assert known[name] == {"size": len(found[name]), "sha256": hashlib.sha256(found[name]).hexdigest()}
        return found


@pytest.fixture
async def place(world: World, tmp_path: Path) -> AsyncIterator[Place]:
    yield Place(world, tmp_path)


async def test_pictures_and_report_get_to_their_keys(place: Place) -> None:
    made = await place.converted()
    assert await place.shown(made) == place.converter.pictures
    assert await place.read(keys.report(made.tenant, made.id)) == b'{"losses": ["\\u00e9"]}'
    assert await place.world.objects.delete_prefix(keys.prefix(made.tenant, made.id)) == 5
    for key in (keys.thumbnail, keys.preview, keys.report):
        with pytest.raises(LookupError):
            await place.world.objects.open(key(made.tenant, made.id))


async def test_who_does_not_ask_has_none(place: Place) -> None:
    made = await place.converted(preview=False)
    assert made.pictures is None
    assert place.converter.asked == [(("stl",), False)]


async def test_what_could_not_be_made_is_not_there(place: Place) -> None:
    del place.converter.pictures["preview"]
    made = await place.converted()
    assert list(await place.shown(made)) == ["thumbnail"]
    again = await place.converted()
    assert list(await place.shown(again)) == ["thumbnail"]
    assert len(place.converter.asked) == 1, "it would not be made the second time either"


async def test_pictures_are_reused_with_the_outputs(place: Place) -> None:
    first = await place.converted()
    again = await place.converted()
    assert [output.reused for output in again.outputs] == [True]
    assert await place.shown(again) == place.converter.pictures
    await place.world.objects.delete_prefix(keys.prefix(first.tenant, first.id))
    assert await place.shown(again) == place.converter.pictures, "they do not need the original"
    more = await place.converted("stl,ply")
    assert place.converter.asked == [(("stl",), True), (("ply",), False)], "what is there is not drawn again"
    assert await place.shown(more) == place.converter.pictures


async def test_pictures_that_nobody_has_are_made_though_the_outputs_are_there(place: Place) -> None:
    await place.converted(preview=False)
    made = await place.converted()
    assert await place.shown(made) == place.converter.pictures
    assert place.converter.asked == [(("stl",), False), (("stl",), True)]


async def test_pictures_that_were_deleted_meanwhile_are_made_again(place: Place) -> None:
    first = await place.converted()
    await place.world.objects.delete_prefix(keys.prefix(first.tenant, first.id))
    made = await place.converted()
    assert [output.reused for output in made.outputs] == [False]
    assert await place.shown(made) == place.converter.pictures


async def test_a_later_attempt_publishes_what_it_has_made(place: Place) -> None:
    made = await place.converted()
    request = Request.of(made)
    path = place.folder / "new"
    path.write_bytes(b"another picture")
    stored = await place.compress.picture(made, path, "image/png")
    results = Results(request=request, outputs=(), report={"new": True}, pictures=Pictures(thumbnail=stored))
    await place.store.extras(made, results)
    assert await place.read(keys.thumbnail(made.tenant, made.id)) == b"another picture"
    assert await place.read(keys.report(made.tenant, made.id)) == b'{"new": true}'


async def test_a_deleted_conversion_forgets_its_pictures(place: Place) -> None:
    made = await place.converted()
    assert await place.world.transitions.bury(made.tenant, made.id)
    gone = await place.world.records.get(made.tenant, made.id)
    assert gone
    assert gone.pictures is None
