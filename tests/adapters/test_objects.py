"""The bucket, on the real S3 server."""

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from shapr.adapters.incoming import PART, Incoming
from shapr.adapters.objects import Objects
from shapr.conversion import new_id
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings
from tests.adapters.conftest import eventually
from tests.adapters.saying import saying


@pytest.fixture
async def objects(settings: Settings) -> AsyncIterator[Objects]:
    made = Objects(settings)
    yield made
    await made.close()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def read(objects: Objects, key: str, **more: Any) -> bytes:
    return b"".join([chunk async for chunk in (await objects.open(key, **more)).body])


async def keys(objects: Objects, prefix: str) -> list[str]:
    """What is below a prefix, unfinished uploads included."""
    there = await objects._s3.call(lambda s3: s3.list_objects_v2(Bucket=objects.bucket, Prefix=prefix))
    unfinished = await objects._s3.call(lambda s3: s3.list_multipart_uploads(Bucket=objects.bucket, Prefix=prefix))
    return [each["Key"] for each in there.get("Contents", []) + unfinished.get("Uploads", [])]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / sha(data)
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART + 5])
async def test_what_streams_in_is_what_is_there(objects: Objects, tmp_path: Path, size: int) -> None:
    data, key = os.urandom(size), f"t/{size}/source"
    async with objects.receive(key) as incoming:
        for at in range(0, size, 1_000_003):
            await incoming.write(data[at : at + 1_000_003])
    assert await objects.verify(key) == (size, sha(data))
    assert await objects.download(key, tmp_path / "got") == sha(data)
    assert (tmp_path / "got").read_bytes() == data
    assert await read(objects, key) == data


@pytest.mark.parametrize("size", [10, 2 * PART])
async def test_an_upload_that_fails_leaves_nothing(objects: Objects, size: int) -> None:
    with pytest.raises(RuntimeError):
        async with objects.receive("t/failed/source") as incoming:
            await incoming.write(bytes(size))
            raise RuntimeError("the caller went away")
    assert await keys(objects, "t/failed/") == []


@pytest.mark.parametrize("size", [10, 2 * PART + 10])
async def test_an_upload_that_is_cancelled_at_any_moment_leaves_all_or_nothing(objects: Objects, size: int) -> None:
    ready = asyncio.Event()

    async def upload(key: str) -> None:
        async with objects.receive(key) as incoming:
            ready.set()
            for _ in range(3):
                await incoming.write(bytes(size // 3 + 1))

    for at in range(12):
        ready.clear()
        uploading = asyncio.create_task(upload(f"t/cancelled{size}-{at}/source"))
        await ready.wait()
        await asyncio.sleep(random.uniform(0, 0.006 if size < PART else 0.3))
        uploading.cancel()
        done = (await asyncio.gather(uploading, return_exceptions=True))[0] is None
        assert await keys(objects, f"t/cancelled{size}-{at}/") == ([f"t/cancelled{size}-{at}/source"] if done else [])


async def test_a_slow_store_slows_the_writer_down() -> None:
    """Two parts and the chunk in hand are all that is ever held."""
    let_go = asyncio.Event()

    async def call(work: Any) -> dict[str, str]:
        await let_go.wait()
        return {"UploadId": "u", "ETag": "e"}

    incoming, accepted = Incoming(call, "bucket", "key"), 0

    async def write() -> None:
        nonlocal accepted
        for _ in range(80):
            await incoming.write(bytes(1 << 20))
            accepted += 1 << 20

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.1)
    assert PART < accepted < 2 * PART
    let_go.set()
    await writing
    await incoming.finish()
    assert [part["PartNumber"] for part in incoming._parts] == list(range(1, 11))


@pytest.mark.parametrize("size", [100, PART + 1])
async def test_putting_and_publishing_twice_changes_nothing(
    objects: Objects, file: Callable[[bytes], Path], size: int
) -> None:
    data, other = os.urandom(size), os.urandom(size)
    work, output = f"t/put{size}/work/x", f"t/put{size}/outputs/x.step"
    await objects.put(work, file(data), encoding="gzip", media_type="model/step")
    await objects.copy(work, output)
    await objects.put(work, file(other), encoding="gzip", media_type="model/step")
    await objects.copy(work, output)
    opened = await objects.open(output)
    assert (opened.size, opened.encoding) == (size, "gzip")
    assert b"".join([chunk async for chunk in opened.body]) == data
    assert await read(objects, work) == data, "the first one stays"
    assert sorted(await keys(objects, f"t/put{size}/")) == [output, work]


async def test_many_may_put_the_same_at_once(objects: Objects, file: Callable[[bytes], Path]) -> None:
    path = file(b"x" * 1000)
    put = [objects.put("t/race/work/x", path, encoding=None, media_type="model/stl") for _ in range(10)]
    await asyncio.gather(*put)
    assert await read(objects, "t/race/work/x") == b"x" * 1000


async def test_publishing_again_after_work_is_gone_is_fine(objects: Objects, file: Callable[[bytes], Path]) -> None:
    await objects.put("t/again/work/x", file(b"x"), encoding=None, media_type="model/stl")
    await objects.copy("t/again/work/x", "t/again/outputs/x.stl")
    assert await objects.delete_prefix("t/again/work/") == 1
    await objects.copy("t/again/work/x", "t/again/outputs/x.stl")
    with pytest.raises(LookupError):
        await objects.copy("t/again/work/y", "t/again/outputs/y.stl")


async def test_what_was_published_with_another_packing_is_published_again(
    objects: Objects, file: Callable[[bytes], Path]
) -> None:
    await objects.put("t/pack/work/1", file(b"plain"), encoding=None, media_type="model/step")
    await objects.put("t/pack/work/2", file(b"packed"), encoding="gzip", media_type="model/step")
    for work in ("t/pack/work/1", "t/pack/work/2"):
        await objects.copy(work, "t/pack/outputs/x.step")
    opened = await objects.open("t/pack/outputs/x.step")
    assert (opened.size, opened.encoding) == (6, "gzip")


async def test_a_range_is_part_of_the_object(objects: Objects) -> None:
    async with objects.receive("t/range") as incoming:
        await incoming.write(b"0123456789")
    assert await read(objects, "t/range", range=(2, 5)) == b"2345"


async def test_a_prefix_is_deleted_and_its_neighbours_are_not(objects: Objects) -> None:
    for key in ("t/a/1", "t/a/2", "t/ab"):
        async with objects.receive(key) as incoming:
            await incoming.write(b"x")
    with pytest.raises(ValueError, match="neighbours"):
        await objects.delete_prefix("t/a")
    assert await objects.delete_prefix("t/a/") == 2
    assert await objects.delete_prefix("t/a/") == 0
    assert await read(objects, "t/ab") == b"x"


async def test_an_absent_key_is_a_lookup_error_and_an_absent_source_is_refused(
    objects: Objects, tmp_path: Path
) -> None:
    for call in (objects.open("t/no"), objects.download("t/no", tmp_path / "no")):
        with pytest.raises(LookupError):
            await call
    with pytest.raises(Refused, match="source_missing"):
        await objects.verify("t/no")


async def test_a_probe_leaves_nothing_behind(objects: Objects) -> None:
    prefix = f"probe/{new_id()}/"
    await objects.probe(f"{prefix}object")
    with saying(objects, "GetObject", 403, "AccessDenied"), pytest.raises(Unavailable, match="AccessDenied"):
        await objects.probe(f"{prefix}object")
    assert await keys(objects, prefix) == []


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (403, "AccessDenied", "storage_unavailable"),
        (503, "SlowDown", "storage_unavailable"),
        (404, "NoSuchBucket", "storage_unavailable"),
        (507, "XMinioStorageFull", "storage_full"),
        (507, "InsufficientStorage", "storage_full"),
    ],
)
async def test_a_bucket_that_cannot_be_written_to_is_unavailable(
    objects: Objects, status: int, said: str, code: str
) -> None:
    await objects.ready()
    with saying(objects, "PutObject", status, said), pytest.raises(Unavailable) as caught:
        await objects.probe(f"probe/{new_id()}/object")
    assert caught.value.code == code


