"""What an operator sees can be read, and cannot be forged by a file name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio import exceptions
from temporalio.exceptions import ApplicationError

from shapr.conversion import Request, Step
from workflows import visibility


def asked(name: str, tenant: str = "acme") -> Request:
    return Request(id="cnv_1", tenant=tenant, source_name=name, source_format="step", outputs=("stl", "glb"))


def test_the_summary_is_the_source_and_its_outputs() -> None:
    assert visibility.summary(asked("bracket.step")) == "bracket.step -> stl, glb"


@pytest.mark.parametrize("name", ["![i](http://evil.test/p.png).step", "<img src=x>.step", "`a` **b** [c](d).step"])
def test_a_file_name_is_no_markdown(name: str) -> None:
    escaped = visibility.plain(name)
    assert not set(re.sub(r"\\.", "", escaped)) & set("`*[]()<>!:")
    assert re.sub(r"\\(.)", r"\1", escaped) == name


@given(st.text())
def test_texts_are_one_line_of_at_most_200_bytes(name: str) -> None:
    for text in (visibility.summary(asked(name)), visibility.label(asked(name))):
        assert len(text.encode("utf-8", "surrogatepass")) <= visibility.SUMMARY_BYTES
        assert text.isprintable()


@given(st.text(min_size=1))
def test_a_fairness_key_is_at_most_64_bytes(tenant: str) -> None:
    assert len(visibility.shorten(visibility.visible(tenant), 64).encode()) <= 64


def test_an_incident_tells_a_caller_the_kind_and_no_host() -> None:
    error = visibility.incident(Step.STORE, ApplicationError("connect to 10.0.0.7 failed", type="storage_full"))
    assert error.code == "storage_full"
    assert "10.0.0.7" not in error.detail
    assert visibility.incident(Step.STORE, TimeoutError("heartbeat")).code == "internal"


def test_a_store_that_hangs_is_unavailable_and_a_converter_that_hangs_is_not() -> None:
    hung = exceptions.TimeoutError("t", type=None, last_heartbeat_details=[])
    assert visibility.incident(Step.STORE, hung).code == "storage_unavailable"
    assert visibility.incident(Step.COMPRESS, hung).code == "internal"
