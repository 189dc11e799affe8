"""The projector as a program: built from settings, ready once it has caught up, following what comes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from infra.runtime.installation import ensure_installation
from infra.runtime.settings import Settings
from projections.app import build
from projections.documents.queries import document
from tests.builders import a_document_committed
from tests.projecting import Bench, a_document, open_bench


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    ensure_installation(tmp_path / "keys")
    async with open_bench(servers, tmp_path) as bench:
        yield bench


async def test_the_projector_becomes_ready_and_shows_a_document_at_once(bench: Bench) -> None:
    attributes = a_document()
    async with (
        build(bench.settings) as process,
        AsyncClient(transport=ASGITransport(process.app), base_url="http://projector") as client,
    ):
        before = await client.get("/health/ready")
        tasks = [asyncio.ensure_future(task.run()) for task in process.tasks]
        try:
            async with asyncio.timeout(60):
                while (await client.get("/health/ready")).status_code != 200:  # noqa: ASYNC110 - HTTP has no event
                    await asyncio.sleep(0.1)
                await bench.publish(a_document_committed(attributes))
                while await document(bench.pool, attributes.document_id) is None:  # noqa: ASYNC110 - nor has the database
                    await asyncio.sleep(0.01)
            metrics = (await client.get("/metrics")).text
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    assert before.status_code == 503
    assert before.json()["checks"]["view-documents"] == "not started yet"
    assert 'artstore_view_lag_records{view="documents"}' in metrics
