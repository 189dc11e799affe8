"""The one detached supervisor (supervisord): its configuration, its start, and its XML-RPC over a private socket."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from infra.runtime.files import read_json, write_json_atomic, write_private
from infra.stack.layout import Layout
from infra.stack.model import Component
from infra.stack.processes import Identity, end, is_alive, read_identity
from infra.stack.tether import NO_SIGNAL, Launch
from schemas.errors import DependencyUnavailable

_NAME = "supervisor"
_CALL_SECONDS = 10.0
_START_SECONDS = 20.0
_POLL_SECONDS = 0.05
_STEADY_SECONDS = 3  # a process that ends sooner is started again with a growing pause
_ALREADY_STARTED, _NOT_RUNNING = 60, 70  # faults of its XML-RPC
_FOR_EVER = 1_000_000_000  # tries before supervisord gives a process up


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor knows of one process. `pid` 0 and `started` 0 when it does not run; times in seconds."""

    name: str
    state: str
    pid: int
    started: int
    reason: str

    @property
    def runs(self) -> bool:
        """Whether there is a process that is not being stopped."""
        return self.state in {"STARTING", "RUNNING"}

    @property
    def waits(self) -> bool:
        """Whether it ended too soon and waits for its next try."""
        return self.state == "BACKOFF"

    @property
    def rests(self) -> bool:
        """Whether there is no process and none will come by itself."""
        return self.state in {"STOPPED", "EXITED", "FATAL"}


def supervisord_conf(layout: Layout, socket_path: Path, components: Sequence[Component]) -> str:
    """Return the supervisor's configuration. Nothing starts by itself: the launcher does it in order.

    Paths in the home are relative to it, where the supervisor runs: it expands `%` in some values twice.
    """
    user = "user=root\n" if os.geteuid() == 0 else ""  # only silences its warning
    head = (
        f"[unix_http_server]\nfile={_escaped(socket_path)}\nchmod=0700\n\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
        f"[supervisord]\nnodaemon=true\nsilent=true\n{user}minfds=1024\nloglevel=info\n"
        f"logfile={_inside(layout, layout.log_of(_NAME))}\nlogfile_maxbytes=5MB\nlogfile_backups=2\n"
        f"pidfile={_inside(layout, layout.run / 'supervisord.pid')}\nchildlogdir={_inside(layout, layout.log)}\n"
    )
    return head + "".join(_program_section(layout, component) for component in components)


def _program_section(layout: Layout, component: Component) -> str:
    group = "true" if component.stop_signal == "TERM" else "false"  # a signal to PostgreSQL is for its first process
    launch = _inside(layout, layout.launch(component.name))
    return (
        f"\n[program:{component.name}]\n"
        f'command="{_escaped(Path(sys.executable))}" -P -m infra.stack.tether {launch}\n'
        f"autostart=false\nautorestart=true\nstartsecs={_STEADY_SECONDS}\nstartretries={_FOR_EVER}\n"
        f"stopsignal={component.stop_signal}\nstopwaitsecs={component.stop_seconds}\n"
        f"stopasgroup={group}\nkillasgroup=true\nredirect_stderr=true\n"
        f"stdout_logfile={_inside(layout, layout.log_of(component.name))}\n"
        "stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
    )


def _inside(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.home).as_posix()


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CALL_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CALL_SECONDS)
        self.sock.connect(self._path)


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket, every answer waited for within a deadline."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ANN401 - the socket is the host
        connection = _SocketConnection(self._path)
        # What is kept here is what the proxy closes.
        self._connection = (host, connection)
        return connection


