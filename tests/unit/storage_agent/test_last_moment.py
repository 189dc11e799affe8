"""The moment that no renewal can move: behind it the saga may have ended, so nothing is committed any more."""

from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from schemas.errors import UploadAbandonedError
from storage_agent.files import LocalDisk
from tests.builders import NOW
from tests.elements import a_ticket_for, an_element, faults, stage

DATA = b"the last bytes"


async def test_bytes_that_are_whole_only_after_the_last_moment_are_not_committed(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with an_element(None, tmp_path, clock) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        _, staged = await stage(documents, ticket, DATA)
        clock.advance((ticket.deadline_at_max - NOW) / timedelta(seconds=1))
        with pytest.raises(UploadAbandonedError):
            await documents.commit(ticket, staged, "text/plain", None)
        assert documents.find(ticket.document_id, 1) is None
        assert faults(LocalDisk(), tmp_path) == []
        with pytest.raises(UploadAbandonedError):
            documents.admit(ticket)
