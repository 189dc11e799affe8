"""After a checkpoint the plain files alone are a complete backup; nobody else's element is touched."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.app import build_app
from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from schemas.errors import ConfigurationInvalid, DiskFailed, ElementBusy, JournalDamaged
from storage_agent.checkpoint import checkpoint
from storage_agent.files import Disk, LocalDisk
from storage_agent.layout import SUMS
from tests.builders import NOW
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import RESERVE_BYTES, ROOT, a_ticket_for, an_element, faults, hours, list_faults, put

SETTINGS = AgentSettings(reserve_bytes=RESERVE_BYTES)
DATA = "Рукописи не горят.\n".encode()


async def complete(disk: Disk, root: Path = ROOT) -> int:
    return (await checkpoint(root, SETTINGS, ManualClock(NOW), disk))[1]


async def killed_at(at: int) -> tuple[MemoryDisk, list[str]]:
    """Return a disk whose agent was killed before its step number `at`, and the documents that it acknowledged."""
    disk, stored = MemoryDisk(), list[str]()
    with suppress(Crash, DiskFailed):
        async with an_element(CrashingDisk(disk, at)) as documents:
            for _ in range(2):
                stored.append((await put(documents, a_ticket_for(documents.identity, DATA), DATA)).document_id)
    disk.cut_power(random.Random(at), 1.0)  # noqa: S311 - a seed, not a secret
    return disk, stored


async def test_whenever_an_agent_was_killed_a_checkpoint_makes_the_plain_files_complete() -> None:
    told = 0
    for at in range(60, 160, 7):
        disk, stored = await killed_at(at)
        await complete(disk)
        assert [*faults(disk), *list_faults(disk)] == []
        for folder in ("journal", "staging", "derived"):
            for name in disk.names(ROOT / folder):
                disk.unlink(ROOT / folder / name)
        async with an_element(disk) as documents:
            for document_id in stored:
                found = documents.find(document_id, 1)
                assert found is not None
                assert disk.read(found.body) == DATA
        told += len(stored)
    assert told


async def test_folders_that_never_had_a_list_get_one() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
    [hour] = hours(disk)
    disk.unlink(hour / SUMS)
    assert await complete(disk) == 1
    assert list_faults(disk) == []
    assert await complete(disk) == 0


async def test_an_element_whose_agent_runs_is_left_alone() -> None:
    disk = MemoryDisk()
    async with an_element(disk):
        before = disk.tree()
        with pytest.raises(ElementBusy):
            await complete(disk)
        assert disk.tree() == before


async def test_a_folder_that_is_no_element_is_refused_and_nothing_is_made_of_it(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigurationInvalid, match="no element"):
            await complete(LocalDisk(), folder)
    assert LocalDisk().names(tmp_path) == []


async def test_a_damaged_journal_is_told_and_nothing_is_claimed(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
    segment = max((tmp_path / "journal").glob("*.wal"))
    segment.write_bytes(segment.read_bytes().replace(b'"carried"', b'"Carried"'))
    with pytest.raises(JournalDamaged):
        await complete(LocalDisk(), tmp_path)


def test_the_command_completes_an_element_and_says_whose(tmp_path: Path) -> None:
    async def stored() -> str:
        async with an_element(None, tmp_path / "hot") as documents:
            return documents.identity.element_id

    element_id = asyncio.run(stored())
    runner = CliRunner()
    done = runner.invoke(build_app(), ["checkpoint", str(tmp_path / "hot")])
    assert (done.exit_code, done.output.strip()) == (
        0,
        f"element hot ({element_id}) is complete without its journal",
    )
    refused = runner.invoke(build_app(), ["checkpoint", str(tmp_path)])
    assert refused.exit_code == 1
    assert "There is no element in" in refused.output
