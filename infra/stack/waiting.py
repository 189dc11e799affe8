"""Waits with a deadline for parts of the stack to become ready or to stop, and says why when they do not."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.stack.layout import Layout
from infra.stack.plan import Planned, Provider
from infra.stack.supervisor import ProcessState, Supervisor
from schemas.errors import DependencyUnavailable

_POLL_SECONDS = 0.1
_FAILED_STARTS = 3
_GIVEN_SECONDS = 20.0
_LOG_LINES = 6

Announce = Callable[[Planned, float], None]
"""Told each part that has become ready, and after how many seconds."""


def await_ready(
    parts: Sequence[Planned], supervisor: Supervisor, layout: Layout, seconds: float, announce: Announce
) -> None:
    """Return when every part answers as its users need; `DependencyUnavailable` with the reason and its last words."""
    asyncio.run(_Wait(supervisor, layout, seconds, announce).until_all(parts))


@dataclass(frozen=True)
class _Wait:
    supervisor: Supervisor
    layout: Layout
    seconds: float
    announce: Announce

    async def until_all(self, parts: Sequence[Planned]) -> None:
        await asyncio.gather(*(self.until(part) for part in parts))

    async def until(self, part: Planned) -> None:
        begun, failed = time.monotonic(), set[int]()
        patience = min(self.seconds, _GIVEN_SECONDS) if part.provider is Provider.GIVEN else self.seconds
        while True:
            reason = await part.probe()
            state = await self._state(part)
            if reason is None and (state is None or state.runs):
                self.announce(part, time.monotonic() - begun)
                return
            if state is not None and state.waits:
                failed.add(state.started)
            if time.monotonic() - begun >= patience or len(failed) >= _FAILED_STARTS:
                raise DependencyUnavailable(_why(part, reason, state, self.layout.log_of(part.name)))
            await asyncio.sleep(_POLL_SECONDS)

    async def _state(self, part: Planned) -> ProcessState | None:
        if part.provider is Provider.GIVEN:
            return None
        return (await asyncio.to_thread(self.supervisor.states))[part.name]


def _why(part: Planned, reason: str | None, state: ProcessState | None, log: Path) -> str:
    if state is None:
        return (
            f"{part.name} at {part.address}, which the settings give, does not answer: {reason}. "
            "Start it, correct its address, or take the setting away to have one started here."
        )
    ended = "ends again and again" if state.waits else f"is not ready ({reason or state.reason})"
    return f"{part.name} {ended}. The end of {log}:\n{last_lines(log)}\nCorrect the cause and run `artstore up` again."


def last_lines(log: Path) -> str:
    """Return the end of a log file, indented; a dash when there is none."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return "".join(f"  {line.rstrip()[:400]}\n" for line in deque(file, _LOG_LINES)).rstrip()
    except OSError:
        return "  -"


def await_stopped(names: Collection[str], supervisor: Supervisor, seconds: float) -> None:
    """Return when none of the processes is left; `DependencyUnavailable` when one is after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        states = supervisor.states()
        left = [name for name in names if not states[name].rests]
        if not left:
            return
        if time.monotonic() >= until:
            message = f"{', '.join(left)} did not stop in {seconds:.0f} s. Run `artstore down` again."
            raise DependencyUnavailable(message)
        time.sleep(_POLL_SECONDS)
