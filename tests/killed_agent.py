"""A program to be killed: forks at every line it reads; the child opens an element and commits until it dies."""

import asyncio
import hashlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

from infra.runtime.clock import SystemClock
from infra.runtime.settings_sections import AgentSettings
from schemas.errors import ArtStoreError
from storage_agent.documents import Documents
from storage_agent.opening import open_documents
from tests.elements import a_ticket_for, put

CLIENTS = 4


def body_of(document_id: str) -> bytes:
    """Return the bytes of a document, small or large: anybody who knows its id can say what they must be."""
    digest = hashlib.sha256(document_id.encode()).digest()
    return digest * (5000 if digest[0] % 4 == 0 else 300)


async def client(documents: Documents) -> None:
    """Commit one document after another, and tell each receipt in one write."""
    while True:
        ticket = a_ticket_for(documents.identity, b"")
        body, until = body_of(ticket.document_id), SystemClock().now() + timedelta(hours=1)
        promised = ticket.model_copy(update={"size": len(body), "deadline_at_max": until})
        receipt = await put(documents, promised, body)
        line = json.dumps({"document_id": receipt.document_id, "sha256": receipt.sha256})
        os.write(1, line.encode() + b"\n")


async def live(root: Path) -> None:
    """Run until killed."""
    async with open_documents(root, AgentSettings(reserve_bytes=4096), SystemClock()) as documents:
        os.write(1, b"ready\n")
        await asyncio.gather(*(client(documents) for _ in range(CLIENTS)))


def main() -> None:
    """Fork for each line on standard input; tell the child's pid, and its end when it is dead."""
    root = Path(sys.argv[1])
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(live(root))
            except ArtStoreError as error:
                os.write(1, f"failed {error.detail}\n".encode())
            os._exit(1)
        os.write(1, f"pid {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main()
