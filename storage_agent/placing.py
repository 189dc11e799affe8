"""Bringing a committed version's two files into place, durably; the same steps live and when redone at a start."""

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from schemas.attributes import Attributes
from schemas.errors import SealBroken
from storage_agent.entries import Committed
from storage_agent.files import Disk, make_directories, write_synced
from storage_agent.layout import Folders

DIRECTORIES_KNOWN_MAX = 10_000


@dataclass
class Placer:
    """Puts files into place. Directories that this process has made durable are not synced again."""

    disk: Disk
    folders: Folders
    _durable: set[str] = field(default_factory=set)

    def place(self, committed: Committed) -> bool:
        """Move the body, write the attributes, sync the directory; nothing is durable in its place before the end.

        False when the body is neither staged nor in place: somebody has taken it away since the commit point.
        """
        self._make_directory(committed.directory)
        staged, body = self._staged(committed), self._body(committed)
        if there := self.disk.size(staged) is not None:
            self.disk.rename(staged, body)
        self._finish(committed)
        return there or self.disk.size(body) is not None

    def redo(self, committed: Committed) -> bool:
        """Finish what a crash interrupted; False when the body is neither in place nor staged, whole.

        Its attributes are put in place all the same: they say what is missing. What is damaged goes to the quarantine,
        for nobody may be served it.
        """
        self._make_directory(committed.directory)
        staged, body = self._staged(committed), self._body(committed)
        is_whole = self._is_whole(body, committed)
        if not is_whole:
            is_whole = self._is_whole(staged, committed)
            if is_whole:
                self.disk.rename(staged, body)
        self._finish(committed)
        return is_whole

    def body_path(self, committed: Committed) -> Path:
        """Return where the body lies at this moment."""
        staged = self._staged(committed)
        return staged if self.disk.size(staged) is not None else self._body(committed)

    def _finish(self, committed: Committed) -> None:
        directory = self.folders.root / committed.directory
        path, attr = directory / committed.attr_name, committed.attr.encode()
        before = self.disk.read(path)
        if before != attr and not _is_newer(before, committed.attr_seq):
            # The scratch lies in staging: beside the documents every name may be a document's.
            scratch = self.folders.staging / committed.attr_name
            self.disk.unlink(scratch)
            write_synced(self.disk, scratch, attr)
            self.disk.rename(scratch, path)
        self.disk.sync_directory(directory)

    def _is_whole(self, path: Path, committed: Committed) -> bool:
        """Tell whether the drive has the body there; any other bytes are moved out of the way."""
        self.disk.forget_cached(path)
        digest = self.disk.sha256(path)
        if digest not in {None, committed.sha256}:
            self.disk.rename(path, self.folders.quarantine / path.name)
            self.disk.sync_directory(self.folders.quarantine)
        return digest == committed.sha256

    def _make_directory(self, relative: str) -> None:
        if relative in self._durable:
            return
        make_directories(self.disk, self.folders.root, relative)
        if len(self._durable) >= DIRECTORIES_KNOWN_MAX:
            self._durable.clear()
        self._durable.add(relative)

    def _staged(self, committed: Committed) -> Path:
        return self.folders.staging / committed.staged

    def _body(self, committed: Committed) -> Path:
        return self.folders.root / committed.directory / committed.body_name


def tell_missing(committed: Committed) -> str:
    """Tell the operator, whoever else hears of it, that a committed body is gone; return the sentence."""
    detail = (
        f"The body of document {committed.document_id}, version {committed.version}, is committed and gone: it is "
        f"neither in its place nor staged. Put it back as {committed.directory}/{committed.body_name}."
    )
    log = structlog.get_logger("artstore.agent")
    log.critical("document_damaged", document_id=committed.document_id, reason=detail)
    return detail


def _is_newer(data: bytes | None, attr_seq: int) -> bool:
    if data is None:
        return False
    try:
        return Attributes.from_sealed(data).attr_seq > attr_seq
    except SealBroken:
        return False
