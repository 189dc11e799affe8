"""Which large bodies were read whole and found right, in which state of their file, and when: bounded, soon too old."""

import os
from dataclasses import dataclass
from typing import NamedTuple

from infra.runtime.clock import Clock
from infra.runtime.recent import Recent
from storage_agent.checking import Key

PROVEN_SECONDS_MAX = 24 * 3600.0
# Letters in the names of all bodies together: room for some 13,000.
NAMES_MAX = 512 * 1024
# No file system's clock ticks more slowly. What has changed within a tick may change once more and look the same.
TICK_SECONDS = 2.0


class FileState(NamedTuple):
    """What tells that an open file is still the one it was: writing, replacing and moving all change some of it."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, handle: int) -> "FileState":
        """Return the state of an open file. Blocks; OSError."""
        found = os.fstat(handle)
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True)
class _Reading:
    """One reading of a whole body: the file's state, the SHA-256 it had, and when it began."""

    state: FileState
    sha256: str
    begun_at: float


class Proofs:
    """What was read whole and found right. It is believed for `seconds`, a day at most."""

    def __init__(self, clock: Clock, seconds: float = PROVEN_SECONDS_MAX, names_max: int = NAMES_MAX) -> None:
        self.clock = clock
        self.seconds = min(seconds, PROVEN_SECONDS_MAX)
        self.readings: Recent[str, _Reading] = Recent(names_max)

    def of(self, key: Key, sha256: str, state: FileState | None) -> "Proof":
        """Return what proves, now or once it is read, that a version's file has this hex SHA-256.

        `state`: as the file was opened a moment ago; what lies in no file is never remembered.
        """
        return Proof(self, _name(key), sha256, state)

    def forget(self, key: Key) -> None:
        """Take note that a version is damaged, or suspected of it."""
        self.readings.forget(_name(key))


class Proof:
    """Whether one answer may do without hashing what it gives, and what its hashing shows."""

    def __init__(self, proofs: Proofs, name: str, sha256: str, state: FileState | None) -> None:
        self._proofs = proofs
        self._name = name
        self._sha256 = sha256
        self._state = state
        self._opened_at, self._began_at = proofs.clock.now().timestamp(), proofs.clock.monotonic()
        self._is_believed = False

    def holds(self) -> bool:
        """Tell whether the body is known to be right. While this answer is given that ends only by being forgotten."""
        reading = self._proofs.readings.get(self._name)
        if reading is None or (reading.state, reading.sha256) != (self._state, self._sha256):
            return False
        age = self._proofs.clock.monotonic() - reading.begun_at
        self._is_believed = self._is_believed or age < self._proofs.seconds
        return self._is_believed

    def found_right(self, state: FileState | None) -> None:
        """Remember that the whole body was read and has its SHA-256; `state`: as its file is after that.

        Only a state that was there before and after, and was no news when the reading began, says what was read.
        """
        if state is None or state != self._state:
            return
        if self._opened_at - state.changed_ns / 1e9 >= TICK_SECONDS:
            self._proofs.readings.keep(self._name, _Reading(state, self._sha256, self._began_at))


def _name(key: Key) -> str:
    return f"{key[0]}.v{key[1]}"
