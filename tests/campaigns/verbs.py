"""What an agent does while a fault meets it: each verb, the state it begins in, and what the program says of it."""

import asyncio
import gc
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from producers.publisher import MemoryPublisher
from schemas.elements import Mode
from schemas.errors import ArtStoreError, DiskFailed
from storage_agent import opening
from storage_agent.documents import Documents
from storage_agent.element import set_mode
from storage_agent.files import LocalDisk
from storage_agent.journal import SEGMENTS_KEPT, UNFINISHED, Journal, segment_names
from storage_agent.layout import Folders
from tests.builders import NOW
from tests.elements import RESERVE_BYTES, a_ticket_for, put, relay_all

SMALL, LARGE = 1500, 300_000
SETTINGS = AgentSettings(reserve_bytes=RESERVE_BYTES)
BEGIN, END = "/the-verb-begins", "/the-verb-ends"
REFUSED, RAW = 3, 4
TORN = b"0" * 64 + b' {"entries":[{"kind":"comm'

Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Verb:
    """A verb: `prepare` makes the root that it begins in (untraced), `run` is the program, attacked between marks."""

    name: str
    prepare: Callable[[Path, Say], Coroutine[Any, Any, None]]
    run: Callable[[Path, Say], Coroutine[Any, Any, None]]


class Inline(ThreadPoolExecutor):
    """Runs what is submitted at once, in the caller's thread: so the n-th call is the same one in every life."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Future[Any]()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the future
            future.set_exception(error)
        return future


def program(verb: Verb, root: Path, tell: int, short_write: int | None = None) -> int:
    """Run the verb to its end or its failure, tell how it ended, and return the exit code."""
    gc.disable()

    def say(kind: str, what: str) -> None:
        os.write(tell, f"{kind} {what}\n".encode())

    if short_write is not None:
        os.pwrite = _writing_less(short_write)
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(Inline(1))
        try:
            runner.run(verb.run(root, say))
        except ArtStoreError as error:
            say("ended", f"{error.code} {error.detail}")
            return REFUSED
        except OSError as error:
            say("ended", f"{type(error).__name__} {error}")
            return RAW
    return 0


def body_of(document_id: str, size: int) -> bytes:
    """Return the bytes of a document: anybody who knows its id and size can say what they must be."""
    digest = hashlib.sha256(document_id.encode()).digest()
    return (digest * (size // len(digest) + 1))[:size]


def _writing_less(at: int) -> Callable[..., int]:
    """Return a pwrite(2) whose `at`-th call writes half of what it is given, as a kernel may."""
    pwrite, count = os.pwrite, 0

    def shorter(handle: int, data: Any, offset: int) -> int:
        nonlocal count
        count += 1
        return pwrite(handle, data[: max(len(data) // 2, 1)] if count == at else data, offset)

    return shorter


@contextmanager
def attacked() -> Iterator[None]:
    """Mark in the trace what belongs to the verb."""
    os.access(BEGIN, os.F_OK)
    yield
    os.access(END, os.F_OK)


@asynccontextmanager
async def opened(root: Path, say: Say) -> AsyncIterator[Documents]:
    """Hold the element as the agent's process does: once the disk has failed, that is how it ends."""
    async with opening.open_documents(root, SETTINGS, ManualClock(NOW)) as documents:
        say("opened", documents.identity.model_dump_json())
        yield documents
        documents._parts.gate.require_working()


async def send(documents: Documents, size: int, say: Say) -> None:
    """Put one document, and say its ticket before and its receipt after."""
    ticket = a_ticket_for(documents.identity, bytes(size))
    say("sent", ticket.model_dump_json())
    try:
        receipt = await put(documents, ticket, body_of(ticket.document_id, size))
    except ArtStoreError as error:
        say("refused", f"{error.code} {error.detail}")
    else:
        say("acknowledged", receipt.model_dump_json())


async def _nothing(_root: Path, _say: Say) -> None:
    """A folder that does not exist yet."""


async def _empty(root: Path, say: Say) -> None:
    async with opened(root, say):
        pass


