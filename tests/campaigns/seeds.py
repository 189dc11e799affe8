"""Valid requests to an agent, as files of bytes with places for what only a running agent can say: ids and tickets.

A place is `<<name>>`; `<<12 bytes>>` stands for so many bytes of a body. What was found by a campaign lies among the
files as well, so that it is asked again.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from infra.runtime.security import sign_ticket
from schemas.identifiers import TicketId, new_id
from schemas.ticket import DownloadTicket, UploadTicket
from storage_agent.derived import text_path
from tests.agents import a_key, sha256
from tests.integration.agent_program import Agent

CORPUS = Path(__file__).with_name("corpus")
DOWNLOAD_LIFE = timedelta(minutes=4)
SIZES = {"": 4096, "empty ": 0, "large ": 1_100_000}
UPLOADS = {"": 12, "empty ": 0, "large ": 200_000}
_PLACE = re.compile(rb"<<(?:(\d+) bytes|([a-z0-9 ]+))>>")


def seeds(folder: Path = CORPUS) -> dict[str, bytes]:
    """Return the files of the corpus by name, in the order of their names."""
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.http"))}


def body_of(size: int) -> bytes:
    """Return the only body of this size that any request of a campaign announces."""
    return bytes(islice(cycle(b"0123456789abcdefghijklmnopqrstuvwxyz\n"), size))


def filled(seed: bytes, words: Mapping[str, str]) -> bytes:
    """Return a request with its places filled; KeyError for a place that nobody knows."""

    def said(found: re.Match[bytes]) -> bytes:
        return body_of(int(found[1])) if found[1] else words[found[2].decode()].encode("latin-1")

    return _PLACE.sub(said, seed)


@dataclass
class World:
    """What one agent holds for a campaign, and every upload ticket that was ever given out for it, by document."""

    agent: Agent
    stored: dict[str, UploadTicket]
    issued: dict[str, UploadTicket]

    @classmethod
    async def of(cls, agent: Agent) -> "World":
        """Store the documents that requests ask for; an AssertionError when the agent does not take them."""
        world = cls(agent, {}, {})
        for name, size in SIZES.items():
            ticket = world.stored[name] = world.upload(size)
            answer = await agent.put(ticket, body_of(size))
            assert answer.status_code == 200, answer.text
        text = text_path(agent.root, world.stored[""].document_id, 1)
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("текст", encoding="utf-8")
        return world

    def upload(self, size: int) -> UploadTicket:
        """Return a new ticket for the body of this size: no other bytes may ever be committed with it."""
        body = body_of(size)
        ticket = self.agent.ticket(body, "тело.bin").model_copy(update={"sha256": sha256(body)})
        self.issued[ticket.document_id] = ticket
        return ticket

    def words(self) -> dict[str, str]:
        """Return fresh words for the places: tickets that live for some minutes, uploads that nobody has used."""
        found = {"program": self.agent.secret, "sha256": sha256(body_of(SIZES[""]))}
        for name, ticket in self.stored.items():
            found |= {f"{name}document": ticket.document_id, f"{name}download": downloading(ticket)}
        found["spent ticket"] = self._bearer(self.stored[""])
        for name, size in UPLOADS.items():
            ticket = self.upload(size)
            found |= {f"{name}upload": ticket.document_id, f"{name}upload ticket": self._bearer(ticket)}
            digest = base64.b64encode(bytes.fromhex(str(ticket.sha256))).decode()
            found[f"{name}upload digest"] = digest
        return found

    def _bearer(self, ticket: UploadTicket) -> str:
        return self.agent.bearer(ticket)["Authorization"].removeprefix("Bearer ")


def downloading(ticket: UploadTicket) -> str:
    """Return a signed download ticket for a stored version."""
    now = datetime.now(UTC)
    download = DownloadTicket(
        ticket_id=TicketId(new_id(now)),
        document_id=ticket.document_id,
        document_version=1,
        element_id=ticket.element_id,
        subject="reader",
    )
    return sign_ticket(a_key(), download, now, now + DOWNLOAD_LIFE)
