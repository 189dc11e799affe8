"""What disks, log and views say, read without the product: standard library, aiokafka, fastavro and asyncpg alone."""

import asyncio
import hashlib
import io
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import fastavro
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

SCHEMAS = Path(__file__).parents[2] / "schemas" / "avsc"
HOUR = re.compile(r"\d{4}/\d\d/\d\d/\d\d")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ATTR = re.compile(rf"{UUID.pattern}\.v\d+\.attr\.json")
LIST = "SHA256SUMS"
MUST_BE_EMPTY = ("staging", "trash", "quarantine")
READ_SECONDS = 60


@dataclass(frozen=True, order=True)
class Fault:
    """One broken promise: the invariant's number, whom it is about, and what was seen."""

    invariant: str
    subject: str
    seen: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.seen}"


@dataclass(frozen=True, order=True)
class Version:
    """What one source says of one version of a document; digests in hex, the size in bytes."""

    document_id: str
    version: int
    attr_seq: int
    attr_sha256: str
    sha256: str
    size: int
    element_id: str


@dataclass(frozen=True)
class Disk:
    """One element's folder. `endings`: how the journal says each ticket ended, in all the ways that it says."""

    root: str
    versions: tuple[Version, ...]
    mentioned: frozenset[str]
    endings: Mapping[str, frozenset[str]]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Entry:
    """One record of the log, decoded with the schema it was written with."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    type: str
    fields: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        return str(self.fields["meta"]["event_id"])

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


@dataclass(frozen=True)
class Stand:
    """How far somebody thinks that a saga has come."""

    version: int
    status: str


@dataclass(frozen=True)
class Views:
    """The rows of PostgreSQL. `texts`: digest of the text that can be searched, by document and version."""

    documents: tuple[Version, ...] = ()
    versions: tuple[Version, ...] = ()
    filenames: Mapping[str, str] = field(default_factory=dict)
    requests: frozenset[str] = frozenset()
    sagas: Mapping[str, Stand] = field(default_factory=dict)
    decided: Mapping[str, Stand] = field(default_factory=dict)
    texts: Mapping[tuple[str, int], str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Everything, read when nothing moves."""

    disks: tuple[Disk, ...]
    log: tuple[Entry, ...]
    views: Views


async def gather(roots: Sequence[Path], bootstrap: str, dsn: str) -> Evidence:
    """Read all three."""
    disks = await asyncio.to_thread(lambda: tuple(read_disk(root) for root in roots))
    async with asyncio.timeout(READ_SECONDS):
        return Evidence(disks, await read_log(bootstrap), await read_views(dsn))


def seal_holds(data: bytes, name: str) -> bool:
    """Tell whether the SHA-256 in field `name` is that of `data` with zeros in its place."""
    digest = str(json.loads(data)[name])
    zeroed = data.replace(f'"{name}":"{digest}"'.encode(), f'"{name}":"{"0" * 64}"'.encode(), 1)
    return hashlib.sha256(zeroed).hexdigest() == digest


def version_of(attr: bytes) -> Version:
    """Return what an attribute file says; ValueError, KeyError or TypeError when it cannot be read."""
    told = json.loads(attr)
    content = told["content"]
    return Version(
        told["document_id"],
        told["version"],
        told["attr_seq"],
        told["attr_sha256"],
        content["sha256"],
        content["size"],
        told["element"]["element_id"],
    )


def read_disk(root: Path) -> Disk:
    """Read an element's folder: attributes, bodies, what lies where nothing may lie, and the journal."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    hours = sorted({path.parent for path in files if HOUR.fullmatch(path.parent.relative_to(root).as_posix())})
    examined = [read_hour(hour) for hour in hours]
    faults = [fault for _, found in examined for fault in found]
    faults += [Fault("I4", str(p), "left over") for p in files if p.relative_to(root).parts[0] in MUST_BE_EMPTY]
    if not seal_holds((root / "element.json").read_bytes(), "element_sha256"):
        faults.append(Fault("I5", str(root / "element.json"), "seal broken"))
    endings, broken = read_journal(root / "journal")
    outside = [path for path in files if "journal" not in path.relative_to(root).parts[:1]]
    mentioned = frozenset(found for path in outside for found in UUID.findall(path.relative_to(root).as_posix()))
    versions = tuple(version for found, _ in examined for version in found)
    return Disk(str(root), versions, mentioned, endings, (*faults, *broken))


def read_hour(folder: Path) -> tuple[list[Version], list[Fault]]:
    """Read one folder of documents: each attribute file with its body, and what lies there without the other half."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    examined = [_examined(path) for path in files if ATTR.fullmatch(path.name)]
    bodies = {body for _, body, _ in examined}
    faults = [fault for _, _, found in examined for fault in found]
    alone = [path for path in files if not _belongs(path, bodies)]
    faults += [Fault("I2", str(path), "a body without attributes") for path in alone]
    return [version for version, _, _ in examined if version], faults


def _belongs(path: Path, bodies: set[Path | None]) -> bool:
    return path in bodies or path.name == LIST or bool(ATTR.fullmatch(path.name))


