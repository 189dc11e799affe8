"""The element itself: `element.json`, one owner at a time, and an epoch that rises with every opening."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from infra.runtime.settings_sections import AgentSettings
from schemas.elements import ElementIdentity, Mode
from schemas.errors import ConfigurationInvalid
from schemas.identifiers import ElementId, new_id
from storage_agent.files import Disk, LocalDisk, make_directories, replace
from storage_agent.gate import disk_errors_told
from storage_agent.layout import Folders

IDENTITY = "element.json"
LOCK = "element.lock"


@contextmanager
def hold_element(disk: Disk, root: Path) -> Iterator[None]:
    """Hold the element in `root` for a block, its folder made when needed.

    ElementBusy when another agent holds it, ConfigurationInvalid when the folder is not ours, DiskFailed,
    InsufficientStorage. What the block itself raises passes: a port that is taken is no failure of the disk.
    """
    held = ExitStack()
    with disk_errors_told():
        try:
            held.enter_context(_held(disk, root))
        except PermissionError as error:
            msg = f"The element's folder {root} cannot be used: {error.strerror}. Set another one, or its owner."
            raise ConfigurationInvalid(msg) from error
    try:
        yield
    finally:
        with disk_errors_told():
            held.close()


@contextmanager
def _held(disk: Disk, root: Path) -> Iterator[None]:
    missing = [folder for folder in (root, *root.parents) if not disk.is_directory(folder)]
    for folder in reversed(missing):
        disk.make_directory(folder)
        disk.sync_directory(folder.parent)
    with disk.lock(root / LOCK):
        yield


def open_element(disk: Disk, root: Path, settings: AgentSettings, now: datetime) -> ElementIdentity:
    """Return the identity of the element that is held, its `open_epoch` raised; made at its first opening.

    Name and mode come from `settings` only the first time; afterwards the file says them. SealBroken when the file
    is damaged.
    """
    for folder in Folders(root).every():
        make_directories(disk, root, folder.name)
    before = read_identity(disk, root)
    identity = _first(settings, now) if before is None else _reopened(before)
    _write(disk, root, identity)
    return identity


def set_mode(root: Path, mode: Mode, now: datetime, disk: Disk | None = None) -> ElementIdentity:
    """Change the mode of an element that no agent holds: epoch + 1, durable. ElementBusy when an agent runs.

    DiskFailed, InsufficientStorage: it may have changed or not, and may be asked again. The mode that it has already is
    no change, but is written again: who asked before may never have heard whether it is durable. The next opening
    announces the new mode.
    """
    disk = disk or LocalDisk()
    with hold_element(disk, root), disk_errors_told():
        identity = read_identity(disk, root)
        if identity is None:
            msg = f"There is no element in {root}: it has no {IDENTITY}."
            raise ConfigurationInvalid(msg)
        if identity.mode != mode:
            epoch = identity.mode_epoch + 1
            identity = identity.model_copy(update={"mode": mode, "mode_epoch": epoch, "changed_at": now})
        _write(disk, root, identity)
        return identity


def read_identity(disk: Disk, root: Path) -> ElementIdentity | None:
    """Return what `element.json` says; None when there is none, SealBroken when it is damaged."""
    data = disk.read(root / IDENTITY)
    return None if data is None else ElementIdentity.from_sealed(data)


def _first(settings: AgentSettings, now: datetime) -> ElementIdentity:
    return ElementIdentity(
        element_id=ElementId(new_id(now)),
        name=settings.name,
        mode=Mode(settings.mode),
        mode_epoch=1,
        open_epoch=1,
        created_at=now,
        changed_at=now,
    )


def _reopened(before: ElementIdentity) -> ElementIdentity:
    return before.model_copy(update={"open_epoch": before.open_epoch + 1})


def _write(disk: Disk, root: Path, identity: ElementIdentity) -> None:
    replace(disk, root / IDENTITY, identity.sealed(), Folders(root).staging / IDENTITY)
