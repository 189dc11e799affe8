"""A disk that leaves one durability step out: with it a campaign must find losses, or it finds nothing at all."""

from pathlib import Path

from storage_agent.element import IDENTITY
from storage_agent.files import LocalDisk
from storage_agent.layout import ATTR

STEPS = ("body", "attributes", "journal", "directory")


class NegligentDisk(LocalDisk):
    """The disk of this machine, without the syncs of one kind of file, or without those of directories."""

    def __init__(self, neglected: str) -> None:
        assert neglected in STEPS, neglected
        self._neglected = neglected
        self._kinds: dict[int, str] = {}

    def create(self, path: Path) -> int:
        return self._known(super().create(path), path)

    def open(self, path: Path) -> int:
        return self._known(super().open(path), path)

    def write_back(self, handle: int, offset: int, size: int) -> None:
        # What the drive has begun with outlives most cuts.
        if self._kinds.get(handle) != self._neglected:
            super().write_back(handle, offset, size)

    def sync(self, handle: int) -> None:
        if self._kinds.get(handle) != self._neglected:
            super().sync(handle)

    def sync_directory(self, path: Path) -> None:
        if self._neglected != "directory":
            super().sync_directory(path)

    def close(self, handle: int) -> None:
        self._kinds.pop(handle, None)
        super().close(handle)

    def _known(self, handle: int, path: Path) -> int:
        if path.parent.name == "journal":
            self._kinds[handle] = "journal"
        elif path.name.endswith(ATTR):
            self._kinds[handle] = "attributes"
        elif path.name != IDENTITY:
            self._kinds[handle] = "body"
        return handle
