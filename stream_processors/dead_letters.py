"""What becomes of a record that cannot be understood: the same key and value on the dead-letter topic, and why."""

from schemas.envelope import Record
from schemas.errors import Malformed
from schemas.events import DeadLetter
from schemas.topics import dead_letters
from stream_processors.raw import RawRecord, text_headers

GROUP = "artstore-processor"
DETAIL_CHARACTERS = 500


def dead_letter(record: RawRecord, error: Malformed) -> Record:
    """Return the dead letter of `record`: its own headers, and the fields of `DeadLetter` as headers `dl_*`."""
    told = DeadLetter(
        cause=error.code,
        detail=error.detail[:DETAIL_CHARACTERS],
        group=GROUP,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
    )
    why = {f"dl_{name}": str(value) for name, value in told.model_dump().items()}
    return Record(dead_letters(record.topic), record.key or b"", record.value or b"", text_headers(record) | why)
