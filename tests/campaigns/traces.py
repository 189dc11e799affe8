"""Which paths an agent touches: at the seam of its disk, and at the system's own door, by strace."""

import codecs
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage_agent.files import LocalDisk

# What only looks. Any other call with a path is taken for one that changes something.
READING = frozenset(
    {
        *("stat", "lstat", "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2", "readlink"),
        *("readlinkat", "statfs", "getcwd", "execve", "execveat", "chdir", "inotify_add_watch", "name_to_handle_at"),
        *("getxattr", "lgetxattr", "listxattr"),
    }
)
OPENING = frozenset({"open", "openat", "openat2"})
WRITING_FLAGS = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>, )?"((?:[^"\\]|\\.)*)"')


class TracedDisk(LocalDisk):
    """The disk of this machine; `paths` are all that it was ever asked about."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found
        return super().__getattribute__("_traced")(found)

    def _traced(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*args: Any) -> Any:
            self.paths.update(each for each in args if isinstance(each, Path))
            return work(*args)

        return traced


@dataclass(frozen=True)
class Touched:
    """A path in a system call; `writing`: the call may change what is there."""

    call: str
    path: Path
    writing: bool


def strace_works() -> bool:
    """Tell whether strace is here and is allowed to look."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False, timeout=20).returncode
        == 0
    )


def strace_command(output: Path) -> tuple[str, ...]:
    """Return what to put before a command so that its calls are written to `output`, and its pid stays its own."""
    return ("strace", "-D", "-f", "-qq", "-y", "-e", "trace=%file", "-s", "8192", "-o", str(output))


def touched(lines: Iterable[bytes]) -> Iterator[Touched]:
    """Yield every path in what strace has written, absolute and as it was said, not resolved."""
    for line in lines:
        call = _CALL.match(line.decode("ascii", "replace"))
        if call is None:
            continue
        name, rest = call[1], call[2]
        writing = bool(WRITING_FLAGS.search(rest)) if name in OPENING else name not in READING
        # The arguments of a new program are no paths.
        found = list(_PATH.finditer(rest))[: 1 if name.startswith("exec") else None]
        for path in found:
            yield Touched(name, Path(_plain(path[1] or "/")) / _plain(path[2]), writing)


def _plain(escaped: str) -> str:
    raw, _ = codecs.escape_decode(escaped.encode("ascii"))
    return bytes(raw).decode("utf-8", "surrogateescape")
