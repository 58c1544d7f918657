"""Sweep on a real bucket: orphans go, and nothing else."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from temporalio.testing import ActivityEnvironment

from activities.sweep import Sweep
from shapr import keys
from shapr.conversion import State, new_id
from tests.activities.world import DOWN, World


async def test_orphans_are_swept_and_nothing_else(world: World) -> None:
    living, buried = await world.queued(), await world.running(State.FAILED, DOWN)
    await world.transitions.bury("acme", buried.id)
    orphan, strange = f"acme/{new_id()}/source", "acme/readme.txt"
    mine = [keys.source("acme", living.id), keys.work_prefix("acme", living.id) + "w"]
    probe = keys.probe(new_id())  # of a reconcile that was killed
    for key in (*mine, orphan, keys.source("acme", buried.id), strange, probe):
        async with world.objects.receive(key) as incoming:
            await incoming.write(b"x")

    async def left() -> set[str]:
        found: set[str] = set()
        after = ""
        while page := await world.objects.page(after):
            found |= {key for key, _ in page}
            after = page[-1][0]
        return found

    await swept(Sweep(world.transitions, world.objects, age=3600).sweep_orphans)
    assert orphan in await left(), "what was written just now may get its row yet"
    assert await swept(Sweep(world.transitions, world.objects, age=-5).sweep_orphans) >= 3
    now = await left()
    assert {*mine, strange} <= now
    assert not {orphan, keys.source("acme", buried.id), probe} & now


async def test_an_upload_that_is_still_on_its_way_is_left_alone(world: World) -> None:
    async with world.objects.receive(f"acme/{new_id()}/source") as incoming:
        await incoming.write(b"x" * (9 << 20))  # enough to begin a multipart upload
        await incoming.write(b"x" * (9 << 20))
        await swept(Sweep(world.transitions, world.objects, age=-5).sweep_orphans)
        await incoming.write(b"x" * (9 << 20))


async def test_unfinished_uploads_are_aborted(world: World) -> None:
    key = f"acme/{new_id()}/source"
    await world.objects._s3.call(lambda s3: s3.create_multipart_upload(Bucket=world.objects.bucket, Key=key))
    assert await world.objects.abort_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await world.objects.abort_unfinished(datetime.now(UTC) + timedelta(seconds=5)) >= 1
    assert await world.objects.abort_unfinished(datetime.now(UTC) + timedelta(seconds=5)) == 0


async def swept(sweep: Callable[[], Awaitable[int]]) -> int:
    found: int = await ActivityEnvironment().run(sweep)
    return found
