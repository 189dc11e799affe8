"""Checksum lists of hour folders, on which `sha256sum -c` works; written behind the commits, never in their way."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from schemas.attributes import Attributes
from schemas.errors import Busy, InsufficientStorage, SealBroken
from storage_agent.entries import Listed, Unlisted
from storage_agent.files import Disk, replace
from storage_agent.gate import EXHAUSTED
from storage_agent.hours import Hours
from storage_agent.layout import ATTR, SUMS, attr_name, is_attr_name
from storage_agent.parts import Parts

QUIET = timedelta(minutes=1)
BUSY = timedelta(minutes=10)
PAUSE_SECONDS = 10.0
STOP_SECONDS = 4.0
FILES_AT_ONCE = 128

Sums = dict[str, str]


class Manifests:
    """Keeps the lists. Which folders are owed one stands in the journal's memory, so that a crash forgets none.

    A list says what the sealed attributes say: bodies are not read for it. What is damaged keeps the sums that it had.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def write_due(self) -> None:
        """Write the lists of folders that have become quiet, or were busy for long. DiskFailed."""
        parts = self._parts
        await self._write(due(parts.memory.unlisted.values(), parts.clock.now()), None)

    async def write_owed(self, seconds: float | None = None) -> None:
        """Write all that are owed, for about `seconds` at most: what is left is owed at the next start. DiskFailed."""
        until = None if seconds is None else self._parts.clock.monotonic() + seconds
        await self._write(list(self._parts.memory.unlisted), until)

    async def write_missing(self) -> int:
        """Write a list into each folder of documents that has none; return how many got one. DiskFailed."""
        disk, gate, root = self._parts.disk, self._parts.gate, self._parts.folders.root
        before = await gate.call(hours_without_list, disk, root)
        await self._write(before, None)
        return len(before) - len(await gate.call(hours_without_list, disk, root))

    async def _write(self, hours: Sequence[str], until: float | None) -> None:
        for hour in hours:
            through = self._parts.memory.in_place_through(hour)
            try:
                if not await self._rewritten(hour, until):
                    return
            except (InsufficientStorage, Busy) as error:
                structlog.get_logger("artstore.agent").warning("list_put_off", folder=hour, reason=error.detail)
                return
            if through is not None:
                self._parts.journal.append_lazily(Listed(directory=hour, through=through))

    async def _rewritten(self, hour: str, until: float | None) -> bool:
        """Write one list unless it is right already; False when time is up."""
        disk, gate, folder = self._parts.disk, self._parts.gate, self._parts.folders.root / hour
        path, before = folder / SUMS, await gate.call(_read, self._parts.disk, folder / SUMS)
        known, found = parsed(before), Sums()
        names = [name for name in await gate.call(disk.names, folder) if is_attr_name(name)]
        # Piece by piece: a folder of many thousands would hold a thread, and outlast the disk's deadline.
        for begin in range(0, len(names), FILES_AT_ONCE):
            if until is not None and self._parts.clock.monotonic() > until:
                return False
            found |= await gate.call(_sums, disk, folder, names[begin : begin + FILES_AT_ONCE], known)
        data = rendered(found)
        if data != before and (data or before):
            await gate.call(replace, disk, path, data, self._parts.folders.staging / SUMS)
        return True


def due(unlisted: Iterable[Unlisted], now: datetime) -> list[str]:
    """Return the folders whose list is to be written now."""
    # A clock that was set back must not put a list off for ever: time counts in either direction.
    return [hour.directory for hour in unlisted if abs(now - hour.newest_at) >= QUIET or abs(now - hour.since) >= BUSY]


def rendered(sums: Mapping[str, str]) -> bytes:
    """Return the file in the form of `sha256sum`, sorted by name. No name needs escaping: see `is_listable`."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()


def parsed(data: bytes) -> Sums:
    """Return the sums in such a file, by name; lines that are none are passed over."""
    lines = (line.partition("  ") for line in data.decode("utf-8", "replace").split("\n"))
    return {name: digest for digest, gap, name in lines if gap and len(digest) == hashlib.sha256().digest_size * 2}


def is_listable(name: str) -> bool:
    """Tell whether `name` is one path component that a line can hold as it stands; every name that we give is."""
    return Path(name).name == name and name != ".." and not {"\\", "\n", "\r"} & set(name)


def hours_without_list(disk: Disk, root: Path) -> list[str]:
    """Return the folders of documents that have no list, relative to the root."""
    hours = Hours(disk, root)
    found = [hour for day in hours.days() for hour in hours.of_day(day)]
    return [hour for hour in found if disk.size(root / hour / SUMS) is None]


def listed(disk: Disk, folder: Path) -> Sums:
    """Return the sums in a folder's list, by name; none where it has no list that can be read."""
    return parsed(_read(disk, folder / SUMS))


def _read(disk: Disk, path: Path) -> bytes:
    try:
        return disk.read(path) or b""
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        return b""


def _sums(disk: Disk, folder: Path, names: Sequence[str], before: Mapping[str, str]) -> Sums:
    found = Sums()
    for name in names:
        found |= _pair(disk, folder, name) or _as_before(name, before)
    return found


def _pair(disk: Disk, folder: Path, name: str) -> Sums | None:
    """Return the sums of an attribute file and its body; None when it is not what was sealed."""
    try:
        attr = disk.read(folder / name)
        if attr is None:
            return {}
        attributes = Attributes.from_sealed(attr)
    except SealBroken:
        return None
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        return None
    body = attributes.content.stored_name
    if name != attr_name(attributes.document_id, attributes.version) or not is_listable(body):
        return None
    return {name: hashlib.sha256(attr).hexdigest(), body: attributes.content.sha256}


def _as_before(name: str, before: Mapping[str, str]) -> Sums:
    prefix = name.removesuffix(ATTR)
    return {known: digest for known, digest in before.items() if known.startswith(prefix)}
