"""The audit of an archive of any size: no more rows are held at once than a piece or two of one source has."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.runtime.settings import Settings
from projections import log
from projections.catalogue import DOCUMENTS
from projections.diff import Said, differences
from schemas.identifiers import new_id
from tests.builders import NOW, a_document_committed
from tests.projecting import Bench, a_document, an_identity, open_bench, write_element

COUNT = 2500
TABLES = 2  # a document has a row in `documents` and one in `versions`
LOOK_SECONDS = 0.02
# A piece of the largest source, and the one that is made while it is still there.
HELD_MAX = 2 * TABLES * log.RECORDS_AT_ONCE


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(servers, tmp_path) as bench:
        yield bench


async def test_an_audit_holds_a_piece_of_a_source_and_never_a_whole_one(bench: Bench, tmp_path: Path) -> None:
    documents = [a_document(f"Дело {number}") for number in range(COUNT)]
    await bench.publish(*map(a_document_committed, documents))
    await bench.project(DOCUMENTS)
    write_element(tmp_path / "hot", an_identity(new_id(NOW)), documents)
    held = [0]

    async def watch() -> None:
        while True:
            held.append(sum(type(each) is Said for each in gc.get_objects()))
            await asyncio.sleep(LOOK_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        lines = await differences(bench.settings, [tmp_path / "hot"])
    finally:
        watching.cancel()
        await asyncio.wait({watching})
    told = "\n".join(lines)
    assert not [each.document_id for each in documents if each.document_id in told]
    assert 0 < max(held) <= HELD_MAX < 3 * TABLES * COUNT
