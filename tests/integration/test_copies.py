"""A copy made by the guide's own commands while an agent commits as fast as it can: nothing acknowledged is missing."""

import asyncio
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from infra.runtime.clock import SystemClock
from infra.runtime.settings_sections import AgentSettings
from storage_agent.checkpoint import checkpoint
from storage_agent.documents import Documents
from storage_agent.files import LocalDisk
from tests.elements import a_ticket_for, an_element, faults, list_faults, put

GUIDE = Path(__file__).parent.parent.parent / "infra" / "RESTORE.md"
CLIENTS = 8
COPIES = 4
# Sizes on both sides of what an agent may treat as small.
SIZES = (0, 100, 5_000, 200_000)


def commands() -> str:
    """Return the guide's first step, for the one element that is here."""
    step = re.findall(r"^```bash\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[0]
    assert "for element in hot vault" in step
    return str(step).replace("for element in hot vault", "for element in hot").replace(".artstore/", "home/")


def copy(folder: Path, number: int) -> Path:
    """Make one copy, and return it; all that may go wrong meanwhile is that a file got its place."""
    done = subprocess.run(
        ["bash", "-c", commands().replace("backup", f"backup-{number}")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    strange = [line for line in done.stderr.splitlines() if not re.search(r"\b(staging|derived|journal)/", line)]
    assert strange == []
    return folder / f"backup-{number}" / "hot"


class Client:
    """Stores one document after another, and remembers what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, str] = {}

    async def run(self, documents: Documents, seed: int) -> None:
        number = seed
        while True:
            data = bytes([number % 256]) * SIZES[number % len(SIZES)] + b"%d" % number
            receipt = await put(documents, a_ticket_for(documents.identity, data), data)
            self.acknowledged[receipt.document_id] = receipt.sha256
            number += CLIENTS


@pytest.mark.timeout(300)
async def test_every_copy_of_a_busy_element_has_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    clients, copies = [Client() for _ in range(CLIENTS)], list[tuple[Path, dict[str, str]]]()
    async with an_element(None, tmp_path / "home" / "elements" / "hot") as documents:
        tasks = [asyncio.create_task(client.run(documents, seed)) for seed, client in enumerate(clients)]
        for number in range(COPIES):
            await asyncio.sleep(0.4)
            before = {key: digest for client in clients for key, digest in client.acknowledged.items()}
            copies.append((await asyncio.to_thread(copy, tmp_path, number), before))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(copies[-1][1]) > CLIENTS
    for root, acknowledged in copies:
        await whole(root, acknowledged)


async def whole(root: Path, acknowledged: dict[str, str]) -> None:
    disk = LocalDisk()
    await checkpoint(root, AgentSettings(reserve_bytes=0), SystemClock())
    # What came after the copying had begun may have left its bytes, never attributes that promise what is not there.
    assert [fault for fault in faults(disk, root) if not fault.endswith("no attributes")] == []
    assert [fault for fault in list_faults(disk, root) if "listed as None" not in fault] == []
    async with an_element(disk, root) as documents:
        for document_id, sha256 in acknowledged.items():
            found = documents.find(document_id, 1)
            assert found is not None, f"{document_id} is missing from {root}"
            assert hashlib.sha256(found.body.read_bytes()).hexdigest() == sha256
