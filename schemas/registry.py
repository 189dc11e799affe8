"""Schema ids, the Confluent wire format, and CloudEvents headers: message <-> Kafka record."""

import io
import json
import struct
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import fastavro
from pydantic import ValidationError

from schemas import commands, events, replies, requests
from schemas.avro import render
from schemas.envelope import Message, Position, Received, Record
from schemas.errors import UndecodableRecord, UnknownSchema, WrongKey

MAGIC = 0
FRAME = struct.Struct(">bI")

MESSAGES: tuple[type[Message], ...] = (
    requests.UploadRequested,
    requests.AccountRequested,
    requests.KeyRequested,
    requests.KeyRetirementRequested,
    requests.DeadlineExpired,
    commands.ExtractText,
    commands.AbandonUpload,
    replies.ContentCommitted,
    replies.UploadRefused,
    replies.UploadInProgress,
    replies.UploadAbandoned,
    replies.TextFinished,
    events.DocumentCommitted,
    events.TextExtracted,
    events.TextUnavailable,
    events.DocumentDamaged,
    events.DocumentMended,
    events.ElementRegistered,
    events.ElementModeChanged,
    events.ElementScrubbed,
    events.ElementStatus,
    events.AccountCreated,
    events.KeyRegistered,
    events.KeyRetired,
    events.SagaAdvanced,
)
BY_TYPE: Mapping[str, type[Message]] = {model.type_name(): model for model in MESSAGES}


@cache
def released() -> dict[int, dict[str, Any]]:
    """Return every released schema by its id, as committed in `schemas/avsc/` (append-only)."""
    folder = files("schemas").joinpath("avsc")
    found = (entry for entry in folder.iterdir() if entry.name.endswith(".avsc"))
    return {int(entry.name.split(".")[0]): json.loads(entry.read_bytes()) for entry in found}


@cache
def newest_ids() -> dict[str, int]:
    """Return the newest schema id of each type."""
    return {f"{s['namespace']}.{s['name']}": number for number, s in sorted(released().items())}


@cache
def _writer(number: int) -> Any:  # noqa: ANN401 - fastavro's parsed schema has no type
    schema = released().get(number)
    if schema is None:
        msg = f"Schema id {number} is not among those of this release."
        raise UnknownSchema(msg)
    return fastavro.parse_schema(schema)


@cache
def _reader(number: int) -> Any:  # noqa: ANN401 - fastavro's parsed schema has no type
    """Return the schema of the class that reads what was written with `number`; None when it is the same one."""
    reader = fastavro.parse_schema(render(BY_TYPE[_type_name(number)]))
    # Fastavro compares the two at every record when it is given both.
    return None if reader == _writer(number) else reader


@cache
def _type_name(number: int) -> str:
    schema = released()[number]
    return f"{schema['namespace']}.{schema['name']}"


def encode(message: Message, traceparent: str | None = None) -> Record:
    """Return the record of `message`: newest schema, key of its aggregate, CloudEvents 1.0 binary-mode headers."""
    number = newest_ids()[message.type_name()]
    body = io.BytesIO()
    body.write(FRAME.pack(MAGIC, number))
    fastavro.schemaless_writer(body, _writer(number), message.model_dump())
    return Record(message.topic, message.key, body.getvalue(), headers_of(message, traceparent))


def headers_of(message: Message, traceparent: str | None) -> dict[str, str]:
    """Return the CloudEvents headers (binary mode over Kafka), and plain `traceparent` when there is one."""
    meta = message.meta
    headers = {
        "ce_specversion": "1.0",
        "ce_id": meta.event_id,
        "ce_type": meta.type,
        "ce_source": meta.source,
        "ce_subject": meta.aggregate_id,
        "ce_time": meta.occurred_at.isoformat().replace("+00:00", "Z"),
        "ce_correlationid": meta.correlation_id,
        "content-type": "application/avro",
    }
    if meta.causation_id is not None:
        headers["ce_causationid"] = meta.causation_id
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return headers


def decode(value: bytes | None) -> Message:
    """Return the message in `value`; UndecodableRecord (or UnknownSchema) says what is wrong with it."""
    if value is None or len(value) < FRAME.size or value[0] != MAGIC:
        msg = "The value does not begin with the Confluent frame (0x00 and a 4-byte schema id)."
        raise UndecodableRecord(msg)
    number = FRAME.unpack_from(value)[1]
    writer = _writer(number)
    if _type_name(number) not in BY_TYPE:
        msg = f"The type {_type_name(number)} is not read by this release."
        raise UnknownSchema(msg)
    return _parse(number, writer, value)


def _parse(number: int, writer: Any, value: bytes) -> Message:  # noqa: ANN401 - fastavro's parsed schema
    type_name, body = _type_name(number), io.BytesIO(value)
    body.seek(FRAME.size)
    try:
        fields = fastavro.schemaless_reader(body, writer, _reader(number))
        message = BY_TYPE[type_name].model_validate(fields)
    except (ValidationError, EOFError, ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        msg = f"The body is not a {type_name}: {type(error).__name__}."
        raise UndecodableRecord(msg) from error
    if body.read(1):
        msg = f"There are bytes behind the {type_name}."
        raise UndecodableRecord(msg)
    if message.meta.type != type_name:
        msg = f"The envelope says {message.meta.type}, the schema {type_name}."
        raise UndecodableRecord(msg)
    return message


def receive(position: Position, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes | str]) -> Received:
    """Return the decoded record; WrongKey unless key and topic are those of the message's aggregate and type."""
    message = decode(value)
    if key != message.key:
        msg = f"The key is not {message.meta.aggregate_id}, the aggregate's identifier."
        raise WrongKey(msg)
    if message.topic != position.topic:
        msg = f"A {message.meta.type} does not belong on {position.topic}."
        raise WrongKey(msg)
    traceparent = headers.get("traceparent")
    text = traceparent.decode(errors="replace") if isinstance(traceparent, bytes) else traceparent
    return Received(message, position, text)
