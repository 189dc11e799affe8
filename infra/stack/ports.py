"""Ports on loopback: chosen once for the servers and kept, checked before a program needs them."""

import random
import socket
from collections.abc import Iterable
from pathlib import Path

from infra.runtime.files import read_json, write_json_atomic
from schemas.errors import ConfigurationInvalid

LOOPBACK = "127.0.0.1"

# Below every usual ephemeral range (Linux 32768+, macOS 49152+): a client that keeps trying to reach a server that
# is down would otherwise one day get the server's own port as its source, connect to itself and keep it taken.
_FIRST, _LAST = 20_000, 31_999
_TRIES = 200
_LISTENING = "0A"  # state column of /proc/net/tcp
_LOCAL, _STATE, _INODE = 1, 3, 9  # columns of /proc/net/tcp


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on `port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_port(taken: Iterable[int]) -> int:
    """Return a free port that is none of `taken`."""
    avoided = set(taken)
    draw = random.SystemRandom()
    for _ in range(_TRIES):
        port = draw.randint(_FIRST, _LAST)
        if port not in avoided and is_free(port):
            return port
    message = f"No free port between {_FIRST} and {_LAST} on {LOOPBACK}. Close some programs and try again."
    raise ConfigurationInvalid(message)


def kept_ports(path: Path) -> dict[str, int]:
    """Return the ports that were chosen before; none when there is no such file yet."""
    try:
        return {str(name): int(str(port)) for name, port in (read_json(path) or {}).items()}
    except ValueError as error:
        message = f"{path} is not readable ({error}). Stop the stack, delete this file and start again."
        raise ConfigurationInvalid(message) from error


def keep_ports(path: Path, ports: dict[str, int]) -> None:
    """Remember the ports, readable by the owner only."""
    write_json_atomic(path, ports)


def holder_of(port: int) -> str | None:
    """Say which process listens on `port`, as `pid 12 (java)`; None when this system does not tell."""
    inode = _listening_inode(port)
    if inode is None:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        if _holds(folder, f"socket:[{inode}]"):
            command = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
            return f"pid {folder.name} ({command})"
    return None


def _listening_inode(port: int) -> str | None:
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if columns[_STATE] == _LISTENING and int(columns[_LOCAL].rpartition(":")[2], 16) == port:
                return columns[_INODE]
    return None


def _holds(process: Path, target: str) -> bool:
    try:
        return any(entry.readlink().as_posix() == target for entry in (process / "fd").iterdir())
    except OSError:  # gone meanwhile, or another user's
        return False


def require_free(port: int, who: str, setting: str, host: str = LOOPBACK) -> None:
    """Raise `ConfigurationInvalid` that names the port, who holds it and what to set, unless it is free."""
    if is_free(port, host):
        return
    holder = holder_of(port) or "another program"
    message = (
        f"Port {port} on {host}, needed by {who}, is held by {holder}. "
        f"Stop that program, or set {setting} to a free port (for example {choose_port([port])})."
    )
    raise ConfigurationInvalid(message)
