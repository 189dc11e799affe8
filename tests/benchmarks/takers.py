"""Who takes a large body, in which way: ours, the raw program, and the programs of others that this machine has."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from schemas.attributes import Attributes
from schemas.ticket import UploadTicket
from storage_agent.layout import attr_name, directory_of
from tests.agents import path_of
from tests.benchmarks import lone_agent, peers
from tests.benchmarks.figures import RAW
from tests.benchmarks.ground import Alone
from tests.benchmarks.ingest import Receiver
from tests.benchmarks.load import a_large
from tests.benchmarks.raw_programs import raw_program
from tests.benchmarks.resumable import Body, Sent, Uploads
from tests.benchmarks.s3 import Signer
from tests.benchmarks.seaweed import weed
from tests.benchmarks.whole_path import OURS
from tests.integration.agent_program import Agent

Opened = Callable[[Path], AbstractAsyncContextManager[Receiver]]
"""Called with an empty folder, which is removed behind it."""
Takers = dict[str, Opened | None]
"""By name; None for one that is absent."""
Store = Callable[[str, Path], AbstractAsyncContextManager[tuple[int, int, Signer]]]
DAV, TUSD, MINIO, VERSITYGW = "nginx DAV", "tusd", "MinIO", "versitygw"
FSYNC, NO_FSYNC = "SeaweedFS fsync", "SeaweedFS no fsync"


def by_put(ground: Alone, body: Body) -> Takers:
    """Return who takes the body by one PUT."""
    return {
        OURS: partial(_ours, ground, body, None),
        RAW: partial(_raw, ground, [body]),
        DAV: _if_there(ground.peer("nginx"), _dav, body),
        MINIO: _if_there(ground.peer("minio"), _s3, peers.minio, body),
        VERSITYGW: _if_there(ground.peer("versitygw"), _s3, peers.versitygw, body),
        FSYNC: _if_there(ground.weed, _weed, body, "?fsync=true"),
        NO_FSYNC: _if_there(ground.weed, _weed, body, ""),
    }


def by_patches(ground: Alone, body: Body, parts: Sequence[Body]) -> Takers:
    """Return who takes it by tus in one PATCH after another; the raw program stores each as a body of its own."""
    return _resumable(ground, body, parts, lambda uploads: uploads.patches(parts))


def by_parts(ground: Alone, body: Body, parts: Sequence[Body]) -> Takers:
    """Return who takes its parts by tus at the same time; the raw program joins nothing."""
    return _resumable(ground, body, parts, lambda uploads: uploads.parallel(parts))


Way = Callable[[Uploads], Awaitable[Sent]]


def _resumable(ground: Alone, body: Body, parts: Sequence[Body], way: Way) -> Takers:
    return {
        OURS: partial(_ours, ground, body, way),
        RAW: partial(_raw, ground, parts),
        TUSD: _if_there(ground.peer("tusd"), _tusd, body, way),
    }


def _if_there(
    binary: object, opened: Callable[..., AbstractAsyncContextManager[Receiver]], *given: object
) -> Opened | None:
    return None if binary is None else partial(opened, binary, *given)


@asynccontextmanager
async def _ours(ground: Alone, body: Body, way: Way | None, folder: Path) -> AsyncIterator[Receiver]:
    async with lone_agent.a_lone_agent(folder, ground.kafka) as agent:
        assert agent.process is not None
        ticket = agent.ticket(b"", "body.bin").model_copy(update={"size": body.size})
        if way is None:
            sent = Sent([a_large("PUT", agent.port, path_of(ticket), body.pieces, agent.bearer(ticket))])
        else:
            sent = await way(Uploads(agent.port, path_of(ticket, "uploads"), agent.bearer(ticket)))
        yield Receiver(
            port=agent.port,
            processes={"agent": agent.process.pid},
            requests=sent.requests,
            joined=sent.joined,
            drained=partial(lone_agent.in_place, agent, [ticket]),
            faults=lambda _: _our_faults(agent, ticket, body),
        )


def _our_faults(agent: Agent, ticket: UploadTicket, body: Body) -> list[str]:
    directory = agent.root / directory_of(ticket.document_id)
    content = Attributes.from_sealed((directory / attr_name(ticket.document_id, 1)).read_bytes()).content
    is_right = content.sha256 == body.sha256 and _is_body(directory / content.stored_name, body)
    return [] if is_right else ["other bytes"]


@asynccontextmanager
async def _raw(ground: Alone, bodies: Sequence[Body], folder: Path) -> AsyncIterator[Receiver]:
    async with raw_program(ground.programs / "hashed", folder) as (port, pid):
        yield Receiver(
            port=port,
            processes={RAW: pid},
            requests=[a_large("PUT", port, f"/{n:08d}", body.pieces, {}) for n, body in enumerate(bodies)],
            faults=lambda _: [
                f"{n:08d}" for n, body in enumerate(bodies) if not _is_document(folder / f"{n:08d}", body)
            ],
        )


def _is_document(path: Path, body: Body) -> bool:
    attributes = path.with_suffix(".attr.json").read_text(encoding="utf-8")
    return body.sha256 in attributes and _is_body(path.with_suffix(".body"), body)


@asynccontextmanager
async def _dav(binary: str, body: Body, folder: Path) -> AsyncIterator[Receiver]:
    root = folder / "root"
    root.mkdir()
    async with peers.nginx(binary, folder, root, peers.DAV) as (port, pid):
        yield _peer("nginx", folder, port, pid, Sent([a_large("PUT", port, "/body", body.pieces, {})]), body)


@asynccontextmanager
async def _tusd(binary: str, body: Body, way: Way, folder: Path) -> AsyncIterator[Receiver]:
    async with peers.tusd(binary, folder / "files") as (port, pid):
        yield _peer(TUSD, folder, port, pid, await way(Uploads(port, "/files/", {})), body)


@asynccontextmanager
async def _s3(binary: str, store: Store, body: Body, folder: Path) -> AsyncIterator[Receiver]:
    """MinIO and versitygw verify the body's hash themselves: it is signed with the request."""
    async with store(binary, folder / "files") as (port, pid, signer):
        path = f"{peers.BUCKET}/body"
        headers = signer.headers("PUT", path, await asyncio.to_thread(lambda: body.sha256), datetime.now(UTC))
        yield _peer("s3", folder, port, pid, Sent([a_large("PUT", port, path, body.pieces, headers)]), None)