class Supervisor:
    """A running supervisor. `DependencyUnavailable` when it does not answer."""

    def __init__(self, identity: Identity, socket_path: Path) -> None:
        self.identity = identity
        self._socket = socket_path

    def _call(self, method: str, *arguments: object, done_already: int | None = None) -> object:
        """Call a method; the fault `done_already` says that there was nothing left to do, and counts as done."""
        transport = _SocketTransport(str(self._socket))
        try:
            with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
                return getattr(proxy, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            message = f"The supervisor (pid {self.identity.pid}) does not answer: {error}. Run `artstore down`."
            raise DependencyUnavailable(message) from error
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == done_already:
                return None
            message = (
                f"The supervisor refuses {method} {arguments}: {fault.faultString}. Run `artstore down`, then `up`."
            )
            raise DependencyUnavailable(message) from fault

    def answers(self) -> bool:
        """Tell whether it takes calls."""
        try:
            self._call("supervisor.getState")
        except DependencyUnavailable:
            return False
        return True

    def states(self) -> dict[str, ProcessState]:
        """Return what it knows of every process, by name."""
        rows = self._call("supervisor.getAllProcessInfo")
        return {str(row["name"]): _state(row) for row in cast("list[dict[str, object]]", rows)}

    def start(self, name: str) -> None:
        """Begin to keep `name` up; returns at once."""
        # False, not to wait for it: XML-RPC has no names.
        self._call("supervisor.startProcess", name, False, done_already=_ALREADY_STARTED)  # noqa: FBT003

    def stop(self, name: str) -> None:
        """Begin to stop `name`; returns at once, also when it is stopping or has ended meanwhile."""
        self._call("supervisor.stopProcess", name, False, done_already=_NOT_RUNNING)  # noqa: FBT003

    def close(self, seconds: float) -> None:
        """End the supervisor itself."""
        try:
            self._call("supervisor.shutdown")
        except DependencyUnavailable:
            pass
        else:
            until = time.monotonic() + seconds
            while is_alive(self.identity) and time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
        end(self.identity, _CALL_SECONDS)


def _state(row: Mapping[str, object]) -> ProcessState:
    reason = str(row["spawnerr"] or row["description"])
    return ProcessState(str(row["name"]), str(row["statename"]), int(str(row["pid"])), int(str(row["start"])), reason)


def find_supervisor(layout: Layout) -> Supervisor | None:
    """Return the supervisor of this home if its process lives; it may still fail to answer."""
    identity, socket_path = read_identity(layout.pid(_NAME)), _socket_path(layout)
    if identity is None or socket_path is None or not is_alive(identity):
        return None
    return Supervisor(identity, socket_path)


def _socket_path(layout: Layout) -> Path | None:
    try:
        note = read_json(layout.supervisor)
    except ValueError:
        return None
    return Path(str(note["socket"])) if note and "socket" in note else None


def start_supervisor(layout: Layout, components: Sequence[Component], environment: Mapping[str, str]) -> Supervisor:
    """Start a supervisor that outlives this process, and wait until it answers."""
    forget_supervisor(layout)
    # A socket's path holds about 100 bytes, and a home may lie deeper than that.
    socket_path = Path(tempfile.mkdtemp(prefix="artstore-")) / "supervisor"
    write_json_atomic(layout.supervisor, {"socket": str(socket_path)})
    write_private(layout.supervisor_settings, supervisord_conf(layout, socket_path, components).encode())
    command = (sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(layout.supervisor_settings))
    pid_file = str(layout.pid(_NAME))
    launch = Launch(command, environment, str(layout.home), pid_file=pid_file, orphan_signal=NO_SIGNAL)
    write_private(layout.launch(_NAME), launch.to_json())
    said = layout.log_of("supervisor-start")
    said.touch(mode=0o600)
    with said.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own module and a file of ours
            [sys.executable, "-P", "-m", "infra.stack.tether", str(layout.launch(_NAME))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    until = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < until:
        found = find_supervisor(layout)
        if found is not None and found.answers():
            return found
        time.sleep(_POLL_SECONDS)
    child.kill()
    words = said.read_text(encoding="utf-8", errors="replace").strip()[-400:]
    message = f"The supervisor did not start: {words or 'it said nothing'}. See {layout.log_of(_NAME)}."
    raise DependencyUnavailable(message)


def forget_supervisor(layout: Layout) -> None:
    """Remove what a supervisor that is gone has left behind."""
    socket_path = _socket_path(layout)
    if socket_path is not None:
        shutil.rmtree(socket_path.parent, ignore_errors=True)
    for path in (layout.supervisor, layout.pid(_NAME)):
        path.unlink(missing_ok=True)
