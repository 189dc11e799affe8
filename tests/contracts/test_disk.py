"""What every disk does, the one of this machine and the forgetful one of the tests alike."""

import ctypes
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import ElementBusy
from storage_agent import files
from storage_agent.derived import open_to_read
from storage_agent.files import Disk, LocalDisk, make_directories, replace, write_synced
from tests.disks import CrashingDisk, MemoryDisk


@pytest.fixture(params=["local", "memory", "crashing"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, Path]:
    root, memory = Path("/root-of-the-element"), MemoryDisk()
    memory.make_directory(root)
    places: dict[str, tuple[Disk, Path]] = {
        "local": (LocalDisk(), tmp_path),
        "memory": (memory, root),
        "crashing": (CrashingDisk(memory), root),
    }
    return places[request.param]


def test_a_written_file_is_read_back_and_described(place: tuple[Disk, Path]) -> None:
    disk, root = place
    write_synced(disk, root / "a", b"bytes")
    disk.forget_cached(root / "a")
    disk.forget_cached(root / "not there")

    assert disk.read(root / "a") == b"bytes"
    assert disk.size(root / "a") == 5
    assert disk.sha256(root / "a") == hashlib.sha256(b"bytes").hexdigest()
    assert disk.names(root) == ["a"]
    assert disk.modified(root / "a").tzinfo is not None
    assert disk.free_bytes(root) > 0


def test_a_file_is_read_in_pieces_and_nothing_stands_behind_its_end(place: tuple[Disk, Path]) -> None:
    disk, root = place
    write_synced(disk, root / "a", b"0123456789")
    handle = disk.open_to_read(root / "a")

    assert [disk.read_at(handle, 4, offset) for offset in (0, 4, 8, 12)] == [b"0123", b"4567", b"89", b""]
    disk.close(handle)
    with pytest.raises(FileNotFoundError):
        disk.open_to_read(root / "no")


def test_only_a_file_is_a_file(place: tuple[Disk, Path]) -> None:
    disk, root = place
    write_synced(disk, root / "a", b"1")
    disk.make_directory(root / "folder")

    assert [disk.is_file(root / name) for name in ("a", "folder", "no")] == [True, False, False]
    disk.rename(root / "folder", root / "moved")
    assert (disk.is_directory(root / "moved"), disk.names(root)) == (True, ["a", "moved"])
    with pytest.raises(IsADirectoryError):
        disk.read(root / "moved")


def test_a_name_is_given_once(place: tuple[Disk, Path]) -> None:
    disk, root = place
    write_synced(disk, root / "a", b"1")

    with pytest.raises(FileExistsError):
        disk.create(root / "a")


def test_what_is_not_there_is_none_and_may_be_removed(place: tuple[Disk, Path]) -> None:
    disk, root = place
    disk.unlink(root / "no")

    assert (disk.read(root / "no"), disk.size(root / "no"), disk.sha256(root / "no")) == (None, None, None)
    assert disk.names(root / "no") == []
    assert not disk.is_directory(root / "no")
    with pytest.raises(FileNotFoundError):
        disk.open(root / "no")


def test_a_rename_replaces_its_target(place: tuple[Disk, Path]) -> None:
    disk, root = place
    write_synced(disk, root / "a", b"old")
    replace(disk, root / "a", b"new", root / "scratch")

    assert disk.read(root / "a") == b"new"
    assert disk.names(root) == ["a"]


def test_writing_at_an_offset_and_truncating_work_on_an_open_file(place: tuple[Disk, Path]) -> None:
    disk, root = place
    write_synced(disk, root / "a", b"12345678")
    handle = disk.open(root / "a")
    disk.write(handle, b"xy", 8)
    disk.truncate(handle, 9)
    disk.sync(handle)
    disk.close(handle)

    assert disk.read(root / "a") == b"12345678x"


def test_allocated_room_has_its_size(place: tuple[Disk, Path]) -> None:
    disk, root = place
    handle = disk.create(root / "a")
    disk.allocate(handle, 4096)
    disk.close(handle)

    assert disk.size(root / "a") == 4096


def test_directories_are_made_once_at_every_level(place: tuple[Disk, Path]) -> None:
    disk, root = place
    for _ in range(2):
        make_directories(disk, root, "2026/11/24/10")

    assert disk.is_directory(root / "2026/11/24/10")
    assert disk.names(root / "2026/11/24") == ["10"]


def test_a_lock_is_held_by_one(place: tuple[Disk, Path]) -> None:
    disk, root = place
    with disk.lock(root / "lock"), pytest.raises(ElementBusy), disk.lock(root / "lock"):
        pass
    with disk.lock(root / "lock"):
        pass


def test_this_machines_disk_follows_no_symbolic_link(tmp_path: Path) -> None:
    disk = LocalDisk()
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")

    assert not disk.is_file(tmp_path / "link")
    disk.forget_cached(tmp_path / "link")
    for call in (disk.read, disk.sha256, disk.open, disk.open_to_read):
        with pytest.raises(OSError, match="symbolic"):
            call(tmp_path / "link")
    with pytest.raises(FileExistsError):
        disk.create(tmp_path / "link")


@pytest.mark.parametrize("refusal", [errno.EIO, errno.EROFS, errno.ENOSPC])
def test_what_the_drive_says_when_it_begins_to_write_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    monkeypatch.setattr(files, "_sync_file_range", _refusing(refusal))
    with pytest.raises(OSError, match=os.strerror(refusal)):
        write_synced(LocalDisk(), tmp_path / "a", b"bytes")


@pytest.mark.parametrize("missing", [errno.ENOSYS, errno.EINVAL, errno.ESPIPE])
def test_where_the_drive_cannot_be_told_to_begin_the_sync_does_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    monkeypatch.setattr(files, "_sync_file_range", _refusing(missing))
    write_synced(LocalDisk(), tmp_path / "a", b"bytes")
    assert (tmp_path / "a").read_bytes() == b"bytes"


def _refusing(number: int) -> Callable[..., int]:
    def refuse(*_: int) -> int:
        ctypes.set_errno(number)
        return -1

    return refuse


def test_what_is_no_file_is_refused_at_once_and_leaves_no_handle_open(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(__file__)
    disk, reads = LocalDisk(), (LocalDisk().read, LocalDisk().sha256, open_to_read)
    before = sorted(Path("/dev/fd").iterdir())
    for name, error in (("folder", errno.EISDIR), ("link", errno.ELOOP)):
        for read in reads:
            with pytest.raises(OSError, match=rf"\[Errno {error}\]"):
                read(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    assert disk.read(tmp_path / "pipe") == b""
    assert disk.sha256(tmp_path / "pipe") == hashlib.sha256(b"").hexdigest()
    assert sorted(Path("/dev/fd").iterdir()) == before
