"""Stacks for tests: private homes and ports, started and stopped through the product's own command."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from infra.runtime.settings import Settings
from infra.stack.environment import resolve_settings
from infra.stack.layout import Layout
from infra.stack.ports import choose_port
from infra.stack.supervisor import find_supervisor
from infra.stack.waiting import await_stopped
from schemas.elements import Mode
from storage_agent.element import set_mode

T = TypeVar("T")
COMMAND_SECONDS = 300
SERVERS = "kafka,postgres,valkey"
PROGRAMS = ("gateway", "processor", "projector", "agent-hot", "agent-vault")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at this moment, outside the range that clients are given theirs from."""
    ports: list[int] = []
    while len(ports) < count:
        ports.append(choose_port(ports))
    return ports


def eventually(ask: Callable[[], T], seconds: float, why: str) -> T:
    """Ask until the answer is truthy and return it; fail with `why` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"after {seconds} s: {why}"
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Stack:
    """A running stack. `environment` is what its commands and programs are started with."""

    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        return Path(self.environment["ARTSTORE_HOME"])

    @property
    def settings(self) -> Settings:
        return resolve_settings(self.environment)

    @property
    def url(self) -> str:
        return self.settings.gateway_public_url

    @property
    def admin_password(self) -> str:
        return (self.home / "admin-password").read_text(encoding="utf-8").strip()

    @property
    def spans(self) -> Path:
        return self.home / "spans.jsonl"

    def root(self, element: str) -> Path:
        return self.home / "elements" / element

    def artstore(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a sub-command in this home."""
        command = [sys.executable, "-m", "infra.cli.app", *arguments]
        done = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        rows = json.loads(self.artstore("status", "--json", check=False).stdout)
        return {row["name"]: row for row in rows}

    def send(self, program: str, number: signal.Signals) -> int:
        """Send a signal to one program of this stack, by its process id; return the id."""
        pid = int(self.status()[program]["pid"])
        os.kill(pid, number)
        return pid

    def logs(self) -> str:
        """Return all that servers and programs have logged."""
        return "".join(path.read_text(encoding="utf-8") for path in (self.home / "log").rglob("*") if path.is_file())

    def set_mode(self, element: str, mode: Mode) -> None:
        """Change the mode of an element whose agent is stopped."""
        set_mode(self.root(element), mode, datetime.now(UTC))

    def stop(self, program: str) -> None:
        """Stop one program as an operator would; `artstore up` starts it again."""
        supervisor = find_supervisor(Layout(self.home))
        assert supervisor is not None
        supervisor.stop(program)
        await_stopped([program], supervisor, 20)

    def start_again(self, program: str) -> None:
        """Start one stopped program, and no other, and wait until it is ready."""
        supervisor = find_supervisor(Layout(self.home))
        assert supervisor is not None
        supervisor.start(program)
        self.await_ready(program)

    def await_ready(self, *programs: str, seconds: float = 60) -> None:
        names = programs or PROGRAMS
        eventually(lambda: self._are_ready(names), seconds, f"{names} are not ready")

    def _are_ready(self, names: Sequence[str]) -> bool:
        rows = self.status()
        return all(rows[name]["state"] == "ready" for name in names)


def _environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ARTSTORE_")}  # noqa: TID251 - tests
    gateway, processor, projector, hot, vault = free_ports(5)
    return {
        **kept,
        "ARTSTORE_HOME": str(home),
        "ARTSTORE_GATEWAY__PORT": str(gateway),
        "ARTSTORE_PROCESSOR__PORT": str(processor),
        "ARTSTORE_PROJECTOR__PORT": str(projector),
        "ARTSTORE_STACK__HOT_PORT": str(hot),
        "ARTSTORE_STACK__VAULT_PORT": str(vault),
        "ARTSTORE_STACK__QUICK_JVM": "true",
        **extra,
    }


@contextmanager
def running_stack(home: Path, **extra: str) -> Iterator[Stack]:
    """Start a stack in `home`, yield it, and stop it whatever happened."""
    stack = Stack(_environment(home, extra))
    try:
        stack.artstore("up")
        yield stack
    finally:
        stack.artstore("down")


def watched(spans: Path) -> dict[str, str]:
    """Return the settings that a stack is tested with: short deadlines, and its spans in a file.

    Tickets hold much longer than the deadline: what a late PUT is told must not hang on how busy the machine is.
    """
    return {
        "ARTSTORE_GATEWAY__UPLOAD_DEADLINE_SECONDS": "20",
        "ARTSTORE_GATEWAY__UPLOAD_DEADLINE_SECONDS_MAX": "3600",
        "ARTSTORE_TELEMETRY__SPANS_PATH": str(spans),
        "ARTSTORE_AGENT__RESERVE_BYTES": str(1024 * 1024),
    }


def whole_stack(home: Path, **more: str) -> "Stack":
    """Return a stack with every program, short deadlines unless told others, spans in a file; not yet started."""
    return Stack(_environment(home, watched(home / "spans.jsonl") | more))
