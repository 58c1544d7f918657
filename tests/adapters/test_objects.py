"""The bucket, on the real S3 server."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shapr.adapters.incoming import PART
from shapr.adapters.objects import Objects
from shapr.errors import Refused, Unavailable
from shapr.settings import Settings


@pytest.fixture
async def objects(settings: Settings) -> AsyncIterator[Objects]:
    made = Objects(settings)
    yield made
    await made.close()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def read(objects: Objects, key: str, **more) -> bytes:
    return b"".join([chunk async for chunk in (await objects.open(key, **more)).body])


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
    with pytest.raises(Refused, match="source_missing"):
        await objects.verify("t/failed/source")
    left = await objects._call(lambda s3: s3.list_multipart_uploads(Bucket=objects.bucket))
    assert not left.get("Uploads")


@pytest.mark.parametrize("size", [100, PART + 1])
async def test_putting_and_publishing_twice_changes_nothing(objects: Objects, tmp_path: Path, size: int) -> None:
    path = tmp_path / "out.gz"
    path.write_bytes(os.urandom(size))
    for _ in range(2):
        await objects.put(f"t/put{size}/work/x", path, encoding="gzip", media_type="model/step")
        await objects.copy(f"t/put{size}/work/x", f"t/put{size}/outputs/x.step")
    opened = await objects.open(f"t/put{size}/outputs/x.step")
    assert (opened.size, opened.encoding) == (size, "gzip")
    assert b"".join([chunk async for chunk in opened.body]) == path.read_bytes()


async def test_publishing_again_after_work_is_gone_is_fine(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"x")
    await objects.put("t/again/work/x", path, encoding=None, media_type="model/stl")
    await objects.copy("t/again/work/x", "t/again/outputs/x.stl")
    assert await objects.delete_prefix("t/again/work/") == 1
    await objects.copy("t/again/work/x", "t/again/outputs/x.stl")
    with pytest.raises(LookupError):
        await objects.copy("t/again/work/y", "t/again/outputs/y.stl")


async def test_a_range_is_part_of_the_object(objects: Objects) -> None:
    async with objects.receive("t/range") as incoming:
        await incoming.write(b"0123456789")
    assert await read(objects, "t/range", range=(2, 5)) == b"2345"


async def test_a_prefix_is_deleted_and_its_neighbours_are_not(objects: Objects) -> None:
    for key in ("t/a/1", "t/a/2", "t/ab"):
        async with objects.receive(key) as incoming:
            await incoming.write(b"x")
    assert await objects.delete_prefix("t/a/") == 2
    assert await objects.delete_prefix("t/a/") == 0
    assert await read(objects, "t/ab") == b"x"


async def test_an_absent_key_is_a_lookup_error(objects: Objects, tmp_path: Path) -> None:
    for call in (objects.open("t/no"), objects.download("t/no", tmp_path / "no")):
        with pytest.raises(LookupError):
            await call


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
