"""The disk as a seam: the few calls that make bytes durable, and the recipes made of them."""

import ctypes
import errno
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Protocol

from schemas.errors import DiskFailed, ElementBusy

FILE_MODE = 0o600
FOLDER_MODE = 0o700
CHUNK_BYTES = 1024 * 1024
# SYNC_FILE_RANGE_WRITE of linux/fs.h: begin with what is dirty, wait for nothing.
_BEGIN_WRITING = 2
_sync_file_range = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
# Kernels and file systems without the call: there the sync does all of it.
_WITHOUT = frozenset({errno.ENOSYS, errno.EINVAL, errno.ESPIPE})


class Disk(Protocol):
    """Everything that an agent does to a disk. All calls block, and raise OSError; symbolic links are not followed.

    Nothing is durable before it is synced: a file by `sync` (content) and `sync_directory` (its name). A handle is
    an integer that belongs to the disk that gave it.
    """

    def lock(self, path: Path) -> AbstractContextManager[None]:
        """Hold `path` exclusively for a block; ElementBusy when another process holds it."""
        ...

    def make_directory(self, path: Path) -> None:
        """Make one directory whose parent exists; fine when it is there."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Make names made, moved and removed inside `path` durable."""
        ...

    def is_directory(self, path: Path) -> bool:
        """Tell whether a directory is there."""
        ...

    def is_file(self, path: Path) -> bool:
        """Tell whether a regular file is there: no directory, symbolic link, pipe or device."""
        ...

    def names(self, path: Path) -> list[str]:
        """Return the names inside a directory, sorted; none when it does not exist."""
        ...

    def read(self, path: Path) -> bytes | None:
        """Return a file's bytes; None when there is no such file."""
        ...

    def forget_cached(self, path: Path) -> None:
        """Let the next read of a file come from the drive, not from memory; fine when it is not there."""
        ...

    def size(self, path: Path) -> int | None:
        """Return a file's size in bytes; None when there is no such file."""
        ...

    def modified(self, path: Path) -> datetime:
        """Return when a file was last written, aware, UTC."""
        ...

    def sha256(self, path: Path) -> str | None:
        """Return the hex SHA-256 of a file's bytes; None when there is no such file."""
        ...

    def free_bytes(self, path: Path) -> int:
        """Return the room that the file system still gives to this user."""
        ...

    def create(self, path: Path) -> int:
        """Open a new file for writing and return its handle; FileExistsError when the name is taken."""
        ...

    def open(self, path: Path) -> int:
        """Open an existing file for writing and return its handle."""
        ...

    def open_to_read(self, path: Path) -> int:
        """Open an existing file for reading and return its handle."""
        ...

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        """Return up to `size` bytes from `offset` on; none behind the end."""
        ...

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        """Write all of `data` at `offset`."""
        ...

    def write_back(self, handle: int, offset: int, size: int) -> None:
        """Let the drive begin with what was written there, so that a later sync is short. Promises nothing.

        After an error nobody knows what a sync would still tell: bytes may be lost and no longer count as unwritten.
        """
        ...

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file down to `size` bytes."""
        ...

    def sync(self, handle: int) -> None:
        """Make the file's content durable; DiskFailed when it refuses: the bytes' fate is unknown from then on."""
        ...

    def close(self, handle: int) -> None:
        """Give the handle back; says nothing about durability."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Move a file within the file system, in one step, replacing `target`."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a file; fine when it is not there."""
        ...

    def allocate(self, handle: int, size: int) -> None:
        """Take `size` bytes of room for the file for real."""
        ...


class LocalDisk:
    """The disk of this machine."""

    @contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        """Hold `path` by flock(2), which ends with the process however it ends."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise ElementBusy from error
        finally:
            os.close(handle)

    def make_directory(self, path: Path) -> None:
        """Make one directory with mode 0700; fine when it is there."""
        try:
            path.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            # Only this: `exist_ok` would forgive every error, also that of a failing drive, where a directory is.
            if not path.is_dir():
                raise

    def sync_directory(self, path: Path) -> None:
        """Make names inside `path` durable."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(handle)
        finally:
            os.close(handle)

    def is_directory(self, path: Path) -> bool:
        """Tell whether a directory is there."""
        return path.is_dir()

    def is_file(self, path: Path) -> bool:
        """Tell whether a regular file is there."""
        try:
            return stat.S_ISREG(os.lstat(path).st_mode)
        except FileNotFoundError:
            return False

    def names(self, path: Path) -> list[str]:
        """Return the names inside a directory, sorted."""
        try:
            return sorted(entry.name for entry in path.iterdir())
        except FileNotFoundError:
            return []

    def read(self, path: Path) -> bytes | None:
        """Return a file's bytes, or None."""
        try:
            handle = self.open_to_read(path)
        except FileNotFoundError:
            return None
        try:
            return _whole(handle)
        finally:
            os.close(handle)

    def forget_cached(self, path: Path) -> None:
        """Drop a file's clean pages: after a failed sync the kernel calls pages clean that never reached the drive."""
        if sys.platform == "darwin" or not self.is_file(path):
            return
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)

    def size(self, path: Path) -> int | None:
        """Return a file's size, or None."""
        try:
            return os.lstat(path).st_size
        except FileNotFoundError:
            return None

    def modified(self, path: Path) -> datetime:
        """Return the time of the last write."""
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)

    def sha256(self, path: Path) -> str | None:
        """Return the digest of a file's bytes, or None."""
        try:
            file = open_file(path)
        except FileNotFoundError:
            return None
        with file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def free_bytes(self, path: Path) -> int:
        """Return the room for unprivileged users, which is what an agent should count on."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize

    def create(self, path: Path) -> int:
        """Open a new file with mode 0600."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)

    def open(self, path: Path) -> int:
        """Open an existing file for writing."""
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def open_to_read(self, path: Path) -> int:
        """Open an existing file for reading; a pipe in its place keeps nobody waiting."""
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        """Return bytes of the file."""
        return os.pread(handle, size, offset)

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        """Write all of `data` at `offset`; the kernel may take it in pieces."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(handle, rest, offset)
            rest, offset = rest[written:], offset + written

    def write_back(self, handle: int, offset: int, size: int) -> None:
        """Ask the kernel to begin."""
        if _sync_file_range is not None and _sync_file_range(handle, offset, size, _BEGIN_WRITING) != 0:
            refusal = ctypes.get_errno()
            if refusal not in _WITHOUT:
                raise OSError(refusal, os.strerror(refusal))

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file down."""
        os.ftruncate(handle, size)

    def sync(self, handle: int) -> None:
        """Make content durable, and the size that is needed to read it, through the drive's own cache too."""
        try:
            if sys.platform == "darwin":
                fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            else:
                os.fdatasync(handle)
        except OSError as error:
            msg = f"A sync failed: {error.strerror}."
            raise DiskFailed(msg) from error

    def close(self, handle: int) -> None:
        """Give the handle back."""
        os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file in one step."""
        source.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink(missing_ok=True)

    def allocate(self, handle: int, size: int) -> None:
        """Take room for real; where the system has no call for it, by writing zeros."""
        if sys.platform == "darwin":
            for offset in range(0, size, CHUNK_BYTES):
                self.write(handle, bytes(min(CHUNK_BYTES, size - offset)), offset)
        elif size:
            os.posix_fallocate(handle, 0, size)


def _whole(handle: int) -> bytes:
    """Read to the end; that as many bytes have come as the system promised shows it without another call."""
    size = os.fstat(handle).st_size
    read = [os.read(handle, size + 1)]
    while read[-1] and sum(map(len, read)) != size:
        read.append(os.read(handle, CHUNK_BYTES))
    return read[0] if len(read) == 1 else b"".join(read)


def open_file(path: Path) -> FileIO:
    """Open a file for reading: no link is followed, a pipe keeps nobody waiting, and a folder leaves no handle open."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.fdopen(handle, "rb", buffering=0)
    except OSError:
        os.close(handle)
        raise


