"""The file `NAME.part` in which a download waits for its end, and beside it the tag of the content that it began."""

import errno
import fcntl
import os
import re
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from schemas.errors import BodyDamaged

NAME_BYTES = 240
TAG_BYTES = 200
TAG = re.compile(r'"[\x21\x23-\x7e]*"')


class PartFile:
    """What has come of `target` so far, by this run or an earlier one; locked while it is open.

    What an error interrupts stays for a later run, unless the bytes are wrong or there are none.
    OSError when another program has it open, and, unless `force`, when the file was not begun by a download.
    """

    def __init__(self, target: Path, *, force: bool) -> None:
        self._target = target
        name = os.fsencode(target.name)[:NAME_BYTES].decode(errors="ignore")
        self.path = target.with_name(f"{name}.part")
        self._tag_path = target.with_name(f"{name}.part.etag")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.file = cast("BinaryIO", os.fdopen(os.open(self.path, flags, 0o666), "r+b"))
        with ExitStack() as undo:
            undo.callback(self.file.close)
            self._lock()
            self.etag = self._begun(force=force)
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, BodyDamaged) or (error is not None and not self.size()):
            self._discard()
        self.file.close()

    def size(self) -> int:
        """Return how many bytes are on the disk; some may be on their way there."""
        return os.fstat(self.file.fileno()).st_size

    def note(self, etag: str) -> None:
        """Keep the tag of the content that is written from now on."""
        self._tag_path.write_text(etag, encoding="ascii", errors="replace")

    def complete(self) -> None:
        """Give the file its name: its bytes are on the disk before."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.path.replace(self._target)
        self._tag_path.unlink(missing_ok=True)

    def _lock(self) -> None:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had the lock before may have given the file its name in the meantime.
            is_ours = os.path.samestat(self.path.lstat(), os.fstat(self.file.fileno()))
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        if not is_ours:
            raise OSError(errno.EBUSY, "is being written by another download", str(self.path))

    def _begun(self, *, force: bool) -> str | None:
        """Return the tag of what the file holds the beginning of; None when it is to be begun anew."""
        if not self.size():
            return None
        try:
            with self._tag_path.open(encoding="ascii", errors="replace") as file:
                text = file.read(TAG_BYTES)
        except FileNotFoundError:
            if force:
                return None
            raise FileExistsError(
                errno.EEXIST, "is there already and is no download; move it away or use --force", str(self.path)
            ) from None
        return text if TAG.fullmatch(text) else None

    def _discard(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        self._tag_path.unlink(missing_ok=True)
