"""`element.json`: made once, sealed, held by one agent, an epoch with every opening and every change of mode."""

import errno
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from schemas.elements import ElementIdentity, Mode
from schemas.errors import (
    ArtStoreError,
    ConfigurationInvalid,
    DiskFailed,
    ElementBusy,
    InsufficientStorage,
    ModeForbids,
    SealBroken,
    StaleEpoch,
)
from schemas.events import ElementModeChanged, ElementRegistered
from schemas.registry import decode
from storage_agent.documents import Documents
from storage_agent.element import IDENTITY, hold_element, read_identity, set_mode
from storage_agent.files import LocalDisk
from tests.builders import NOW
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ROOT, a_ticket_for, an_element


def announced(documents: Documents) -> list[ElementRegistered]:
    waiting = documents._parts.memory.waiting.values()
    messages = [decode(record.value) for entry in waiting for record in entry.records]
    return [message for message in messages if isinstance(message, ElementRegistered)]


async def test_an_element_is_made_at_its_first_opening_and_announced(tmp_path: Path) -> None:
    async with an_element(None, tmp_path / "new" / "hot") as documents:
        identity = documents.identity
        fact = announced(documents)[0]

    assert (identity.name, identity.mode, identity.mode_epoch, identity.open_epoch) == ("hot", Mode.EDIT, 1, 1)
    assert type(fact) is ElementRegistered
    assert ElementIdentity.from_sealed(fact.identity) == identity
    assert (fact.meta.aggregate_version, fact.meta.aggregate_id) == (1, identity.element_id)
    assert read_identity(LocalDisk(), tmp_path / "new" / "hot") == identity


async def test_later_openings_take_name_and_mode_from_the_file_and_announce_nothing_new(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        first = documents.identity
    settings = AgentSettings(name="other", mode="ro", reserve_bytes=0)
    async with an_element(None, tmp_path, settings=settings) as documents:
        assert documents.identity == first.model_copy(update={"open_epoch": 2})
        assert len(announced(documents)) == 1


async def test_a_second_agent_on_the_same_root_is_refused(tmp_path: Path) -> None:
    async with an_element(None, tmp_path):
        with pytest.raises(ElementBusy):
            async with an_element(None, tmp_path):
                pass
        with pytest.raises(ElementBusy):
            set_mode(tmp_path, Mode.READ_ONLY, NOW)


async def test_a_changed_mode_raises_the_epoch_fences_old_tickets_and_is_announced(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        old_ticket = a_ticket_for(documents.identity, b"abc")
    changed = set_mode(tmp_path, Mode.READ_WRITE, NOW)
    async with an_element(None, tmp_path) as documents:
        fact = announced(documents)[-1]
        with pytest.raises(StaleEpoch):
            documents.admit(old_ticket)

    assert (changed.mode, changed.mode_epoch) == (Mode.READ_WRITE, 2)
    assert type(fact) is ElementModeChanged
    assert (fact.mode, fact.mode_epoch, fact.meta.aggregate_version) == (Mode.READ_WRITE, 2, 2)


@pytest.mark.parametrize("mode", [Mode.READ_ONLY, Mode.ARCHIVE])
async def test_an_element_that_only_gives_refuses_uploads_with_the_mode_as_reason(tmp_path: Path, mode: Mode) -> None:
    async with an_element(None, tmp_path):
        pass
    set_mode(tmp_path, mode, NOW)
    async with an_element(None, tmp_path) as documents:
        with pytest.raises(ModeForbids, match=mode):
            documents.admit(a_ticket_for(documents.identity, b"abc"))


async def test_the_mode_that_an_element_has_is_no_change(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        identity = documents.identity
    assert set_mode(tmp_path, Mode.EDIT, NOW) == identity


class RefusingDisk(LocalDisk):
    """A disk that refuses one kind of call with an error."""

    def __init__(self, call: str, error: int) -> None:
        def refuse(*_: object) -> None:
            raise OSError(error, os.strerror(error))

        setattr(self, call, refuse)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(errno.EIO, DiskFailed), (errno.ENOSPC, InsufficientStorage), (errno.EACCES, ConfigurationInvalid)],
)
@pytest.mark.parametrize("call", ["is_directory", "make_directory", "lock"])
async def test_a_disk_that_refuses_to_be_held_is_told_in_words(
    tmp_path: Path, call: str, error: int, kind: type[ArtStoreError]
) -> None:
    with pytest.raises(kind):
        async with an_element(RefusingDisk(call, error), tmp_path / "new"):
            pass


@pytest.mark.parametrize(("error", "kind"), [(errno.EIO, DiskFailed), (errno.ENOSPC, InsufficientStorage)])
@pytest.mark.parametrize("call", ["read", "write", "rename", "sync_directory", "close"])
async def test_a_mode_that_cannot_be_changed_is_told_in_words_and_asking_again_is_safe(
    tmp_path: Path, call: str, error: int, kind: type[ArtStoreError]
) -> None:
    async with an_element(None, tmp_path):
        pass
    with pytest.raises(kind):
        set_mode(tmp_path, Mode.READ_WRITE, NOW, RefusingDisk(call, error))
    assert set_mode(tmp_path, Mode.READ_WRITE, NOW).mode_epoch == 2


def test_what_fails_beside_the_disk_is_not_blamed_on_the_folder(tmp_path: Path) -> None:
    for error in (PermissionError(errno.EACCES, "this port is not ours"), OSError(errno.EADDRINUSE, "taken")):
        with pytest.raises(OSError, match=str(error.strerror)), hold_element(LocalDisk(), tmp_path):
            raise error


def test_a_failing_drive_is_not_forgiven_where_the_directory_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalDisk().make_directory(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        LocalDisk().make_directory(tmp_path)


async def test_a_mode_that_was_asked_for_again_after_a_crash_is_durable() -> None:
    for at in range(20):
        disk = MemoryDisk()
        async with an_element(disk):
            pass
        with suppress(Crash):
            set_mode(ROOT, Mode.READ_ONLY, NOW, CrashingDisk(disk, at))
        changed = set_mode(ROOT, Mode.READ_ONLY, NOW, disk)
        disk.cut_power(random.Random(at), 0.0)  # noqa: S311 - a seed, not a secret
        assert read_identity(disk, ROOT) == changed


def test_a_folder_without_an_element_has_no_mode(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="no element"):
        set_mode(tmp_path, Mode.READ_ONLY, NOW)


async def test_a_damaged_identity_keeps_the_agent_from_starting(tmp_path: Path) -> None:
    async with an_element(None, tmp_path):
        pass
    path = tmp_path / IDENTITY
    path.write_bytes(path.read_bytes().replace(b"edit", b"exit"))

    with pytest.raises(SealBroken):
        async with an_element(None, tmp_path, ManualClock(NOW)):
            pass