async def test_an_object_that_is_lost_at_once_is_unavailable(objects: Objects) -> None:
    with saying(objects, "GetObject", 404, "NoSuchKey"), pytest.raises(Unavailable, match="not what is read"):
        await objects.probe(f"probe/{new_id()}/object")


async def test_an_absent_bucket_is_an_incident_and_can_be_made_twice(settings: Settings) -> None:
    objects = Objects(settings.model_copy(update={"s3_bucket": "another"}))
    with pytest.raises(Unavailable):
        await objects.verify("t/no")
    with pytest.raises(Unavailable, match="there is no bucket another"):
        await objects.ready()
    await asyncio.gather(objects.create_bucket(), objects.create_bucket())
    await objects.create_bucket()
    await objects.ready()
    await objects.close()


async def test_a_full_local_disk_has_its_own_code(objects: Objects) -> None:
    async with objects.receive("t/full") as incoming:
        await incoming.write(bytes(100_000))
    with pytest.raises(Unavailable) as caught:
        await objects.download("t/full", Path("/dev/full"))
    assert caught.value.code == "storage_full"


async def test_a_store_that_is_down_is_unavailable(settings: Settings) -> None:
    nowhere = Objects(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    with pytest.raises(Unavailable) as caught:
        await nowhere.ready()
    assert caught.value.code == "storage_unavailable"
    await nowhere.close()


async def test_a_wrong_key_is_unavailable_and_not_absent(settings: Settings) -> None:
    stranger = Objects(settings.model_copy(update={"s3_access_key": None, "s3_secret_key": None}))
    with pytest.raises(Unavailable):
        await stranger.open("t/range")
    await stranger.close()


async def test_a_store_that_is_killed_is_unavailable_until_it_is_back(
    objects: Objects, kill: Callable[[str], None], tmp_path: Path
) -> None:
    async with objects.receive("t/killed/source") as incoming:
        for _ in range(8):
            await incoming.write(bytes(PART))
    body = (await objects.open("t/killed/source")).body
    await anext(body)
    with pytest.raises(Unavailable):
        async with objects.receive("t/killed/other") as incoming:
            kill("s3")
            for _ in range(8):
                await incoming.write(bytes(PART))
    with pytest.raises(Unavailable):
        async for _ in body:
            pass
    for call in (objects.verify("t/killed/source"), objects.download("t/killed/source", tmp_path / "x")):
        with pytest.raises(Unavailable):
            await call
    await eventually(objects.ready)
    assert await objects.verify("t/killed/source") == (8 * PART, sha(bytes(8 * PART)))
    with pytest.raises(Refused):
        await objects.verify("t/killed/other")
