"""The hostile suite in short: one file of each kind, as the worker runs them. `make hostile` runs all."""

import socket
from pathlib import Path

import pytest

from benchmarks.hostile import ROOMS, files
from benchmarks.hostile.kit import Bait, Hostile, refused
from benchmarks.hostile.run import attack, converters, ordinary
from benchmarks.hostile.watch import watch

SHORT = (
    "edge-of-itself.step",
    "bomb-assembly.step",
    "reference-comment.step",
    "count-copious.iges",
    "curve-poles-huge.brep",
    "count-huge.stl",
    "points-only.stl",
    "both-png.step",
    "slip-parent.zip",
    "name-lines.glb",
)


def test_there_are_enough_and_each_has_a_name_and_codes_of_its_own(tmp_path: Path) -> None:
    rooms = tuple(room for room in ROOMS if room not in ("3mf", "zips"))  # bombs take long to pack
    names = []
    for hostile in files(Bait(tmp_path / "bait", 9), rooms):
        names.append(hostile.name)
        assert hostile.codes or hostile.converts
    assert len(names) >= 160
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("room", ["step", "gltf"])
def test_they_are_the_same_every_time(room: str, tmp_path: Path) -> None:
    bait = Bait(tmp_path / "bait", 9)
    assert list(ROOMS[room].files(bait)) == list(ROOMS[room].files(bait))


async def test_none_of_a_few_hurts_and_a_normal_file_converts_at_once() -> None:
    serving = converters()
    with watch() as watched:
        room = watched.bait.folder.parent / "room"
        room.mkdir()
        rooms = ("step", "iges", "brep", "meshes", "zips", "names")
        chosen = [hostile for hostile in files(watched.bait, rooms) if hostile.name in SHORT]
        assert len(chosen) == len(SHORT)
        for hostile in chosen:
            ended = await attack(serving, hostile, room)
            assert not ended.wrong, (ended, watched.touched())
        assert (await ordinary(serving, room)).code == "converted"
        assert watched.touched() == []
        assert list(room.iterdir()) == []


def test_the_watch_sees_who_opens_the_bait_and_who_calls() -> None:
    with watch() as watched:
        assert watched.touched() == []
        (watched.bait.folder / "secret.step").read_bytes()
        assert any("secret.step" in seen for seen in watched.touched())
        (watched.bait.folder / "new").write_text("x")
        assert any("new" in seen for seen in watched.touched())
        socket.create_connection(("127.0.0.1", watched.bait.port)).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"x", ("127.0.0.1", watched.bait.port))
        assert sorted(watched.touched()) == ["a TCP connection", "a UDP connection"]


async def test_what_should_be_refused_and_is_not_is_wrong(tmp_path: Path) -> None:
    sound = Path(__file__).parents[2] / "samples" / "bracket.stl"
    ended = await attack(converters(), refused("sound.stl", sound.read_bytes(), "corrupt_file"), tmp_path)
    assert ended.code == "converted"
    assert ended.wrong
    other = await attack(converters(), Hostile("empty.stl", b"", frozenset({"corrupt_file"})), tmp_path)
    assert other.code == "empty_file"
    assert other.wrong
