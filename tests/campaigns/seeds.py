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
from storage_agent.resumable import whole_id
from tests.agents import a_key, sha256
from tests.campaigns.rests import Rests
from tests.integration.agent_program import Agent

CORPUS = Path(__file__).with_name("corpus")
DOWNLOAD_LIFE = timedelta(minutes=4)
SIZES = {"": 4096, "empty ": 0, "large ": 1_100_000}
UPLOADS = {"": 12, "empty ": 0, "large ": 200_000}
# Documents that come by tus; those that are begun have their first bytes, `joined` is there as two parts.
RESUMED = {
    **dict.fromkeys(("made ", "brought ", "begun ", "checked ", "ended ", "piped ", "part ", "joined "), 12),
    **dict.fromkeys(("large made ", "large begun "), 200_000),
}
BEGUN = {"begun ": 5, "checked ": 5, "ended ": 5, "large begun ": 0}
PART = 5
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

    def uploads(self) -> dict[str, UploadTicket]:
        """Return new tickets for all that is uploaded."""
        return {name: self.upload(size) for name, size in (UPLOADS | RESUMED).items()}

    def words(self, uploads: Mapping[str, UploadTicket]) -> dict[str, str]:
        """Return words for the places: tickets of downloads that live for some minutes, and these of uploads."""
        found = {"program": self.agent.secret, "sha256": sha256(body_of(SIZES[""]))}
        for name, ticket in self.stored.items():
            found |= {f"{name}document": ticket.document_id, f"{name}download": downloading(ticket)}
        found |= {"spent ticket": self._bearer(self.stored[""]), "spent upload id": whole_id(self.stored[""])}
        for name, ticket in uploads.items():
            found |= {f"{name}upload": ticket.document_id, f"{name}upload ticket": self._bearer(ticket)}
            digest = base64.b64encode(bytes.fromhex(str(ticket.sha256))).decode()
            found |= {f"{name}upload digest": digest, f"{name}upload id": whole_id(ticket)}
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


async def begin(rests: Rests, uploads: Mapping[str, UploadTicket]) -> dict[str, str]:
    """Begin what requests go on with; return the words for the parts."""
    for name, size in BEGUN.items():
        await rests.begun(uploads[name], body_of(size))
    joined, whole = uploads["joined "], body_of(RESUMED["joined "])
    return {
        "first part": await rests.part(joined, whole[:PART], PART),
        "second part": await rests.part(joined, whole[PART:], len(whole) - PART),
        "open part": await rests.part(uploads["part "], b"", PART),
    }