@asynccontextmanager
async def _weed(binary: Path, body: Body, asked: str, folder: Path) -> AsyncIterator[Receiver]:
    async with weed(binary, folder / "files") as server:
        [url] = await server.assign(1)
        parts = urlsplit(url)
        assert parts.port is not None
        sent = Sent([a_large("PUT", parts.port, f"{parts.path}{asked}", body.pieces, {})])
        yield _peer("weed", folder, parts.port, server.pid, sent, None)


def _peer(  # noqa: PLR0913, PLR0917 - where it listens and lies, and what it is to get
    name: str, folder: Path, port: int, pid: int, sent: Sent, kept: Body | None
) -> Receiver:
    """Return one that leaves its files to the system, `kept` as a file of its own unless None."""
    return Receiver(
        port=port,
        processes={name: pid},
        requests=sent.requests,
        joined=sent.joined,
        drained=lambda: asyncio.to_thread(_sync, folder),
        faults=lambda _: [] if kept is None else _missing(folder, kept),
    )


def _sync(folder: Path) -> None:
    """Sync whatever lies in the folder."""
    for path in (folder, *folder.rglob("*")):
        if path.is_file() or path.is_dir():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _missing(folder: Path, body: Body) -> list[str]:
    """Say so when no file in the folder is the body."""
    is_there = any(path.is_file() and _is_body(path, body) for path in folder.rglob("*"))
    return [] if is_there else [f"no file has the {body.size} bytes of a body"]


def _is_body(path: Path, body: Body) -> bool:
    return path.stat().st_size == body.size and _hash(path) == body.sha256


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
