"""Files that can be made again: where the text of a version lies, and how such files are read and replaced."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from schemas.errors import Busy, DiskFailed
from storage_agent.files import FILE_MODE, FOLDER_MODE, Disk, LocalDisk, open_file
from storage_agent.gate import BROKEN, EXHAUSTED, Looks
from storage_agent.layout import Folders, directory_of

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

DISK_SECONDS = 30.0
# A drive with a head seeks for ten milliseconds: so many questions wait for one another, so many are asked at once.
LOOKS_TOGETHER = 8
LOOKING_AT_ONCE = 4
# Hour, day, month, year, and `derived/` itself.
FOLDERS_DEEP = 5


@dataclass(frozen=True)
class DerivedText:
    """A text that is in place: hex SHA-256 of its UTF-8 bytes, length in characters."""

    sha256: str
    characters: int


async def on_disk(work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Run a blocking call in a thread, at most 30 seconds.

    DiskFailed when it takes longer or the disk is broken, Busy without free handles; any other OSError as it is.
    """
    with _in_the_tree():
        async with asyncio.timeout(DISK_SECONDS):
            return await asyncio.to_thread(work, *args, **kwargs)


class DiskLooks:
    """`on_disk` for short questions: those of many callers share few changes of threads."""

    def __init__(self) -> None:
        self._looks = Looks(on_disk, at_once=LOOKING_AT_ONCE, together=LOOKS_TOGETHER)

    async def ask(
        self, question: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Return the answer to a question that blocks; errors as in `on_disk`."""
        with _in_the_tree():
            return await self._looks.ask(partial(question, *args, **kwargs))


@contextmanager
def _in_the_tree() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        msg = f"The disk did not answer for {DISK_SECONDS:g} seconds."
        raise DiskFailed(msg) from error
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise Busy("The agent has too many files open. Repeat the request.") from error
        if error.errno in BROKEN:
            msg = f"The disk refused a call: {error.strerror}."
            raise DiskFailed(msg) from error
        raise


def text_path(root: Path, document_id: str, version: int) -> Path:
    """Return where the text of a version lies; Malformed when the id is not a UUIDv7."""
    return Folders(root).derived / directory_of(document_id) / f"{document_id}.v{version}.txt"


def open_to_read(path: Path) -> BinaryIO:
    """Open a file for reading; FileNotFoundError, or another OSError where something else lies in its place."""
    return open_file(path)


def open_scratch(path: Path) -> BinaryIO:
    """Open an empty file for writing, with its folders; what an interrupted run left there is gone."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, FILE_MODE), "wb", buffering=0)


def put_in_place(scratch: Path, path: Path, disk: Disk | None = None) -> DerivedText:
    """Move a finished text to its name, durably: a fact that names its digest follows. Returns digest and length."""
    with open_to_read(scratch) as file:
        data = file.read()
        os.fsync(file.fileno())
    scratch.replace(path)
    # The folders may have been made a moment ago, by this text or by one that is worked on beside it.
    for folder in tuple(path.parents)[:FOLDERS_DEEP]:
        (disk or LocalDisk()).sync_directory(folder)
    return DerivedText(hashlib.sha256(data).hexdigest(), len(data.decode()))
