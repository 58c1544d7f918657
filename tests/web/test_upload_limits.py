"""Uploads over a real connection: too large, cut off, standing still. Nothing stays behind."""

import asyncio
from collections.abc import AsyncIterator, Callable

from tests.web.conftest import STL, Api
from tests.web.test_create import EDGE, part
from tests.web.test_problems import assert_problem

HEADERS = "Host: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=edge\r\n"


async def connected(api: Api, headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.http.base_url.port)
    writer.write(f"POST /v1/conversions HTTP/1.1\r\n{HEADERS}{headers}\r\n".encode())
    await writer.drain()
    return reader, writer


async def test_a_file_within_the_limit_is_accepted(small: Api) -> None:
    files = {"file": ("cube.stl", STL + b"\n" * (100_000 - len(STL)))}
    answer = await small.http.post("/v1/conversions", data={"outputs": "obj"}, files=files)
    assert answer.status_code == 202, answer.text


async def test_one_byte_too_many_is_refused(small: Api, left_behind: Callable[[], set[str]]) -> None:
    files = {"file": ("cube.stl", STL + b"\n" * (100_001 - len(STL)))}
    answer = await small.http.post("/v1/conversions", data={"outputs": "obj"}, files=files)
    assert_problem(answer, "file_too_large")
    assert left_behind() == set()


async def test_a_length_over_the_limit_is_refused_before_the_body(small: Api) -> None:
    reader, writer = await connected(small, "Content-Length: 5000000\r\nExpect: 100-continue\r\n")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_an_endless_stream_is_refused_on_its_way(small: Api, left_behind: Callable[[], set[str]]) -> None:
    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield part("outputs", b"obj") + part("file", STL, "cube.stl")[:-2]
        while sent < 200_000_000:
            yield b"\n" * 50_000
            sent += 50_000

    sent = 0
    answer = await small.http.post("/v1/conversions", content=endless(), headers=EDGE)
    assert_problem(answer, "file_too_large")
    assert left_behind() == set()


async def test_an_endless_epilogue_is_refused(small: Api, left_behind: Callable[[], set[str]]) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield part("outputs", b"obj") + part("file", STL, "cube.stl") + b"--edge--\r\n"
        for _ in range(100):
            yield b"\n" * 50_000

    assert_problem(await small.http.post("/v1/conversions", content=endless(), headers=EDGE), "file_too_large")
    assert left_behind() == set()


async def test_an_upload_that_stands_still_times_out(small: Api, left_behind: Callable[[], set[str]]) -> None:
    reader, writer = await connected(small, "Content-Length: 50000\r\n")
    writer.write(part("outputs", b"obj") + part("file", STL, "cube.stl")[:-50])
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"request_timeout"' in answer
    assert left_behind() == set()
    writer.close()


async def test_an_upload_that_is_cut_off_leaves_no_object_and_no_row(
    small: Api, left_behind: Callable[[], set[str]]
) -> None:
    before, started = await small.rows.list("local", limit=1), len(small.started)
    _, writer = await connected(small, "Content-Length: 50000\r\n")
    writer.write(part("outputs", b"obj") + part("file", STL, "cube.stl")[:-50])
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await asyncio.sleep(0.3)
    assert left_behind() == set()
    assert await small.rows.list("local", limit=1) == before
    assert len(small.started) == started


async def test_what_cannot_be_converted_is_refused_before_it_is_uploaded(small: Api) -> None:
    reader, writer = await connected(small, "Content-Length: 90000\r\n")
    writer.write(part("outputs", b"dwg") + part("file", STL, "cube.stl"))
    answer = await asyncio.wait_for(reader.readline(), 0.4)
    assert answer.startswith(b"HTTP/1.1 422"), "before the upload could time out"
    writer.close()
