"""The supervisor's configuration, read by the supervisor's own parser, and what is known of its processes."""

import contextlib
import socket
import socketserver
import threading
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest
from supervisor.options import ServerOptions

from infra.stack.layout import Layout
from infra.stack.locking import held
from infra.stack.model import PROCESSES
from infra.stack.processes import Identity
from infra.stack.supervisor import ProcessState, Supervisor, find_supervisor, forget_supervisor, supervisord_conf
from schemas.errors import DependencyUnavailable


@pytest.mark.parametrize("name", ["plain", "with space", "100%(x)s", "Дом 📁"])
def test_a_home_of_any_name_survives_the_supervisors_own_parser(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    layout = Layout(home)
    layout.log.mkdir(parents=True)
    layout.run.mkdir()
    layout.supervisor_settings.write_text(supervisord_conf(layout, tmp_path / "s", PROCESSES), encoding="utf-8")
    options = ServerOptions()
    options.configfile = str(layout.supervisor_settings)
    with contextlib.chdir(home):  # where the supervisor runs
        options.process_config(do_usage=False)
    programs = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert set(programs) == {component.name for component in PROCESSES}
    gateway = programs["gateway"]
    assert gateway.command.endswith(" run/gateway.launch.json")
    assert home / gateway.stdout_logfile == layout.log_of("gateway")
    assert (gateway.autostart, gateway.startretries > 1_000_000, gateway.stopasgroup) == (False, True, True)
    assert (programs["postgres"].stopsignal, programs["postgres"].stopasgroup) == (2, False)


def a_state(name: str) -> ProcessState:
    return ProcessState("kafka", name, 1, 2, "")


def test_each_state_of_the_supervisor_means_exactly_one_thing_or_passes() -> None:
    meanings = {
        name: (a_state(name).runs, a_state(name).waits, a_state(name).rests)
        for name in ("STARTING", "RUNNING", "BACKOFF", "STOPPED", "EXITED", "FATAL", "STOPPING")
    }
    assert meanings == {
        "STARTING": (True, False, False),
        "RUNNING": (True, False, False),
        "BACKOFF": (False, True, False),
        "STOPPED": (False, False, True),
        "EXITED": (False, False, True),
        "FATAL": (False, False, True),
        "STOPPING": (False, False, False),
    }


def test_a_home_without_a_supervisor_has_none_to_find_or_to_forget(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert find_supervisor(layout) is None
    forget_supervisor(layout)


def test_only_one_command_at_a_time_changes_a_home(tmp_path: Path) -> None:
    lock, at_work = tmp_path / "lock", "another is at work"
    with held(lock, 1, "-"), pytest.raises(DependencyUnavailable, match=at_work), held(lock, 0.2, at_work):
        pytest.fail("both held it")
    with held(lock, 0.2, at_work):
        pass


class _Refusing(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    """XML-RPC on a socket, every call answered by one fault."""

    _send_traceback_header = False

    def __init__(self, path: Path, code: int, word: str) -> None:
        socketserver.UnixStreamServer.__init__(self, str(path), _Handler)
        SimpleXMLRPCDispatcher.__init__(self)
        self.logRequests = False
        self._fault = xmlrpc.client.Fault(code, word)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        # The handler of the standard library wants to know a host and a port.
        return super().get_request()[0], ("local", 0)

    def _dispatch(self, *_: object) -> NoReturn:
        raise self._fault


class _Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False


@contextlib.contextmanager
def refusing(path: Path, code: int, word: str) -> Iterator[Supervisor]:
    with _Refusing(path, code, word) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Supervisor(Identity(1, "-"), path)
        finally:
            server.shutdown()
            thread.join(5)


def test_what_has_ended_or_runs_already_needs_no_stop_and_no_start(tmp_path: Path) -> None:
    with refusing(tmp_path / "s", 70, "NOT_RUNNING: gateway") as supervisor:
        supervisor.stop("gateway")
    with refusing(tmp_path / "t", 60, "ALREADY_STARTED: gateway") as supervisor:
        supervisor.start("gateway")


def test_what_the_supervisor_refuses_is_told_with_the_next_step(tmp_path: Path) -> None:
    with refusing(tmp_path / "s", 50, "SPAWN_ERROR: gateway") as supervisor:
        with pytest.raises(DependencyUnavailable, match=r"SPAWN_ERROR: gateway.*artstore down"):
            supervisor.start("gateway")
        with pytest.raises(DependencyUnavailable, match="SPAWN_ERROR"):
            supervisor.stop("gateway")
