"""Outages of a running stack: one server or program is gone, or falls silent, for the length of a block."""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum

from infra.stack.layout import Layout
from infra.stack.supervisor import Supervisor, find_supervisor
from infra.stack.waiting import await_stopped
from tests.campaigns.striking import descendants
from tests.stacks import Stack, eventually

STOPPED_SECONDS = 20.0


class Outage(StrEnum):
    """How somebody is away."""

    KILLED = "killed"  # nobody listens at its address
    FROZEN = "frozen"  # connections stay open, and nothing comes back


@contextmanager
def away(stack: Stack, name: str, outage: Outage) -> Iterator[None]:
    """Keep `name` away for the length of the block; afterwards it alone is brought back, and nobody else touched."""
    family = _family(int(stack.status()[name]["pid"]))
    if outage is Outage.FROZEN:
        with _frozen(family):
            yield
        return
    supervisor = _supervisor(stack)
    # The supervisor is told first, so that it does not bring the victim back at once.
    supervisor.stop(name)
    _send(family, signal.SIGKILL)
    await_stopped([name], supervisor, STOPPED_SECONDS)
    try:
        yield
    finally:
        supervisor.start(name)


def reborn(stack: Stack, program: str, ended: int) -> None:
    """Wait until a program that ended is ready as another process."""
    eventually(lambda: stack.status()[program]["pid"] not in {None, ended}, 60, f"there is no new {program}")
    stack.await_ready(program)


@contextmanager
def _frozen(family: Sequence[int]) -> Iterator[None]:
    try:
        _send(family, signal.SIGSTOP)
        yield
    finally:
        _send(reversed(family), signal.SIGCONT)


def _family(pid: int) -> list[int]:
    return [pid, *descendants(pid)]


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _supervisor(stack: Stack) -> Supervisor:
    found = find_supervisor(Layout(stack.home))
    assert found is not None
    return found
