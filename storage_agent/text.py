"""The text of documents: `ExtractText` commands worked on by a small pool, each in a bounded process of its own."""

import asyncio
import errno
import itertools
import signal
from dataclasses import dataclass
from pathlib import Path

import structlog

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from infra.runtime.telemetry import span
from schemas.commands import ExtractText
from schemas.envelope import Received
from schemas.errors import BodyDamaged, Busy, Corrupted, DiskFailed, InsufficientStorage, Malformed
from schemas.events import TextExtracted, TextUnavailable
from storage_agent import extraction
from storage_agent.derived import DerivedText, on_disk, open_scratch, open_to_read, put_in_place, text_path
from storage_agent.documents import Documents
from storage_agent.extractor import Extractor
from storage_agent.gate import EXHAUSTED, FULL
from storage_agent.holdings import StoredDocument
from storage_agent.modes import Verb, require
from storage_agent.text_facts import Asked, text_extracted, text_finished, text_unavailable

WORKERS = 2
AGAIN_SECONDS = 2.0
SHORT = EXHAUSTED | {errno.EAGAIN, errno.ENOMEM}
# Beyond it the control plane reads no further, and an abandon waits too: so many that only a flood of documents gets
# there, so few that the head of a journal's segment, which carries them, stays small.
QUEUE_COMMANDS = 10_000
# The processor time is bounded inside; this bound is for a process that waits.
WALL_SECONDS = extraction.SECONDS + 2.0


@dataclass(frozen=True)
class Extraction:
    """How a run ended: the text, or the reason why there is none."""

    text: DerivedText | None = None
    truncated: bool = False
    reason: str | None = None


class Texts:
    """The queue of texts to extract, and the workers that empty it. `root` is the element's folder."""

    def __init__(self, documents: Documents, root: Path, clock: Clock, metrics: Metrics) -> None:
        self._documents = documents
        self._root = root
        self._clock = clock
        self._metrics = metrics
        self._queue: asyncio.Queue[Received] = asyncio.Queue(QUEUE_COMMANDS)
        self._extractors = tuple(Extractor() for _ in range(WORKERS))
        self._turns = itertools.cycle(self._extractors)

    async def put(self, received: Received) -> None:
        """Queue an accepted `ExtractText`; waits while the queue is full, and so its caller reads no more."""
        await self._queue.put(received)

    async def run(self) -> None:
        """Work until cancelled; what is queued then is found again among the pending commands."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(WORKERS):
                    group.create_task(self._work())
        finally:
            await self.close()

    async def close(self) -> None:
        """End the extracting programs."""
        for extractor in self._extractors:
            await extractor.close()

    async def extract(self, received: Received) -> None:
        """Extract one text, record the fact and the reply. A text that cannot be had is a fact as well."""
        command = received.message
        if not isinstance(command, ExtractText):
            raise Malformed("Only ExtractText asks for a text.")
        with span("extract", parent=received.traceparent):
            asked, fact, reason = await self._outcome(command)
            version = 0 if fact is None else fact.meta.aggregate_version
            reply = text_finished(asked, text_version=version, reason=reason)
            await self._documents.record_text(received, fact, reply)
        self._metrics.text_extractions.labels(reason or "extracted").inc()

    async def _work(self) -> None:
        while True:
            await self._insist(await self._queue.get())

    async def _insist(self, received: Received) -> None:
        """Extract; again and again while something is short that may not be later: handles, processes, room."""
        while True:
            try:
                return await self.extract(received)
            except (Busy, InsufficientStorage) as error:
                structlog.get_logger("artstore.agent").warning("text_put_off", reason=error.detail)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _outcome(self, command: ExtractText) -> tuple[Asked, TextExtracted | TextUnavailable | None, str | None]:
        require(self._documents.identity.mode, Verb.EXTRACT_TEXT)
        found = await self._found(command)
        if isinstance(found, str):
            return self._asked(command), None, found
        done = await self._extraction(command, found)
        asked, sha256 = self._asked(command), found.attributes.content.sha256
        if done.text is None:
            reason = done.reason or "failed"
            return asked, text_unavailable(asked, sha256, reason), reason
        return asked, text_extracted(asked, sha256, done.text, truncated=done.truncated), None

    async def _found(self, command: ExtractText) -> StoredDocument | str:
        try:
            found = await on_disk(self._documents.find, command.document_id, command.document_version)
        except DiskFailed:
            raise
        except Corrupted as damage:
            # The scrub is there for damage; a text cannot be had from it.
            return damage.code
        return found or "document_unknown"

    async def _extraction(self, command: ExtractText, found: StoredDocument) -> Extraction:
        media_type = found.attributes.content.media_type
        if media_type not in extraction.EXTRACTORS:
            return Extraction(reason="no_extractor")
        path = text_path(self._root, command.document_id, command.document_version)
        scratch = path.with_name(f".{path.name}.{command.meta.event_id}")
        try:
            return await extract_file(next(self._turns), media_type, found.body, path, scratch)
        except BodyDamaged as damage:
            return Extraction(reason=damage.code)
        except OSError as error:
            if error.errno in FULL:
                return Extraction(reason="insufficient_storage")
            if error.errno in SHORT:
                raise Busy("There is no process or file to be had for a text. It is tried again.") from error
            msg = f"A text cannot be written: {error.strerror}."
            raise DiskFailed(msg) from error

    def _asked(self, command: ExtractText) -> Asked:
        return Asked(command, self._documents.identity, self._clock.now())


async def extract_file(  # noqa: PLR0913, PLR0917 - who works, on what, from where to where, how long
    extractor: Extractor, media_type: str, body: Path, path: Path, scratch: Path, wall_seconds: float = WALL_SECONDS
) -> Extraction:
    """Extract the text of `body` into `path`, by way of `scratch` on the same file system.

    BodyDamaged when the body has gone since it was found; OSError from the disk.
    """
    try:
        source = await on_disk(open_to_read, body)
    except FileNotFoundError as error:
        raise BodyDamaged from error
    try:
        sink = await on_disk(open_scratch, scratch)
        try:
            code = await extractor.run(media_type, source, sink, wall_seconds)
        finally:
            sink.close()
        if code in (extraction.WHOLE, extraction.TRUNCATED):
            text = await on_disk(put_in_place, scratch, path)
            return Extraction(text, truncated=code == extraction.TRUNCATED)
        return Extraction(reason=_reason(code))
    finally:
        source.close()
        await on_disk(scratch.unlink, missing_ok=True)


def _reason(code: int | None) -> str:
    if code is None or code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "too_slow"
    return "corrupt" if code == extraction.CORRUPT else "failed"