def write_synced(disk: Disk, path: Path, data: bytes) -> None:
    """Write a new file and make its content (not yet its name) durable."""
    write_all_synced(disk, {path: data})


def write_all_synced(disk: Disk, files: Mapping[Path, bytes]) -> None:
    """Write new files and make their contents (not yet their names) durable.

    The drive begins with all of them before the first is synced: the file system's own journal then takes many at once.
    """
    with ExitStack() as opened:
        handles = []
        for path, data in files.items():
            handles.append(handle := disk.create(path))
            opened.callback(disk.close, handle)
            disk.write(handle, data, 0)
            disk.write_back(handle, 0, len(data))
        for handle in handles:
            disk.sync(handle)


def replace(disk: Disk, path: Path, data: bytes, scratch: Path) -> None:
    """Replace `path` by `data`, all or nothing, durably; `scratch` is a free name on the same file system.

    What the disk has no room for leaves nothing behind.
    """
    disk.unlink(scratch)
    try:
        write_synced(disk, scratch, data)
    except OSError:
        disk.unlink(scratch)
        raise
    disk.rename(scratch, path)
    disk.sync_directory(path.parent)


def make_directories(disk: Disk, root: Path, relative: str) -> None:
    """Make `relative` below `root`, every level durable.

    Each parent is synced even when the directory is there already: another commit may have made it a moment ago and
    not have synced it yet.
    """
    here = root
    for part in Path(relative).parts:
        disk.make_directory(here / part)
        disk.sync_directory(here)
        here /= part
