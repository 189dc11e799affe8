"""Putting damaged files aside: moved durably into `quarantine/`, none overwritten, found again by their version."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from storage_agent.checking import Key, key_of
from storage_agent.files import Disk
from storage_agent.layout import Folders


def put_aside(disk: Disk, folders: Folders, path: Path) -> str | None:
    """Move what lies at `path` into the quarantine, durably; return its name there, None when it cannot be moved.

    It may have gone, or not be this user's to move. The name is kept, so that it tells document and version; a number
    is added when it is taken.
    """
    taken = frozenset(disk.names(folders.quarantine))
    name = next(name for name in _names(path.name) if name not in taken)
    try:
        disk.rename(path, folders.quarantine / name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    # First where it is now: lost to both folders it would be gone.
    disk.sync_directory(folders.quarantine)
    disk.sync_directory(path.parent)
    return name


def set_aside(disk: Disk, folders: Folders, key: Key) -> tuple[str, ...]:
    """Return the names in the quarantine that belong to a version."""
    return tuple(name for name in disk.names(folders.quarantine) if key_of(name) == key)


def _names(name: str) -> Iterator[str]:
    yield name
    for number in itertools.count(2):
        yield f"{name}.{number}"
