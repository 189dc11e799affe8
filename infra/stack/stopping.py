"""`down`: stops everything of this home, programs before servers, within bounded time."""

from infra.runtime.settings import Settings
from infra.stack.jars import Report
from infra.stack.launcher import AT_WORK, LOCK_SECONDS
from infra.stack.layout import Layout
from infra.stack.leftovers import answering_supervisor, end_leftovers
from infra.stack.locking import held
from infra.stack.model import COMPONENTS, Component, waves
from infra.stack.processes import is_alive
from infra.stack.supervisor import Supervisor, forget_supervisor
from infra.stack.waiting import await_stopped
from schemas.errors import DependencyUnavailable

_CLOSE_SECONDS = 15.0
_AFTER_THE_KILL_SECONDS = 5.0


def down(settings: Settings, report: Report) -> None:
    """Stop what runs and leave no process behind; `DependencyUnavailable` when one cannot be ended."""
    layout = Layout(settings.home)
    if not layout.run.exists():
        report(f"nothing runs in {layout.home}")
        return
    with held(layout.lock, LOCK_SECONDS, AT_WORK):
        supervisor = answering_supervisor(layout, report)
        if supervisor is None:
            report(f"nothing runs in {layout.home}")
            return
        for wave in reversed(waves(COMPONENTS)):
            _stop_wave(wave, supervisor, report)
        supervisor.close(_CLOSE_SECONDS)
        if is_alive(supervisor.identity):
            message = f"The supervisor (pid {supervisor.identity.pid}) cannot be ended. End it by hand."
            raise DependencyUnavailable(message)
        end_leftovers(layout, report)
        forget_supervisor(layout)


def _stop_wave(wave: tuple[Component, ...], supervisor: Supervisor, report: Report) -> None:
    states = supervisor.states()
    active = [component for component in wave if component.name in states and not states[component.name].rests]
    if not active:
        return
    for component in active:
        supervisor.stop(component.name)
    seconds = max(component.stop_seconds for component in active) + _AFTER_THE_KILL_SECONDS
    await_stopped([component.name for component in active], supervisor, seconds)
    for component in active:
        report(f"{component.name:<12} stopped")
