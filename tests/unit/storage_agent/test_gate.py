"""The way to the disk: a deadline, errors by their kind, and a failure that is final."""

import asyncio
import errno
import itertools
import os
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from schemas.errors import ArtStoreError, Busy, DiskFailed, InsufficientStorage
from storage_agent.gate import LOOKS_AT_ONCE, DiskGate, Looks


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


async def test_questions_of_many_are_asked_in_order_in_few_threads_and_each_gets_its_own_answer() -> None:
    gate, asked = DiskGate(), list[tuple[int, int]]()

    def question(number: int) -> int:
        asked.append((number, threading.get_ident()))
        if number == 3:
            failing(errno.ENOSPC)
        return number * number

    answers = await asyncio.gather(*(gate.look(question, number) for number in range(100)), return_exceptions=True)
    assert [number for number, _ in asked] == list(range(100))
    assert isinstance(answers[3], InsufficientStorage)
    assert [answer for answer in answers if not isinstance(answer, BaseException)] == [
        n * n for n in range(100) if n != 3
    ]
    changes = sum(before != after for (_, before), (_, after) in itertools.pairwise(asked))
    assert changes < len(asked) / LOOKS_AT_ONCE
    assert threading.get_ident() not in {thread for _, thread in asked}


async def test_a_question_that_fails_closes_the_gate_for_those_who_ask_later() -> None:
    gate = DiskGate()
    first, second = await asyncio.gather(gate.look(failing, errno.EIO), gate.look(pow, 2, 2), return_exceptions=True)
    assert (type(first), second) == (DiskFailed, 4)
    with pytest.raises(DiskFailed):
        await gate.look(pow, 2, 2)


async def test_who_goes_away_leaves_the_questions_of_others_alone() -> None:
    gate = DiskGate()
    gone, stays = asyncio.create_task(gate.look(time.sleep, 0.05)), asyncio.create_task(gate.look(pow, 2, 3))
    await asyncio.sleep(0.01)
    gone.cancel()
    assert await stays == 8


async def test_a_question_that_the_disk_does_not_answer_has_failed_for_all_who_wait() -> None:
    gate = DiskGate(seconds=0.05)
    asked = (gate.look(time.sleep, 0.3), gate.look(pow, 2, 2))
    assert {type(outcome) for outcome in await asyncio.gather(*asked, return_exceptions=True)} == {DiskFailed}
    assert gate.failure() is not None


async def test_one_question_that_hangs_keeps_those_waiting_that_were_asked_with_it_and_no_others() -> None:
    gone_on = threading.Event()
    looks = Looks(asyncio.to_thread, at_once=2, together=1)
    hanging = asyncio.create_task(looks.ask(gone_on.wait))
    async with asyncio.timeout(10):
        await asyncio.sleep(0)
        assert await asyncio.gather(*(looks.ask(partial(pow, n, 2)) for n in range(9))) == [n * n for n in range(9)]
    assert not hanging.done()
    gone_on.set()
    assert await hanging


async def test_never_more_batches_are_in_threads_than_there_may_be() -> None:
    inside, most = 0, 0

    async def counted(work: Callable[..., object], *args: object) -> object:
        nonlocal inside, most
        inside, most = inside + 1, max(most, inside + 1)
        try:
            return await asyncio.to_thread(work, *args)
        finally:
            inside -= 1

    looks = Looks(counted, at_once=3, together=2)
    assert await asyncio.gather(*(looks.ask(partial(pow, n, 2)) for n in range(50))) == [n * n for n in range(50)]
    assert most <= 3


async def test_questions_go_on_being_asked_when_nobody_waits_for_the_first_any_more() -> None:
    looks = Looks(asyncio.to_thread, at_once=1, together=4)
    given_up = asyncio.create_task(looks.ask(partial(pow, 2, 2)))
    await asyncio.sleep(0)
    for task in asyncio.all_tasks():
        if task is given_up or task.get_name() == "looks":
            task.cancel()
    async with asyncio.timeout(10):
        assert await looks.ask(partial(pow, 3, 2)) == 9
