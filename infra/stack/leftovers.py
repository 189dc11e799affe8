"""What an earlier start has left: a supervisor to go on with, or processes that outlived theirs and are ended."""

from infra.stack.jars import Report
from infra.stack.layout import Layout
from infra.stack.model import PROCESSES
from infra.stack.processes import end, is_alive, read_identity
from infra.stack.supervisor import Supervisor, find_supervisor, forget_supervisor

_SUPERVISOR_SECONDS = 15.0
_PROCESS_SECONDS = 20.0


def answering_supervisor(layout: Layout, report: Report) -> Supervisor | None:
    """Return the supervisor that runs, or None after everything that an earlier one left behind has ended."""
    supervisor = find_supervisor(layout)
    if supervisor is not None and supervisor.answers():
        return supervisor
    if supervisor is not None:
        report(f"the supervisor (pid {supervisor.identity.pid}) does not answer: ending it")
        end(supervisor.identity, _SUPERVISOR_SECONDS)
    end_leftovers(layout, report)
    forget_supervisor(layout)
    return None


def end_leftovers(layout: Layout, report: Report) -> None:
    """End what outlived its supervisor, programs before servers; each is known by pid and birth."""
    for component in reversed(PROCESSES):
        identity = read_identity(layout.pid(component.name))
        if identity is not None and is_alive(identity):
            report(f"{component.name} (pid {identity.pid}) was left behind by a supervisor that is gone: ending it")
            end(identity, _PROCESS_SECONDS, component.signal)
        layout.pid(component.name).unlink(missing_ok=True)
