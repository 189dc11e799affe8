"""Where the stack keeps what inside the home folder: paths only, no I/O."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders and files of one home; every path is absolute when `home` is."""

    home: Path

    @property
    def ports(self) -> Path:
        """JSON object: server name to the port that was chosen for it."""
        return self.home / "ports.json"

    @property
    def kafka(self) -> Path:
        """The broker's folder: its settings, and its log under `data`."""
        return self.home / "kafka"

    @property
    def postgres(self) -> Path:
        """The database's folder: its password, and the cluster under `data`."""
        return self.home / "postgres"

    @property
    def valkey(self) -> Path:
        """The cache's folder: its settings and its password."""
        return self.home / "valkey"

    @property
    def elements(self) -> Path:
        """The roots of the storage elements, one folder each."""
        return self.home / "elements"

    @property
    def keys(self) -> Path:
        """The installation's keys."""
        return self.home / "keys"

    @property
    def admin_password(self) -> Path:
        """The first administrator's password, until it is first changed."""
        return self.home / "admin-password"

    @property
    def log(self) -> Path:
        """One log file per process, rotated by the supervisor."""
        return self.home / "log"

    @property
    def run(self) -> Path:
        """What describes the running stack; worthless once it is down."""
        return self.home / "run"

    @property
    def supervisor(self) -> Path:
        """JSON object: the supervisor's pid, birth and socket."""
        return self.run / "supervisor.json"

    @property
    def supervisor_settings(self) -> Path:
        """The supervisor's own configuration file."""
        return self.run / "supervisord.conf"

    @property
    def lock(self) -> Path:
        """Held by the one `up` or `down` that is at work."""
        return self.run / "stack.lock"

    def launch(self, name: str) -> Path:
        """Where it stands how the process `name` is started: read by the tether at every start."""
        return self.run / f"{name}.launch.json"

    def pid(self, name: str) -> Path:
        """Where the pid and birth stand of the process `name`, written by it before it becomes the program."""
        return self.run / f"{name}.pid.json"

    def log_of(self, name: str) -> Path:
        """Where the process `name` logs."""
        return self.log / f"{name}.log"
