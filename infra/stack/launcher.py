"""`up`: starts what is not running in the order of its needs, and waits for real readiness at each step."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.runtime.files import write_private
from infra.runtime.settings import Settings
from infra.stack import plan as planning
from infra.stack.environment import completed, port_setting
from infra.stack.jars import Report
from infra.stack.layout import Layout
from infra.stack.leftovers import answering_supervisor
from infra.stack.locking import held
from infra.stack.model import PROCESSES, Component, Kind, chosen, waves
from infra.stack.plan import Planned, Provider
from infra.stack.ports import require_free
from infra.stack.prepare import prepare_home, prepare_servers, settle_passwords, settle_ports
from infra.stack.shell import caller_environment, server_environment
from infra.stack.steps import STEPS
from infra.stack.supervisor import Supervisor, start_supervisor
from infra.stack.waiting import await_ready, await_stopped

LOCK_SECONDS = 300.0
AT_WORK = "another `artstore up` or `down` is at work in this home"
_GIVE_UP_WAITING_SECONDS = 15.0


@dataclass(frozen=True)
class Started:
    """What `up` leaves behind: the plan, and the administrator's password when this start made it."""

    planned: tuple[Planned, ...]
    admin_password: str | None


def up(settings: Settings, report: Report) -> Started:
    """Start what is not running and wait until all of it is ready.

    `settings` are the caller's own, without this home's addresses. Raises `ConfigurationInvalid` or
    `DependencyUnavailable` with the next step; what runs by then goes on running.
    """
    layout = Layout(settings.home)
    prepare_home(layout)
    with held(layout.lock, LOCK_SECONDS, AT_WORK):
        known_before = layout.admin_password.exists()
        planned = _start(chosen(settings.stack.services), settings, layout, report)
    fresh = not known_before and layout.admin_password.exists()
    return Started(planned, layout.admin_password.read_text(encoding="utf-8").strip() if fresh else None)


def _start(
    components: tuple[Component, ...], settings: Settings, layout: Layout, report: Report
) -> tuple[Planned, ...]:
    supervisor = answering_supervisor(layout, report)
    running = _running(supervisor) if supervisor else frozenset[str]()
    embedded = [component.name for component in planning.embedded_servers(components, settings)]
    ports = settle_ports(settings, embedded, running, report)
    settle_passwords(layout, embedded)
    planned = planning.plan(components, settings)
    absent = [part for part in planned if part.provider is not Provider.GIVEN and part.name not in running]
    _require_ports([part for part in absent if part.provider is Provider.PROGRAM], settings, ports)
    servers = [part.name for part in absent if part.provider is Provider.EMBEDDED]
    account = prepare_servers(servers, settings, ports, report)
    for part in absent:
        write_private(layout.launch(part.name), planning.launch_of(part, settings, account).to_json())
    supervisor = supervisor or start_supervisor(layout, PROCESSES, server_environment(caller_environment()))
    start = _Start(planned, running, supervisor, settings, report)
    for wave in waves(components):
        start.wave(wave)
    return planned


def _require_ports(programs: Sequence[Planned], settings: Settings, ports: dict[str, int]) -> None:
    for part in programs:
        host, port = planning.listening(part, settings, ports)
        require_free(port, part.name, port_setting(part.name), host)


def _running(supervisor: Supervisor) -> frozenset[str]:
    """Return the names of what runs; what waits for its next try or is on its way out is stopped, to start afresh."""
    states = supervisor.states().values()
    leaving = [state.name for state in states if not (state.runs or state.rests)]
    for name in leaving:
        supervisor.stop(name)
    await_stopped(leaving, supervisor, _GIVE_UP_WAITING_SECONDS)
    return frozenset(state.name for state in states if state.runs)


@dataclass(frozen=True)
class _Start:
    """One start under way: everything prepared, the supervisor answering."""

    planned: tuple[Planned, ...]
    running: frozenset[str]
    supervisor: Supervisor
    settings: Settings
    report: Report

    def wave(self, components: tuple[Component, ...]) -> None:
        """Start these together, wait until all are ready, then take the steps among them."""
        parts = [part for part in self.planned if part.component in components]
        for part in parts:
            if part.provider is not Provider.GIVEN and part.name not in self.running:
                self.supervisor.start(part.name)
        layout = Layout(self.settings.home)
        await_ready(parts, self.supervisor, layout, self.settings.stack.ready_seconds, self._announce)
        for component in components:
            if component.kind is Kind.STEP:
                self.report(f"{component.name:<12} {'step':<9} {STEPS[component.name](completed(self.settings))}")

    def _announce(self, part: Planned, seconds: float) -> None:
        told = "already running" if part.name in self.running else f"ready after {seconds:.1f} s"
        if part.provider is Provider.GIVEN:
            told = "answers"
        self.report(f"{part.name:<12} {part.provider:<9} {part.address}  {told}")
