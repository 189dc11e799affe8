"""`element.json`: made once, sealed, held by one agent, an epoch with every opening and every change of mode."""

from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from schemas.elements import ElementIdentity, Mode
from schemas.errors import ConfigurationInvalid, ElementBusy, ModeForbids, SealBroken, StaleEpoch
from schemas.events import ElementModeChanged, ElementRegistered
from schemas.registry import decode
from storage_agent.documents import Documents
from storage_agent.element import IDENTITY, read_identity, set_mode
from storage_agent.files import LocalDisk
from tests.builders import NOW
from tests.elements import a_ticket_for, an_element


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
