"""A small file is replaced whole, and nobody else can read it."""

import stat
from pathlib import Path

import pytest

from infra.runtime.files import read_json, write_json_atomic, write_private


def test_a_private_file_is_readable_by_its_owner_only_and_so_is_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "installation.key"
    write_private(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_replaced_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    write_json_atomic(path, {"kafka": 1})
    write_json_atomic(path, {"kafka": 2, "имя": "ё"})
    assert read_json(path) == {"kafka": 2, "имя": "ё"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["ports.json"]


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    write_json_atomic(path, {"kafka": 1})
    with pytest.raises(TypeError):
        write_json_atomic(path, {"kafka": object()})
    assert read_json(path) == {"kafka": 1}


def test_a_missing_file_reads_as_none_and_another_shape_is_refused(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="JSON object"):
        read_json(tmp_path / "list.json")
