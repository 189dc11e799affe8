"""When the interface is built anew: for any change of what it is built from, and for nothing else; and with what."""

from pathlib import Path

import pytest

from ui.build import FOLDERS, SOURCES, environment, fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*SOURCES, *(f"{folder}/file" for folder in FOLDERS)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return tmp_path


def test_every_source_counts(folder: Path) -> None:
    seen = {fingerprint(folder)}
    for name in (*SOURCES, *(f"{folder}/file" for folder in FOLDERS)):
        (folder / name).write_text("changed", encoding="utf-8")
        seen.add(fingerprint(folder))
    (folder / "src" / "file").rename(folder / "src" / "other")
    seen.add(fingerprint(folder))
    assert len(seen) == len(SOURCES) + len(FOLDERS) + 2


def test_what_is_built_does_not_count(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "dist").mkdir()
    (folder / "dist" / "main.js").write_text("", encoding="utf-8")
    assert fingerprint(folder) == before


def test_node_trusts_whom_the_machine_trusts_unless_told_otherwise(tmp_path: Path) -> None:
    bare = environment(tmp_path / "node", {})
    assert (bare["NODE_USE_SYSTEM_CA"], bare["PATH"].split(":")[0]) == ("1", str(tmp_path))
    assert environment(tmp_path / "node", {"NODE_USE_SYSTEM_CA": "0"})["NODE_USE_SYSTEM_CA"] == "0"
