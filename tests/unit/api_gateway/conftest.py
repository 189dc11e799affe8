"""A fresh gateway over doubles for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.api_gateway.edge import Edge


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    edge = Edge()
    async with edge.http:
        yield edge
