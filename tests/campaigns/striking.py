"""Blows at a running stack: a process killed, or it and its children stopped for half a minute; and the way back."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.campaigns.drawing import PROGRAMS, SERVERS, Blow
from tests.stacks import Stack

STOP_SECONDS = 30.0
READY_SECONDS = 120.0


def strike(stack: Stack, victim: str, blow: Blow, stop_seconds: float = STOP_SECONDS) -> int:
    """Strike the victim by its process id, and return that; a stop lasts as long as it is told."""
    pid = int(stack.status()[victim]["pid"])
    if blow is Blow.KILL:
        os.kill(pid, signal.SIGKILL)
        return pid
    family = [pid, *descendants(pid)]
    try:
        _send(family, signal.SIGSTOP)
        time.sleep(stop_seconds)
    finally:
        _send(family, signal.SIGCONT)
    return pid


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, as /proc tells it at this moment."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold spaces and parentheses itself.
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def recovered(stack: Stack, victim: str, blow: Blow, pid: int) -> float | None:
    """Wait until all is ready, the killed victim as another process; return the seconds, None when it never is."""
    began = time.monotonic()
    while time.monotonic() - began < READY_SECONDS:
        rows = stack.status()
        reborn = blow is Blow.STOP or rows[victim]["pid"] != pid
        if reborn and all(rows[name]["state"] == "ready" for name in (*PROGRAMS, *SERVERS)):
            return time.monotonic() - began
        time.sleep(0.5)
    return None
