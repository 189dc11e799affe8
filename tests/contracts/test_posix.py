"""The model of a forgetful disk: what a power cut may leave, and what it may not."""

import random
from pathlib import Path

from storage_agent.files import write_synced
from tests.disks import MemoryDisk

TOP = Path("/")


def trees(disk: MemoryDisk) -> list[dict[str, bytes]]:
    """Return the files of every legal state, each once."""
    found = {state.files: dict(state.files) for state in disk.states()}
    return list(found.values())


def a_synced_file(disk: MemoryDisk, path: str, data: bytes) -> None:
    write_synced(disk, Path(path), data)
    disk.sync_directory(Path(path).parent)


def test_what_is_synced_with_its_name_is_there_and_nothing_else_is_possible() -> None:
    disk = MemoryDisk()
    a_synced_file(disk, "/a", b"bytes")
    assert trees(disk) == [{"/a": b"bytes"}]


def test_content_and_name_are_forgotten_independently() -> None:
    disk = MemoryDisk()
    write_synced(disk, TOP / "a", b"bytes")
    assert trees(disk) == [{}, {"/a": b"bytes"}]
    disk = MemoryDisk()
    disk.write(disk.create(TOP / "a"), b"xy", 0)
    disk.sync_directory(TOP)
    assert {tree["/a"] for tree in trees(disk)} == {b"", b"x", b"xy", b"\0\0", b"x\0"}


def test_of_unsynced_writes_a_prefix_is_left_or_one_is_missing_below_the_next() -> None:
    disk = MemoryDisk()
    a_synced_file(disk, "/a", b"1")
    handle = disk.open(TOP / "a")
    for place in (1, 2, 3):
        disk.write(handle, b"x", place)
    assert {tree["/a"] for tree in trees(disk)} == {
        *(b"1", b"1\0", b"1x", b"1x\0", b"1xx", b"1xx\0", b"1xxx"),
        *(b"1\0xx", b"1x\0x"),
    }


def test_a_cut_of_a_file_is_left_out_or_not_and_what_is_written_behind_it_needs_it() -> None:
    disk = MemoryDisk()
    a_synced_file(disk, "/a", b"12345678")
    handle = disk.open(TOP / "a")
    disk.truncate(handle, 4)
    disk.write(handle, b"x", 4)
    assert {tree["/a"] for tree in trees(disk)} == {b"12345678", b"1234", b"1234\0", b"1234x"}


def test_a_rename_shows_one_of_its_names() -> None:
    disk = MemoryDisk()
    disk.make_directory(TOP / "from")
    disk.make_directory(TOP / "to")
    disk.sync_directory(TOP)
    a_synced_file(disk, "/from/a", b"new")
    a_synced_file(disk, "/to/b", b"old")
    disk.rename(TOP / "from/a", TOP / "to/b")
    assert trees(disk) == [{"/from/a": b"new", "/to/b": b"old"}, {"/to/b": b"new"}]
    disk.sync_directory(TOP / "to")
    assert trees(disk) == [{"/to/b": b"new"}]


def test_changes_of_different_names_are_forgotten_independently_those_of_one_name_from_the_end() -> None:
    disk = MemoryDisk()
    a_synced_file(disk, "/a", b"1")
    a_synced_file(disk, "/b", b"2")
    disk.unlink(TOP / "a")
    disk.unlink(TOP / "b")
    assert sorted(map(sorted, trees(disk))) == [[], ["/a"], ["/a", "/b"], ["/b"]]
    disk = MemoryDisk()
    write_synced(disk, TOP / "a", b"1")
    disk.rename(TOP / "a", TOP / "b")
    assert trees(disk) == [{}, {"/a": b"1"}, {"/b": b"1"}]


def test_what_a_sync_of_a_directory_keeps_brings_nothing_back_later() -> None:
    disk = MemoryDisk()
    disk.make_directory(TOP / "staging")
    disk.make_directory(TOP / "hour")
    disk.sync_directory(TOP)
    write_synced(disk, TOP / "staging/a", b"1")
    disk.rename(TOP / "staging/a", TOP / "hour/a")
    disk.sync_directory(TOP / "hour")
    assert trees(disk) == [{"/hour/a": b"1"}]


def test_a_directory_without_a_name_takes_everything_in_it_along() -> None:
    disk = MemoryDisk()
    disk.make_directory(TOP / "hour")
    a_synced_file(disk, "/hour/a", b"1")
    assert [(state.directories, state.files) for state in disk.states()] == [
        ((), ()),
        (("/hour",), (("/hour/a", b"1"),)),
    ]


def test_what_is_drawn_is_legal_and_all_that_is_legal_is_drawn() -> None:
    drawn, legal = set(), set()
    for seed in range(400):
        disk = MemoryDisk()
        a_synced_file(disk, "/a", b"1")
        disk.unlink(TOP / "a")
        disk.write(disk.create(TOP / "b"), b"xy", 0)
        legal = {state.files for state in disk.states()}
        disk.cut_power(random.Random(seed), 0.5)  # noqa: S311 - a seed, not a secret
        drawn.add(disk.state().files)
    assert drawn == legal
