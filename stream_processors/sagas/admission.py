"""Which inbox messages are fit for a saga at all: what is not would fail again and again, and is a dead letter."""

from datetime import UTC, datetime

from schemas.envelope import Message
from schemas.errors import UndecodableRecord
from schemas.identifiers import is_uuid
from schemas.requests import InboxMessage, UploadRequested

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
IDENTIFIERS = ("document_id", "element_id", "ticket_id", "account_id")
SECONDS_MAX = 10 * 366 * 86_400
# A saga's event tells what its cause says up to three times, once in JSON that writes some bytes as six, and all of it
# has to fit into one record of at most 1 MiB: a saga that could not be told would stand in the way of its partition.
VALUE_BYTES_MAX = 64 * 1024


def require_size(value: bytes | None) -> None:
    """Raise UndecodableRecord for a value beyond `VALUE_BYTES_MAX`."""
    if value is not None and len(value) > VALUE_BYTES_MAX:
        raise UndecodableRecord(f"The message has {len(value)} bytes; a saga takes {VALUE_BYTES_MAX} at most.")


def admit(message: Message) -> None:
    """Raise UndecodableRecord unless ids are uuids, and times and spans are such that sums of them are times."""
    if not isinstance(message, InboxMessage):
        raise UndecodableRecord(f"A {message.meta.type} is not for a saga.")
    meta = message.meta
    own = [str(value) for name, value in message if name in IDENTIFIERS]
    if not all(map(is_uuid, (meta.event_id, meta.aggregate_id, meta.correlation_id, *own))):
        raise UndecodableRecord("An identifier in the message is not a lowercase uuid.")
    times = [meta.occurred_at]
    if isinstance(message, UploadRequested):
        times += [message.deadline_at, message.deadline_at_max]
        if not 0 < message.deadline_seconds <= SECONDS_MAX:
            raise UndecodableRecord("The upload's deadline is not a span of time that can be waited for.")
    if not all(EARLIEST <= at < LATEST for at in times):
        raise UndecodableRecord("A time in the message lies outside all that can have happened or be waited for.")
