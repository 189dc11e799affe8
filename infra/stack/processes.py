"""Knows processes by pid and birth, so that a number used again by the system is never mistaken for ours."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_PS_SECONDS = 5.0
_POLL_SECONDS = 0.05
_STATE, _START_TICKS = 0, 19  # fields of /proc/<pid>/stat counted after the command's closing bracket, proc(5)


@dataclass(frozen=True)
class Identity:
    """One process for as long as it lives: its pid and a text that no later process of that pid shares."""

    pid: int
    birth: str


def birth_of(pid: int) -> str | None:
    """Return a text that tells this process from a later one with the same pid; None when it is gone or a zombie."""
    if sys.platform == "linux":
        return _birth_from_proc(pid)
    return _birth_from_ps(pid)


def _birth_from_proc(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[_STATE] in {"Z", "X"} else fields[_START_TICKS]


def _birth_from_ps(pid: int) -> str | None:
    answer = subprocess.run(  # noqa: S603 - a number of ours
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607 - where ps lies differs between systems
        capture_output=True,
        text=True,
        timeout=_PS_SECONDS,
        check=False,
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def identify(pid: int) -> Identity | None:
    """Return the identity of a living process; None when there is none with this pid."""
    birth = birth_of(pid)
    return None if birth is None else Identity(pid, birth)


def is_alive(identity: Identity) -> bool:
    """Tell whether exactly this process still runs."""
    return birth_of(identity.pid) == identity.birth


def write_identity(path: Path, identity: Identity) -> None:
    """Note an identity in a file, in one step."""
    fresh = path.with_name(f"{path.name}.{identity.pid}")
    fresh.write_text(json.dumps({"pid": identity.pid, "birth": identity.birth}), encoding="utf-8")
    fresh.replace(path)


def read_identity(path: Path) -> Identity | None:
    """Read a noted identity; None when there is no readable note."""
    try:
        note = json.loads(path.read_bytes())
        return Identity(int(note["pid"]), str(note["birth"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def wait_gone(identity: Identity, seconds: float) -> bool:
    """Wait until the process is gone; False when it still runs after `seconds`."""
    until = time.monotonic() + seconds
    while is_alive(identity):
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def end(identity: Identity, seconds: float, gently: signal.Signals = signal.SIGTERM) -> None:
    """End exactly this process: ask, wait for `seconds`, then kill."""
    for number, patience in ((gently, seconds), (signal.SIGKILL, seconds)):
        if not is_alive(identity):
            return
        try:
            os.kill(identity.pid, number)
        except ProcessLookupError:
            return
        if wait_gone(identity, patience):
            return
