"""What an integrator imports: a publisher on the log's address, who acts, and the verbs."""

import contextlib
from collections.abc import AsyncIterator

from infra.runtime.settings_sections import KafkaSettings
from producers.accounts import request_account
from producers.keys import request_key
from producers.publisher import KafkaPublisher, MemoryPublisher, Publisher, open_publisher
from producers.uploads import request_upload, upload_request
from schemas.envelope import Actor, Position
from schemas.identifiers import AccountId, derive
from schemas.requests import Description

__all__ = [
    "Actor",
    "Description",
    "MemoryPublisher",
    "Position",
    "Publisher",
    "open_log",
    "program",
    "request_account",
    "request_key",
    "request_upload",
    "upload_request",
]


@contextlib.asynccontextmanager
async def open_log(bootstrap_servers: str, client_id: str) -> AsyncIterator[KafkaPublisher]:
    """Open the log at `host:port[,host:port]` for writing, in the house's profile: all acks, idempotent, murmur2."""
    async with open_publisher(KafkaSettings(bootstrap_servers=bootstrap_servers), client_id) as publisher:
        yield publisher


def program(name: str, *, on_behalf_of: str | None = None) -> Actor:
    """Return the actor of an integrating program; `on_behalf_of`: subject of the account that it acts for."""
    subject = AccountId(derive(name, "program"))
    person = None if on_behalf_of is None else AccountId(on_behalf_of)
    return Actor(subject=subject, login=name, full_name=name, client=name, on_behalf_of=person)