async def _with_documents(root: Path, say: Say) -> None:
    """Two lives with a document each, all told; the segments of the first are old enough to be forgotten."""
    for size in (SMALL, LARGE):
        async with opened(root, say) as documents:
            await send(documents, size, say)
            await documents.settle()
            await relay_all(documents, MemoryPublisher())
    old = (NOW - SEGMENTS_KEPT - timedelta(days=1)).timestamp()
    for name in segment_names(LocalDisk(), root / "journal"):
        os.utime(root / "journal" / name, (old, old))


async def _interrupted(root: Path, say: Say, size: int) -> None:
    """A committed document none of whose files is in its place."""
    await _with_documents(root, say)
    with suppress(DiskFailed):
        async with opening.open_documents(root, SETTINGS, ManualClock(NOW), _Stuck()) as documents:
            ticket = a_ticket_for(documents.identity, bytes(size))
            say("sent", ticket.model_dump_json())
            say("committed", ticket.document_id)
            with suppress(DiskFailed):
                await put(documents, ticket, body_of(ticket.document_id, size))
            await documents.settle()


class _Stuck(LocalDisk):
    """A disk that cannot bring a file to its hour."""

    def rename(self, source: Path, target: Path) -> None:
        if target.parent.name.isdigit():
            raise OSError(5, "stuck")
        super().rename(source, target)


async def _damaged(root: Path, say: Say) -> None:
    """A committed document whose staged body has rotten before it came into its place."""
    said: list[str] = []
    await _interrupted(root, lambda kind, what: said.append(what) if kind == "committed" else say(kind, what), LARGE)
    (staged,) = (root / "staging").glob("*.part")
    rotten = bytearray(staged.read_bytes())
    rotten[LARGE // 2] ^= 1
    staged.write_bytes(rotten)
    say("damaged", f"{said[0]} {hashlib.sha256(rotten).hexdigest()}")


async def _torn(root: Path, say: Say) -> None:
    """What a power cut leaves: half a line, a segment without its name, a body that was never committed."""
    await _with_documents(root, say)
    newest = root / "journal" / segment_names(LocalDisk(), root / "journal")[-1]
    with newest.open("ab") as file:
        file.write(TORN)
    newest.with_name(f"{'9' * 16}.wal{UNFINISHED}").write_bytes(TORN)
    (Folders(root).staging / "left.part").write_bytes(TORN)


async def _put(root: Path, say: Say, size: int) -> None:
    async with opened(root, say) as documents:
        with attacked():
            await send(documents, size, say)
            await documents.settle()
        await send(documents, SMALL, say)


async def _start(root: Path, say: Say) -> None:
    async with AsyncExitStack() as stack:
        with attacked():
            documents = await stack.enter_async_context(opened(root, say))
        await send(documents, SMALL, say)


async def _stop(root: Path, say: Say) -> None:
    async with AsyncExitStack() as stack:
        documents = await stack.enter_async_context(opened(root, say))
        await send(documents, SMALL, say)
        await documents.settle()
        await relay_all(documents, MemoryPublisher())
        with attacked():
            await stack.aclose()


async def _rotate(root: Path, say: Say) -> None:
    # Every line is the last of its segment, as if it were 16 MiB long.
    vars(opening)["Journal"] = partial(Journal, segment_bytes=1)
    async with opened(root, say) as documents:
        with attacked():
            await send(documents, SMALL, say)
            await documents.settle()
        await send(documents, SMALL, say)


async def _mode(root: Path, say: Say) -> None:
    with attacked():
        say("mode", set_mode(root, Mode.READ_WRITE, NOW).model_dump_json())
    async with opened(root, say) as documents:
        await send(documents, SMALL, say)


VERBS = {
    verb.name: verb
    for verb in (
        Verb("put, small", _empty, partial(_put, size=SMALL)),
        Verb("put, large", _with_documents, partial(_put, size=LARGE)),
        Verb("start, first", _nothing, _start),
        Verb("start, again", _with_documents, _start),
        Verb("start, torn tail", _torn, _start),
        Verb("start, redo small", partial(_interrupted, size=SMALL), _start),
        Verb("start, redo large", partial(_interrupted, size=LARGE), _start),
        Verb("start, quarantine", _damaged, _start),
        Verb("change mode", _with_documents, _mode),
        Verb("rotate", _with_documents, _rotate),
        Verb("stop", _with_documents, _stop),
    )
}
