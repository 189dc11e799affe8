"""Files of this machine's disk are read to their end, however the system hands them out."""

import os
from pathlib import Path

import pytest

from storage_agent.files import LocalDisk


@pytest.mark.parametrize("size", [0, 1, 4096])
@pytest.mark.parametrize("at_once", [1, 100, 10_000])
def test_a_file_is_read_whole_in_as_many_pieces_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, at_once: int
) -> None:
    data, read = os.urandom(size), os.read
    (tmp_path / "file").write_bytes(data)
    monkeypatch.setattr(os, "read", lambda handle, wanted: read(handle, min(wanted, at_once)))
    assert LocalDisk().read(tmp_path / "file") == data
    assert LocalDisk().read(tmp_path / "absent") is None


def test_a_file_that_grows_while_it_is_read_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat, grown = os.fstat, tmp_path / "file"
    grown.write_bytes(b"a" * 10)

    def grow(handle: int) -> os.stat_result:
        found = stat(handle)
        grown.write_bytes(b"a" * 5000)
        return found

    monkeypatch.setattr(os, "fstat", grow)
    assert LocalDisk().read(grown) == b"a" * 5000
