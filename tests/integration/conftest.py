"""What the tests of one processor in front of real servers share: the program, and who publishes to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from infra.runtime.kafka import apply_topics
from infra.runtime.settings import Settings
from producers.publisher import KafkaPublisher, open_publisher
from tests.integration.processor_program import Program, processor


@pytest.fixture(scope="module")
def program(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    asyncio.run(apply_topics(servers.kafka))
    with processor(servers, tmp_path_factory.mktemp("processor")) as program:
        yield program


@pytest.fixture
async def publisher(servers: Settings) -> AsyncIterator[KafkaPublisher]:
    async with open_publisher(servers.kafka, "test") as publisher:
        yield publisher
