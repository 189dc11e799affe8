"""Bringing a committed version's two files into place, durably; the same steps live and when redone at a start."""

from dataclasses import dataclass, field
from pathlib import Path

from schemas.attributes import Attributes
from schemas.errors import BodyDamaged, SealBroken
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

    def place(self, committed: Committed) -> None:
        """Move the body, write the attributes, sync the directory; nothing is durable in its place before the end."""
        self._make_directory(committed.directory)
        staged, body = self._staged(committed), self._body(committed)
        if self.disk.size(staged) is not None:
            self.disk.rename(staged, body)
        self._finish(committed)

    def redo(self, committed: Committed) -> None:
        """Finish what a crash interrupted; BodyDamaged when the body is neither staged nor in place, whole."""
        self._make_directory(committed.directory)
        staged, body = self._staged(committed), self._body(committed)
        if self._digest_on_drive(body) != committed.sha256:
            if self._digest_on_drive(staged) != committed.sha256:
                msg = (
                    f"Version {committed.version} of document {committed.document_id} is committed, but its body is "
                    "neither in place nor staged. The agent does not start; restore the element."
                )
                raise BodyDamaged(msg)
            self.disk.rename(staged, body)
        self._finish(committed)

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

    def _digest_on_drive(self, path: Path) -> str | None:
        self.disk.forget_cached(path)
        return self.disk.sha256(path)

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


def _is_newer(data: bytes | None, attr_seq: int) -> bool:
    if data is None:
        return False
    try:
        return Attributes.from_sealed(data).attr_seq > attr_seq
    except SealBroken:
        return False
