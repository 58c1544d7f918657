"""Forms are read as a stream, however the network cuts them; file names are made safe."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapr.errors import Refused
from web.multipart import NAME_BYTES, Form, Part, clean_name, parameters

BOUNDARY = "xYzZY"
CONTENT = b"\r\n--xYzZ\r\n\r\n--xYz\r--\n" + bytes(range(256))
FORM = (
    b'--xYzZY\r\nContent-Disposition: form-data; name="outputs"\r\n\r\nstl\r\n'
    b'--xYzZY\r\ncontent-type: model/stl\r\ncontent-disposition: form-data; name=file; filename="t\xc3\xa9.stl"\r\n\r\n'
    + CONTENT
    + b"\r\n--xYzZY--\r\n"
)


def read(chunks: list[bytes]) -> list[tuple[Part, bytes]]:
    form, parts, part, data = Form(BOUNDARY), [], Part("", None), b""
    for chunk in chunks:
        for event in form.feed(chunk):
            if isinstance(event, Part):
                part, data = event, b""
            elif event is None:
                parts.append((part, data))
            else:
                data += event
    form.finish()
    return parts


@given(st.lists(st.integers(0, len(FORM)), max_size=12))
def test_a_form_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(FORM)]
    chunks = [FORM[a:b] for a, b in pairwise(edges)]
    assert read(chunks) == [(Part("outputs", None), b"stl"), (Part("file", "té.stl"), CONTENT)]


def test_a_form_read_byte_by_byte_is_the_same() -> None:
    assert read([FORM[i : i + 1] for i in range(len(FORM))]) == read([FORM])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a form",
        b"--xYzZY\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--xYzZY--\r\n",
        b"--xYzZY\r\n\r\nheaderless\r\n--xYzZY--\r\n",
        b"--xYzZY\r\nContent-Disposition: form-data; name=" + b"n" * 10_000 + b"\r\n\r\n\r\n--xYzZY--",
        b"--xYzZY\r\n" + b"X: y\r\n" * 100,
        FORM[:-8],
    ],
)
def test_a_broken_form_is_a_malformed_request(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read([body])
    assert refused.value.code == "malformed_request"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('form-data; name="file"; filename="a.step"', "a.step"),
        ("form-data; name=file; filename=a.step", "a.step"),
        (r'form-data; filename="a \"b\"; c.step"', 'a "b"; c.step'),
        (r'form-data; filename="C:\parts\a.step"', r"C:\parts\a.step"),
        ("form-data; filename=\"x.step\"; filename*=UTF-8''t%C3%A9%20%E2%82%AC.step", "té €.step"),
        ("form-data; filename*=utf-8'en'%e2%82%ac.step; filename=x.step", "€.step"),
        ("form-data; filename=\"x.step\"; filename*=EBCDIC''%81.step", "x.step"),
        ('form-data; name="a; filename=fake.step"', None),
    ],
)
def test_the_file_name_is_read_as_the_client_meant_it(header: str, name: str | None) -> None:
    assert parameters(header).get("filename") == name


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("bracket.step", "bracket.step"),
        ("../../etc/passwd.step", "passwd.step"),
        (r"C:\parts\bracket.step", "bracket.step"),
        ("Teil Größe №5.stp", "Teil Größe №5.stp"),
        ("a\r\nSet-Cookie: x.step", "aSet-Cookie: x.step"),
        ("a\x00b\x7f\u202e.step", "ab.step"),
        ("narrow\u202fspace.step", "narrow space.step"),
        ("dir/", ""),
        ("..", ""),
        (" \t", ""),
    ],
)
def test_a_file_name_loses_its_path_and_what_cannot_be_seen(sent: str, name: str) -> None:
    assert clean_name(sent) == name


@given(st.text())
def test_a_clean_name_is_one_short_visible_component(sent: str) -> None:
    name = clean_name(sent)
    assert name.isprintable()
    assert len(name.encode()) <= NAME_BYTES
    assert not set(name) & {"/", "\\"}
    assert name not in (".", "..")
    assert clean_name(name) == name


def test_a_long_name_keeps_its_extension() -> None:
    assert clean_name("é" * 500 + ".step") == "é" * ((NAME_BYTES - 5) // 2) + ".step"
