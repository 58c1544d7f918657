"""A Temporal server that skips time, and the workers of this checkout on it."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

import worker_main
from shapr.settings import Settings
from tests.workflows.fakes import FakeParts
from workflows import visibility

TEST_SERVER = Path(sys.executable).with_name("temporal-test-server")

Workers = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER), data_converter=pydantic_data_converter
    )
    async with environment:
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(search_attributes={key.name: key.indexed_value_type for key in visibility.ALL})
        )
        yield environment


@pytest.fixture
def parts(tmp_path: Path) -> FakeParts:
    return FakeParts(tmp_path)


@pytest.fixture
def workers(parts: FakeParts) -> Workers:
    """Both workers, with the fakes for adapters."""

    @asynccontextmanager
    async def running(client: Client, **more: Any) -> AsyncIterator[None]:
        settings = Settings(grace=1)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(worker_main.conversions(client, parts, settings, **more))
            await stack.enter_async_context(worker_main.compress(client, parts, settings))
            yield

    return running
