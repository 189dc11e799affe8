"""strace as a tool: what a forked program asks of the kernel, and the fault that meets one of its calls."""

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIFE_SECONDS = 30.0
SHOWN_BYTES = 16
UNFORESEEN = 70
READY = b"ready\n"
_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)
ASKING = frozenset(
    {"read", "pread64", "lseek", "ioctl", "fcntl", "fadvise64", "getdents64", "statfs", "fstatfs", "newfstatat"}
    | {"stat", "lstat", "fstat", "statx", "access", "readlink"}
)
_OPENED, _HANDLE = re.compile(r"\) += (\d+)<"), re.compile(r"\w+\((\d+)<")
_NAME = re.compile(r"(\w+)\(")
_QUOTED = re.compile(r'"([^"]*)"|<(/[^>]*)>')
_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}")
_FLAGS = re.compile(r"O_[A-Z]+(?:\|O_[A-Z]+)*")

Work = Callable[[int], int]


class TracingRefused(Exception):
    """This machine has no strace, or does not let it attach."""


@dataclass(frozen=True)
class Traced:
    """One line of a trace: the call's name, how many-th of that name it is (from 1), the line."""

    name: str
    ordinal: int
    line: str

    def shape(self, root: Path) -> str:
        """Return the call without what chance has named: name, paths below `root`, flags; "" when it goes elsewhere."""
        quoted = [one or other for one, other in _QUOTED.findall(self.line)]
        paths = [path.removeprefix(f"{root}") or "/" for path in quoted if path.startswith(f"{root}")]
        flags = _FLAGS.search(self.line)
        named = " ".join(dict.fromkeys(_RANDOM.sub("*", path) for path in paths))
        return f"{self.name} {named}{f' {flags[0]}' if flags else ''}" if paths else ""

    @property
    def asks_only(self) -> bool:
        """Tell whether the call, by itself, only looks: also an open for reading, of a file or of a folder to list."""
        if self.name == "openat":
            return "O_RDONLY" in self.line and ("O_DIRECTORY" not in self.line or "O_NONBLOCK" in self.line)
        return self.name in ASKING

    @property
    def opened(self) -> str:
        """Return the number of the handle that the call has opened; "" when it has opened none."""
        found = _OPENED.search(self.line) if self.name == "openat" else None
        return found[1] if found else ""

    @property
    def handle(self) -> str:
        """Return the number of the handle that the call is about; "" when it is about a path."""
        found = _HANDLE.match(self.line)
        return found[1] if found else ""


@dataclass(frozen=True)
class Life:
    """What is left of a program: its statements, how it ended (negative: by a signal; None: not in time), its trace."""

    told: tuple[str, ...]
    code: int | None
    calls: tuple[Traced, ...]
    met: tuple[Traced, ...]
    said: str


def require_strace() -> None:
    """Raise TracingRefused unless a forked child can be traced here."""
    if shutil.which("strace") is None:
        msg = "strace is not installed"
        raise TracingRefused(msg)


def live(work: Work, scratch: Path, injections: Sequence[str] = ()) -> Life:
    """Fork, trace the child from its first step on, inject, and return what is left of it.

    `work` gets a file descriptor for its statements (lines), and returns the exit code. TracingRefused.
    """
    log, output = scratch / "trace", scratch / "output"
    go, start = os.pipe()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(start)
        os.close(told)
        _child(work, go, tell, output)
    os.close(go)
    os.close(tell)
    with os.fdopen(told, "rb") as statements, os.fdopen(start, "wb") as starter:
        try:
            assert statements.readline() == READY
            strace = _attached(pid, log, injections)
            starter.write(b"!")
            starter.close()
            in_time = _ended(strace)
        finally:
            if _is_child(pid):
                os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        lines = statements.read().decode().splitlines()
    calls = tuple(_calls(log))
    code = os.waitstatus_to_exitcode(status) if in_time else None
    return Life(tuple(lines), code, calls, tuple(_met(calls, code)), output.read_text(encoding="utf-8"))


def _child(work: Work, go: int, tell: int, output: Path) -> None:
    code = UNFORESEEN
    try:
        ctypes.CDLL(None).prctl(_SET_PTRACER, _ANY, 0, 0, 0)
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        # Traced from here on, and not a call earlier: the n-th call has to be the same one in every life. So this waits
        # by a call that the program makes nowhere else: it is interrupted and begun again when strace attaches.
        waiting = select.poll()
        waiting.register(go, select.POLLIN)
        os.write(tell, READY)
        waiting.poll()
        code = work(tell)
    except BaseException:  # noqa: BLE001 - nothing of the child may run on in the parent's code
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _attached(pid: int, log: Path, injections: Sequence[str]) -> subprocess.Popen[str]:
    command = ["strace", "-y", "-s", str(SHOWN_BYTES), "-o", str(log), "-p", str(pid)]
    for injection in injections:
        command += ["-e", f"inject={injection}"]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert strace.stderr is not None
    first = strace.stderr.readline()
    if "attached" not in first:
        strace.communicate()
        raise TracingRefused(first.strip())
    return strace


def _ended(strace: subprocess.Popen[str]) -> bool:
    try:
        strace.communicate(timeout=LIFE_SECONDS)
    except subprocess.TimeoutExpired:
        strace.kill()
        strace.communicate()
        return False
    return True


def _is_child(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _calls(log: Path) -> Iterator[Traced]:
    counts = Counter[str]()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if found := _NAME.match(line):
            counts[found[1]] += 1
            yield Traced(found[1], counts[found[1]], line)


def _met(calls: Sequence[Traced], code: int | None) -> Iterator[Traced]:
    """Yield the calls that the fault has met; a killed one is the last that was begun."""
    yield from (call for call in calls if "(INJECTED)" in call.line)
    if code == -signal.SIGKILL and calls:
        yield calls[-1]