def _examined(path: Path) -> tuple[Version | None, Path | None, list[Fault]]:
    data = path.read_bytes()
    try:
        version, content = version_of(data), json.loads(data)["content"]
        sealed = seal_holds(data, "attr_sha256")
    except (ValueError, KeyError, TypeError) as error:
        return None, None, [Fault("I5", str(path), f"cannot be read: {error!r}")]
    body = path.with_name(str(content["stored_name"]))
    faults = [] if sealed else [Fault("I5", str(path), "seal broken")]
    if not body.is_file():
        return version, body, [*faults, Fault("I3", str(path), "attributes without a body")]
    with body.open("rb") as file:
        right = hashlib.file_digest(file, "sha256").hexdigest() == version.sha256
    if not right or body.stat().st_size != version.size:
        faults.append(Fault("I5", str(body), "not the bytes that were sealed"))
    return version, body, faults


def read_journal(folder: Path) -> tuple[dict[str, frozenset[str]], list[Fault]]:
    """Follow the chain of every segment; return how each ticket ended, and where the chain breaks."""
    endings: dict[str, set[str]] = {}
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.wal")):
        # What stands behind the last line feed is being written at this moment, or was when its writer died.
        for entries in _lines(path, path.read_bytes().split(b"\n")[:-1], faults):
            for entry in entries:
                if entry["kind"] in {"committed", "refused", "abandoned"}:
                    endings.setdefault(entry["answer"]["ticket_id"], set()).add(entry["kind"])
    return {ticket: frozenset(found) for ticket, found in endings.items()}, faults


def _lines(path: Path, lines: Sequence[bytes], faults: list[Fault]) -> Iterator[list[dict[str, Any]]]:
    digest: str | None = None
    for number, line in enumerate(lines, 1):
        body = line[65:]
        try:
            entries = json.loads(body)["entries"]
        except (ValueError, KeyError):
            faults.append(Fault("I5", f"{path}:{number}", "a line of the journal cannot be read"))
            return
        before = digest or str(entries[0].get("previous", "0" * 64))
        digest = line[:64].decode("ascii", "replace")
        if hashlib.sha256(before.encode() + body).hexdigest() != digest:
            faults.append(Fault("I5", f"{path}:{number}", "the journal's chain breaks"))
            return
        yield entries


@cache
def _schema(number: int) -> Any:
    path = next(SCHEMAS.glob(f"{number}.*.avsc"))
    return fastavro.parse_schema(json.loads(path.read_bytes()))


def decoded(value: bytes) -> tuple[str, dict[str, Any]]:
    """Return type and fields of a value in the Confluent frame."""
    magic, number = struct.unpack_from(">bI", value)
    assert magic == 0, value[:5]
    schema = _schema(number)
    return str(schema["name"]).rpartition(".")[2], dict(fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None))  # type: ignore[arg-type]


async def read_log(bootstrap: str) -> tuple[Entry, ...]:
    """Read every record of every topic of ours, each partition up to its end of this moment."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        places = await _places(bootstrap)
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        entries: list[Entry] = []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                entries += [_entry(record) for record in records]
    finally:
        await consumer.stop()
    return tuple(sorted(entries, key=lambda entry: (entry.topic, entry.partition, entry.offset)))


async def _places(bootstrap: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if name.startswith("artstore.")]
        described = await admin.describe_topics(topics)
    finally:
        await admin.close()
    places = [TopicPartition(row["topic"], part["partition"]) for row in described for part in row["partitions"]]
    assert places, "the log has no topics"
    return places


def _entry(record: Any) -> Entry:
    kind, fields = ("dead letter", {}) if record.topic.endswith(".dlq.v1") else decoded(record.value)
    return Entry(record.topic, record.partition, record.offset, record.key, record.value or b"", kind, fields)


async def read_views(dsn: str) -> Views:
    """Read the rows that speak of uploads, in one snapshot."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _views(connection)
    finally:
        await connection.close(timeout=5)


async def _views(connection: asyncpg.Connection) -> Views:
    columns = "document_id, version, attr_seq, attr_sha256, sha256, size, element_id"
    documents = await connection.fetch(f"SELECT {columns}, filename FROM views.documents")  # noqa: S608 - ours
    versions = await connection.fetch(f"SELECT {columns} FROM views.versions")  # noqa: S608 - ours
    requests = await connection.fetch("SELECT operation_id FROM views.requests")
    sagas = await connection.fetch("SELECT operation_id, version, status FROM views.sagas")
    decided = await connection.fetch("SELECT saga_id::text, version, status FROM saga.saga")
    texts = await connection.fetch("SELECT document_id, version, text_sha256 FROM views.texts WHERE state = 'ready'")
    return Views(
        tuple(Version(*list(row)[:-1]) for row in documents),
        tuple(Version(*row) for row in versions),
        {row["document_id"]: row["filename"] for row in documents},
        frozenset(row["operation_id"] for row in requests),
        {row[0]: Stand(row[1], row[2]) for row in sagas},
        {row[0]: Stand(row[1], row[2]) for row in decided},
        {(row[0], row[1]): row[2] for row in texts},
    )
