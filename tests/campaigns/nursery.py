"""The fork server from the outside: a life is begun, listened to, killed, and its end waited for."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.campaigns.orders import Order

PROJECT = Path(__file__).parents[2]
BIRTH_SECONDS = 30.0
DEATH_SECONDS = 30.0
READ_BYTES = 1 << 16
DRAIN_READS = 64

Line = dict[str, Any]


class NotDead(AssertionError):
    """A life that should have ended by itself went on."""


@dataclass
class Nursery:
    """One fork server and the life that it has brought forth last. `hear` is given every whole line, in order.

    `opening_seconds`: how long a life needs to open its element, lately.
    """

    orders: IO[bytes]
    told: int
    hear: Callable[[Line], None] = print
    pid: int = 0
    opening_seconds: float = 0.05
    _rest: bytes = b""
    _status: int | None = None
    _heard: set[str] = field(default_factory=set)

    def begin(self, order: Order) -> None:
        """Bring forth a life, and return when it has a process of its own."""
        self.pid, self._status, self._heard = 0, None, set()
        self.orders.write(order.line())
        self.orders.flush()
        self._listen(BIRTH_SECONDS, lambda: self.pid != 0)
        assert self.pid, "no life was brought forth"

    def listen(self, seconds: float, *, until: str = "dead") -> bool:
        """Hear what is told, for so long or until this is told (or it is dead); tell whether it was."""
        self._listen(seconds, lambda: until in self._heard)
        return until in self._heard

    def drain(self) -> None:
        """Hear what has been told up to now."""
        for _ in range(DRAIN_READS):
            if self._status is not None or not self._hear_more(0):
                return

    def kill(self) -> int:
        """Kill it, hear its last words, and return how it ended: -9, or what it came to before that."""
        with suppress(ProcessLookupError):
            if self._status is None:
                os.kill(self.pid, signal.SIGKILL)
        return self.end()

    def end(self) -> int:
        """Wait until it is dead and return its status; NotDead, after a kill, when that takes too long."""
        self._listen(DEATH_SECONDS, lambda: False)
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self._listen(DEATH_SECONDS, lambda: False)
            msg = f"it did not end within {DEATH_SECONDS} s and was killed"
            raise NotDead(msg)
        return self._status

    def _listen(self, seconds: float, heard: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while self._status is None and not heard():
            left = deadline - time.monotonic()
            if left <= 0 or not self._hear_more(left):
                return

    def _hear_more(self, seconds: float) -> bool:
        if not select.select([self.told], [], [], seconds)[0]:
            return False
        more = os.read(self.told, READ_BYTES)
        assert more, "the fork server has ended"
        *lines, self._rest = (self._rest + more).split(b"\n")
        for line in lines:
            self._take(line)
        return True

    def _take(self, data: bytes) -> None:
        try:
            line: Line = json.loads(data)
        except ValueError:
            # Cut off by death; what was not told whole was not told.
            return
        self._heard.add(line["told"])
        match line["told"]:
            case "born":
                self.pid = line["pid"]
            case "dead":
                self._status = line["status"]
            case _:
                self.hear(line)


@contextmanager
def a_nursery() -> Iterator[Nursery]:
    """Start a fork server for the length of the block."""
    # What is wrong with a life is told in its lines; what it logs when its disk is taken away is meant, and much.
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaigns.mortal"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    nursery = Nursery(process.stdin, process.stdout.fileno())
    try:
        yield nursery
    finally:
        if nursery.pid and nursery._status is None:
            with suppress(ProcessLookupError):
                os.kill(nursery.pid, signal.SIGKILL)
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
