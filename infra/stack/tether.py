"""Becomes a program of the stack (same pid) after tying its life to the supervisor's and leaving root if asked.

Run as `python -m infra.stack.tether LAUNCH_FILE`. The launch file is read at every start, so a restart by the
supervisor always uses the newest settings, and no value has to survive the supervisor's own quoting rules.
"""

import ctypes
import json
import os
import pwd
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from infra.stack.processes import identify, write_identity

Account = Literal["same", "namespace", "nobody"]

NO_SIGNAL = 0  # the process outlives its parent

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PRIVATE = 0o077  # files are for their owner only
_CLONE_NEWUSER = 0x10000000  # unshare(2)


@dataclass(frozen=True)
class Launch:
    """How one process is started: its command, its whole environment, and whom it runs as.

    `account`: "same" as the caller; "namespace": root seen as an ordinary user in a user namespace of its own, so
    that files stay root's; "nobody": the system's user of that name. `orphan_signal` reaches the process when the
    supervisor dies without stopping it.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    pid_file: str | None = None
    account: Account = "same"
    orphan_signal: int = int(signal.SIGTERM)

    def to_json(self) -> bytes:
        """Return the launch file's bytes."""
        return json.dumps({**asdict(self), "environment": dict(self.environment)}, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Launch":
        """Read a launch file."""
        fields = json.loads(data)
        return cls(**{**fields, "command": tuple(fields["command"])})


def ordinary_account() -> pwd.struct_passwd:
    """Return an existing account that is not root: PostgreSQL looks its own user up and refuses root."""
    known = {account.pw_name: account for account in pwd.getpwall() if account.pw_uid != 0}
    return known.get("nobody") or next(iter(known.values()))


def _enter_namespace() -> None:
    """Be seen as an ordinary user while staying the same one for the files (user_namespaces(7))."""
    account, uid, gid = ordinary_account(), os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"user namespaces are forbidden here: {os.strerror(number)}")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{account.pw_uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{account.pw_gid} {gid} 1", encoding="ascii")


def _become_nobody() -> None:
    account = ordinary_account()
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _die_with_parent(number: int, parent: int) -> None:
    """Ask the kernel to signal this process when its parent dies; the wish outlives exec (prctl(2))."""
    if sys.platform != "linux" or number == NO_SIGNAL:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the wish was made
        sys.exit("the supervisor is gone")


def main() -> None:
    """Read the launch file, change what is asked, and become the program; never returns."""
    parent = os.getppid()
    launch = Launch.from_json(Path(sys.argv[1]).read_bytes())
    myself = identify(os.getpid())
    if launch.pid_file is not None and myself is not None:
        write_identity(Path(launch.pid_file), myself)
    os.umask(_PRIVATE)
    if launch.account == "namespace":
        _enter_namespace()
    elif launch.account == "nobody":
        _become_nobody()
    os.chdir(launch.directory)  # as the user that it has become, who may not be let through to it
    _die_with_parent(launch.orphan_signal, parent)  # last: a change of credentials would undo the wish
    os.execvpe(launch.command[0], launch.command, dict(launch.environment))  # noqa: S606 - becoming it is the point


if __name__ == "__main__":
    main()
