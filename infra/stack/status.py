"""Status: each server and program with its process, its address and what it answers at this moment."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.runtime.settings import Settings
from infra.stack import plan as planning
from infra.stack.layout import Layout
from infra.stack.model import chosen
from infra.stack.plan import Planned, Provider
from infra.stack.readiness import ask_notes
from infra.stack.supervisor import ProcessState, find_supervisor


@dataclass(frozen=True)
class Row:
    """One line: `state` is ready, answers (a given server), starting, failing, stopping, stopped or away.

    `reason` says why; of a program that is ready, what is amiss all the same.

    `started` is RFC 3339 in UTC, None when there is no process of ours.
    """

    name: str
    provider: str
    pid: int | None
    started: str | None
    address: str | None
    state: str
    reason: str | None


def status_of(settings: Settings) -> list[Row]:
    """Return one row per server and program of the settings or running, each asked within a few seconds."""
    supervisor = find_supervisor(Layout(settings.home))
    states = supervisor.states() if supervisor is not None and supervisor.answers() else {}
    names = {*settings.stack.services, *(state.name for state in states.values() if not state.rests)}
    return asyncio.run(_asked(planning.plan(chosen(names), settings), states))


async def _asked(planned: tuple[Planned, ...], states: Mapping[str, ProcessState]) -> list[Row]:
    return list(await asyncio.gather(*(_row(part, states.get(part.name)) for part in planned)))


async def _row(part: Planned, state: ProcessState | None) -> Row:
    if part.provider is Provider.GIVEN:
        reason = await part.probe()
        return Row(part.name, part.provider, None, None, part.address, "away" if reason else "answers", reason)
    if state is None or state.rests:
        return Row(part.name, part.provider, None, None, part.address, "stopped", None)
    if state.waits:
        return Row(part.name, part.provider, None, None, part.address, "failing", state.reason)
    reason = await part.probe() if state.runs else "on its way out"
    told = ("starting" if reason else "ready") if state.runs else "stopping"
    if told == "ready" and part.provider is Provider.PROGRAM:
        reason = await ask_notes(part.address)
    started = datetime.fromtimestamp(state.started, UTC).isoformat().replace("+00:00", "Z")
    return Row(part.name, part.provider, state.pid, started, part.address, told, reason)
