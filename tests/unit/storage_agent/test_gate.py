"""The way to the disk: a deadline, errors by their kind, and a failure that is final."""

import errno
import os
import time

import pytest

from schemas.errors import ArtStoreError, Busy, DiskFailed, InsufficientStorage
from storage_agent.gate import DiskGate


def failing(error: int) -> None:
    raise OSError(error, os.strerror(error))


async def test_a_call_runs_in_a_thread_and_gives_its_result() -> None:
    assert await DiskGate().call(pow, 2, 10) == 1024


@pytest.mark.parametrize(
    ("error", "kind"),
    [(errno.ENOSPC, InsufficientStorage), (errno.EDQUOT, InsufficientStorage), (errno.EMFILE, Busy)],
)
async def test_a_full_disk_and_too_many_files_may_pass(error: int, kind: type[ArtStoreError]) -> None:
    gate = DiskGate()
    with pytest.raises(kind):
        await gate.call(failing, error)
    assert await gate.call(pow, 2, 2) == 4


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS, errno.ENODEV, errno.EACCES])
async def test_every_other_error_closes_the_gate_for_good(error: int) -> None:
    gate = DiskGate()
    with pytest.raises(DiskFailed):
        await gate.call(failing, error)
    with pytest.raises(DiskFailed):
        await gate.call(pow, 2, 2)
    with pytest.raises(DiskFailed):
        await gate.watch()


async def test_a_disk_that_does_not_answer_has_failed() -> None:
    gate = DiskGate(seconds=0.05)
    with pytest.raises(DiskFailed, match="did not answer"):
        await gate.call(time.sleep, 0.3)
    assert gate.failure() is not None
