"""Room kept back for the journal, attribute files and recovery, so that a full disk never stops what was begun."""

from pathlib import Path

from storage_agent.files import Disk
from storage_agent.gate import FULL

NAME = "reserve"


class Reserve:
    """A file of real blocks in `journal/`; removing it gives the room to those that may not fail."""

    def __init__(self, disk: Disk, folder: Path, size: int) -> None:
        self._disk = disk
        self._path = folder / NAME
        self._bytes = size

    @property
    def held(self) -> bool:
        """Tell whether the room is taken (always, when none is asked for)."""
        return not self._bytes or self._disk.size(self._path) == self._bytes

    def owed(self) -> int:
        """Return how many bytes must stay free because the file is not there."""
        return 0 if self.held else self._bytes

    def take(self) -> None:
        """Take the room again when there is plenty; otherwise leave it owed."""
        if self.held or self._disk.free_bytes(self._path.parent) < 2 * self._bytes:
            return
        self._disk.unlink(self._path)
        try:
            self._allocate()
        except OSError as error:
            # A quota does not show in what the file system has free; the element opens all the same, and can be read.
            if error.errno not in FULL:
                raise
            self._disk.unlink(self._path)

    def _allocate(self) -> None:
        handle = self._disk.create(self._path)
        try:
            self._disk.allocate(handle, self._bytes)
        finally:
            self._disk.close(handle)

    def drop(self) -> None:
        """Give the room away."""
        self._disk.unlink(self._path)
