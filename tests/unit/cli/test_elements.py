"""`artstore verify`: sentences for people, JSON for programs, and an exit code for scripts; nothing else is needed."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli.app import build_app
from tests.elements import a_ticket_for, an_element, put
from tests.taking import DAMAGED, take

DATA = b"the bytes of a document"


async def _stored(root: Path) -> str:
    async with an_element(None, root) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
    return str(ticket.document_id)


def verified(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(build_app(), ["verify", str(folder), *options])


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings and no home: neither may be asked for."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("ARTSTORE_HOME", "/proc/nowhere")


@pytest.mark.usefixtures("nothing_set")
def test_a_whole_element_is_said_to_be_so_and_ends_with_0(tmp_path: Path) -> None:
    asyncio.run(_stored(tmp_path / "hot"))
    result = verified(tmp_path / "hot")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    assert result.stdout.startswith("element hot (")
    assert result.stdout.endswith(f": 2 documents whole, {2 * len(DATA)} bytes; faults: none\n")


@pytest.mark.usefixtures("nothing_set")
def test_each_fault_is_a_line_and_the_command_ends_with_1(tmp_path: Path) -> None:
    hurt = asyncio.run(_stored(tmp_path / "hot"))
    body, _ = take(tmp_path / "hot", hurt, DAMAGED)
    (tmp_path / "hot" / "quarantine" / "x").write_bytes(b"?")
    result = verified(tmp_path / "hot")
    assert result.exit_code == 1
    fault, summary, aside = result.stdout.splitlines()
    assert fault.startswith(f"{body.relative_to(tmp_path / 'hot').as_posix()}: The body of document {hurt} has the SHA")
    assert "1 documents whole" in summary
    assert "faults: 1" in summary
    assert aside.startswith("quarantine/ keeps 1 files")
    told = json.loads(verified(tmp_path / "hot", "--json").stdout)
    assert (told["documents"], told["quarantine"], told["identity"]["name"]) == (1, ["x"], "hot")
    assert told["faults"] == [{"path": fault.split(": ", 1)[0], "detail": fault.split(": ", 1)[1]}]


def test_a_folder_that_is_no_element_is_named_and_the_command_ends_with_1(tmp_path: Path) -> None:
    result = verified(tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not the root of a storage element" in result.stderr
