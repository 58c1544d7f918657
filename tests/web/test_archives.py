"""A ZIP as a source: its format is that of the model in it, known from the directory at its end."""

import os
from typing import Any

import pytest

from tests.converters.test_archive import OBJ, PLAIN, packed
from tests.web.conftest import Api
from tests.web.test_legacy import created, upload
from tests.web.test_problems import assert_problem

ZIP = packed(PLAIN)


async def test_its_format_is_the_models_and_its_name_its_own(api: Api) -> None:
    told = await api.created(file=("robot.ZIP", ZIP), outputs="stl,step")
    assert (told["source"]["name"], told["source"]["format"]) == ("robot.ZIP", "obj")
    assert told["outputs"][0]["options"]["source_units"] == "mm"
    assert api.started[-1].source_format == "obj"


async def test_one_that_is_larger_than_what_is_remembered_of_it(api: Api) -> None:
    data = packed({"scene.gltf": b"{}", "scene.bin": os.urandom(5 << 20)})
    assert (await api.created(file=("scene.zip", data)))["source"]["format"] == "gltf"


async def test_its_download_is_the_archive(api: Api) -> None:
    told = await api.created(file=("robot.zip", ZIP))
    answer = await api.http.get(told["links"]["source"])
    assert answer.content == ZIP
    assert answer.headers["content-type"] == "application/zip"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (OBJ, "format_mismatch"),
        (ZIP[:-30], "corrupt_file"),
        (packed({"readme.txt": b""}), "unsupported_format"),
        (packed({"a.obj": OBJ, "b.obj": OBJ}), "unsupported_format"),
        (packed({"a.obj": OBJ, "../b.mtl": b""}), "unsafe_archive"),
        (packed({"a.obj": OBJ, "b.bin": bytes(20 << 20)}), "decompression_bomb"),
    ],
)
async def test_what_its_end_shows_is_refused_at_once(api: Api, left_behind: Any, data: bytes, code: str) -> None:
    started = len(api.started)
    problem = assert_problem(await api.submit(("robot.zip", data)), code)
    assert problem["detail"]
    assert (left_behind(), len(api.started)) == (set(), started)


async def test_options_are_checked_against_the_models_format(api: Api, left_behind: Any) -> None:
    answer = await api.submit(("a.zip", packed({"a.glb": b"glTF"})), options='{"source_units": "in"}')
    assert_problem(answer, "invalid_options")
    assert left_behind() == set()


async def test_the_seeds_upload_takes_one_too(api: Api) -> None:
    row = await created(api)
    answer = await upload(api, row["id"], "robot.zip", ZIP)
    assert (answer.json()["status"], answer.json()["input_file"]) == (0, "robot.zip")
    assert (await api.get(row["id"]))["source"]["format"] == "obj"
    row = await created(api)
    assert (await upload(api, row["id"], "robot.zip", packed({"a.txt": b""}))).json()["status"] == 3
    assert (await api.get(row["id"]))["error"]["code"] == "unsupported_format"
