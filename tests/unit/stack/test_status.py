"""Status: what is on its way out is neither starting nor ready."""

import asyncio

import pytest

from infra.stack.model import PROCESSES
from infra.stack.plan import Planned, Provider
from infra.stack.status import _row
from infra.stack.supervisor import ProcessState


async def _fine() -> str | None:
    return None


async def _away() -> str | None:
    return "does not answer"


@pytest.mark.parametrize(
    ("state", "ready", "stopping"),
    [("RUNNING", "ready", "starting"), ("STOPPING", "stopping", "stopping"), ("BACKOFF", "failing", "failing")],
)
def test_a_process_is_shown_as_it_is(state: str, ready: str, stopping: str) -> None:
    known = ProcessState("kafka", state, 1, 2, "ended too soon")
    rows = [
        asyncio.run(_row(Planned(PROCESSES[0], Provider.EMBEDDED, "127.0.0.1:1", probe), known))
        for probe in (_fine, _away)
    ]
    assert [row.state for row in rows] == [ready, stopping]
