"""File systems that lose power: an image on a loop device, mounted, cut off by ioctl, and mounted again."""

import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

MEBIBYTE = 1024 * 1024
# _IOR('X', 125, __u32): the same number for ext4 (EXT4_IOC_SHUTDOWN) and XFS (XFS_IOC_GOINGDOWN).
SHUTDOWN = 0x8004587D
BUSY_SECONDS = 10.0
COMMAND_SECONDS = 60
# An image in memory is as good a drive as one on a disk: what the file system has not sent to it is lost all the same.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own inside
MAKE: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "ext4": (256 * MEBIBYTE, ("mkfs.ext4", "-q", "-F", "-b", "4096")),
    # It makes none that is smaller than 300 MiB.
    "xfs": (320 * MEBIBYTE, ("mkfs.xfs", "-q", "-f")),
}


class Flush(IntEnum):
    """What the file system still sends to the drive when it is cut off."""

    EVERYTHING = 0
    LOG = 1
    NOTHING = 2


@dataclass(frozen=True)
class Drive:
    """A file system of its own. `place` is where it is mounted."""

    kind: str
    device: str
    place: Path

    def mount(self) -> None:
        """Mount it; after a cut this replays its journal."""
        _run("mount", "-t", self.kind, self.device, str(self.place))

    def cut(self, flush: Flush) -> None:
        """Cut it off: from now on every call fails with EIO, and what was not sent to the drive is lost."""
        handle = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", flush))
        finally:
            os.close(handle)

    def unmount(self) -> None:
        """Unmount it; a process that has just died may hold it for a moment more."""
        deadline = time.monotonic() + BUSY_SECONDS
        while self._is_mounted():
            try:
                _run("umount", str(self.place))
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    _run("umount", "--lazy", str(self.place))
                time.sleep(0.02)

    def _is_mounted(self) -> bool:
        # To ask the place itself is no use: once cut off it answers everything with EIO.
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        return any(line.startswith(f"{self.device} ") for line in mounts)

    @property
    def room(self) -> float:
        """Return the free part of it, from 0 to 1."""
        found = os.statvfs(self.place)
        return found.f_bavail / found.f_blocks


@contextmanager
def a_drive(kind: str, folder: Path) -> Iterator[Drive]:
    """Make a file system of this kind on an image in `folder` and mount it; whatever happens, nothing of it stays."""
    size, make = MAKE[kind]
    image, place = folder / f"{kind}.image", folder / kind
    with image.open("wb") as file:
        file.truncate(size)
    place.mkdir()
    drive = Drive(kind, _run("losetup", "--find", "--show", str(image)), place)
    try:
        _run(*make, drive.device)
        drive.mount()
        yield drive
    finally:
        try:
            drive.unmount()
        finally:
            _run("losetup", "--detach", drive.device)
            place.rmdir()
            image.unlink()


def lacking(kind: str) -> str | None:
    """Return what is missing for such a drive, as a sentence; None when there can be one."""
    wanted = [program for program in (MAKE[kind][1][0], "losetup", "mount", "umount") if shutil.which(program) is None]
    if wanted:
        return f"needs {', '.join(wanted)} (packages e2fsprogs, xfsprogs, mount)"
    if os.geteuid() != 0:
        return "needs root, to mount"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices (/dev/loop-control)"
    known = Path("/proc/filesystems").read_text(encoding="utf-8").split()
    return None if kind in known else f"needs a kernel with {kind}"


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    return done.stdout.strip()
