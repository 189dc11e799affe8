"""The durable middle of the agent: documents committed in one local transaction, found, refused and abandoned."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from infra.runtime.metrics import Metrics
from producers.publisher import Publisher
from schemas.api.uploads import Receipt
from schemas.attributes import Attributes
from schemas.envelope import Position, Received
from schemas.errors import TypeRefused, UploadConflict
from schemas.events import TextExtracted, TextUnavailable
from schemas.replies import TextFinished
from schemas.ticket import UploadTicket
from storage_agent import admission
from storage_agent.answering import Answering
from storage_agent.commitment import committed_entry, problem_text, refused_entry
from storage_agent.entries import Committed, Note
from storage_agent.fixity import Fixity
from storage_agent.holdings import Holdings, StoredDocument
from storage_agent.ledger import CommittedAnswer, Creation, expiry
from storage_agent.manifests import PAUSE_SECONDS, Manifests
from storage_agent.parts import Parts
from storage_agent.retelling import Log, Retelling
from storage_agent.scrub import Budget, Scrub
from storage_agent.staging import Staged, StagingFile

Result = TypeVar("Result")


class Documents:
    """What one element holds. Whatever is answered here is durable; DiskFailed may come out of every call."""

    def __init__(self, parts: Parts) -> None:
        self.identity = parts.identity
        self.outbox = parts.outbox
        self.folders = parts.folders
        self.resumables = parts.resumables
        self.proofs = parts.proofs
        self._parts = parts
        self.fixity = Fixity(parts)
        self._holdings = Holdings(parts)
        self._answering = Answering(parts, self._holdings)
        self._manifests = Manifests(parts)
        self._running: set[asyncio.Task[Any]] = set()

    def admit(self, ticket: UploadTicket) -> Receipt | None:
        """Return the stored receipt of a committed ticket, None when its bytes may come.

        Asks memory alone, into which `recall` brings what is needed; for room on the disk `stage` looks.
        InvalidTicket, Malformed, TypeRefused (refused before), UploadAbandonedError, ModeForbids, StaleEpoch, Busy
        (Kafka is away and the outbox is full), DiskFailed.
        """
        self._parts.gate.require_working()
        admission.require_addressed(ticket, self.identity)
        answer = self._parts.memory.ledger.get(ticket.ticket_id)
        if isinstance(answer, CommittedAnswer):
            return answer.receipt
        admission.require_unspent(answer)
        admission.require_current(ticket, self.identity, self._parts.clock.now())
        self.outbox.require_room()
        return None

    async def recall(self, ticket: UploadTicket) -> None:
        """Bring back what became of a ticket, if memory may have let it go: the first call of each request.

        SealBroken when the attributes of its document are damaged; otherwise as `admit`.
        """
        ledger = self._parts.memory.ledger
        if ledger.may_have_let_go(ticket):
            admission.require_addressed(ticket, self.identity)
            committed = self._holdings.committed
            found = await self._parts.gate.look(committed, ticket.document_id, ticket.document_version)
            if found is not None:
                receipt = receipt_of(found)
                ledger.record(CommittedAnswer(ticket_id=ticket.ticket_id, expires_at=expiry(ticket), receipt=receipt))

    def creation(self, ticket: UploadTicket) -> Creation | None:
        """Return what was said of the upload that a committed ticket's document came by, if anything was."""
        answer = self._parts.memory.ledger.get(ticket.ticket_id)
        return answer.creation if isinstance(answer, CommittedAnswer) else None

    async def stage(self, ticket: UploadTicket) -> StagingFile:
        """Make the file that one PUT writes to; while it is open and grows, the upload is not given up.

        `discard` it in the end, whatever happened; after a commit that does nothing. InsufficientStorage, Malformed.
        """
        admission.require_addressed(ticket, self.identity)
        return await self._parts.stagings.open(ticket)

    def note_refusal(self, ticket: UploadTicket, problem: Mapping[str, object]) -> None:
        """Remember a refusal that does not spend the ticket (size, digest), for who gives the upload up later."""
        note = Note(ticket_id=ticket.ticket_id, problem=problem_text(problem), expires_at=expiry(ticket))
        self._parts.memory.note(note)
        # Whoever is refused may come again as often as he likes; behind a slow disk that must not fill the memory.
        if self._parts.journal.has_room:
            self._parts.journal.append_lazily(note)

    async def commit(self, ticket: UploadTicket, staged: Staged, media_type: str, traceparent: str | None) -> Receipt:
        """Commit a document: when this returns, body and sealed attributes are durable. Takes what was staged.

        Durable in the journal or in `staging/`, that is: their own files follow, and behind these the event. A repeat
        with the same bytes gets the same receipt, with other bytes UploadConflict. Everything that `admit` checks is
        checked again, and SizeMismatch, DigestMismatch, TooLarge (attributes); Busy when the disk stays behind. Once
        begun it goes on even when the caller is cancelled.
        """
        with self._parts.stagings.taken(staged):
            return await self.to_its_end(self._commit(ticket, staged, media_type, traceparent))

    async def refuse(
        self, ticket: UploadTicket, error: TypeRefused, problem: Mapping[str, object], traceparent: str | None
    ) -> None:
        """Spend the ticket by a refusal of policy, durably, and tell the saga. UploadConflict when it is committed."""
        await self.to_its_end(self._refuse(ticket, error, problem, traceparent))

    async def accept_command(self, received: Received) -> bool:
        """Journal a command before it is worked on; False when that was done before."""
        return await self._answering.accept(received)

    def pass_over(self, position: Position) -> None:
        """Take note that the command record at `position` leads to no work here (a dead letter, another's)."""
        self._answering.pass_over(position)

    def pending_commands(self) -> list[Received]:
        """Return the commands without an answer, oldest first; after a restart they are to be worked on again."""
        return self._answering.pending()

    def command_offset(self, partition: int) -> int | None:
        """Return the next offset to read from a partition of the command topic; None when none was read."""
        return self._answering.next_offset(partition)

    async def abandon(self, received: Received) -> None:
        """Answer an accepted `AbandonUpload`: ContentCommitted, UploadRefused, UploadInProgress or UploadAbandoned."""
        await self.to_its_end(self._answering.abandon(received))

    async def record_text(
        self, received: Received, fact: TextExtracted | TextUnavailable | None, reply: TextFinished
    ) -> None:
        """Answer an accepted `ExtractText`; the fact goes out before the reply."""
        await self.to_its_end(self._answering.record_text(received, fact, reply))

    def find(self, document_id: str, version: int) -> StoredDocument | None:
        """Return a version, or None. Reads one small file.

        SealBroken or BodyDamaged when it is damaged, known to be so, or suspected of it.
        """
        return self._holdings.find(document_id, version)

    def scrub(self, budget: Budget, metrics: Metrics) -> Scrub:
        """Return what reads all that is held again and again, within the budget: a task of the process."""
        return Scrub(self._parts, self.fixity, budget, metrics)

    async def watch(self) -> None:
        """Wait until the disk fails and raise DiskFailed: a task of the process, so that it ends."""
        await self._parts.gate.watch()

    async def tell(self, publisher: Publisher, log: Log) -> None:
        """Relay the outbox until cancelled, after what the log has lost of acknowledged events was told again."""
        await Retelling(self._parts).run(publisher, log)
        await self.outbox.run(publisher)

    async def keep_manifests(self) -> None:
        """Keep the checksum lists of the hour folders until cancelled; what has begun ends before `settle` does."""
        while True:
            await self.to_its_end(self._manifests.write_due())
            await asyncio.sleep(PAUSE_SECONDS)

    async def complete_manifests(self) -> int:
        """Write every checksum list that is owed or missing; return how many folders had none before."""
        missing = await self.to_its_end(self._manifests.write_missing())
        await self.to_its_end(self._manifests.write_owed())
        return missing

    async def settle(self) -> None:
        """Wait until all that has begun is done and all that is committed lies in place; DiskFailed."""
        while self._running:
            await asyncio.wait(set(self._running))
        await self._parts.settler.idle()

    async def _commit(self, ticket: UploadTicket, staged: Staged, media_type: str, traceparent: str | None) -> Receipt:
        async with self._parts.locks.hold(ticket.document_id):
            # Before the commit point the body is nobody's, or its upload's; from then on it is the document's.
            is_nobodys = not staged.lasting
            try:
                receipt = await self._earlier_receipt(ticket, staged)
                if receipt is not None:
                    is_nobodys = True
                    return receipt
                committed = await self._decide(ticket, staged, media_type, traceparent)
                is_nobodys = False
            finally:
                if is_nobodys and staged.path is not None and self._parts.gate.failure() is None:
                    await self._parts.gate.call(self._parts.disk.unlink, staged.path)
            return committed.answer.receipt

    async def _earlier_receipt(self, ticket: UploadTicket, staged: Staged) -> Receipt | None:
        """Return the receipt of the same bytes committed before; UploadConflict when others were."""
        admission.require_addressed(ticket, self.identity)
        found = await self._find(ticket.document_id, ticket.document_version)
        if found is None:
            return None
        receipt = receipt_of(found.attributes)
        if receipt.sha256 != staged.sha256:
            raise UploadConflict
        return receipt

    async def _decide(
        self, ticket: UploadTicket, staged: Staged, media_type: str, traceparent: str | None
    ) -> Committed:
        """Pass the commit point: all checks again, then the journal."""
        await self._parts.settler.room()
        now = self._parts.clock.now()
        admission.require_unspent(self._parts.memory.ledger.get(ticket.ticket_id))
        admission.require_current(ticket, self.identity, now)
        admission.require_promised(ticket, staged.size, staged.sha256)
        committed = committed_entry(
            ticket=ticket,
            media_type=media_type,
            staged=staged,
            identity=self.identity,
            now=now,
            traceparent=traceparent,
        )
        with self._parts.settler.entered():
            await self._parts.journal.append(committed)
        return committed

    async def _refuse(
        self, ticket: UploadTicket, error: TypeRefused, problem: Mapping[str, object], traceparent: str | None
    ) -> None:
        async with self._parts.locks.hold(ticket.document_id):
            admission.require_addressed(ticket, self.identity)
            await self.recall(ticket)
            answer = self._parts.memory.ledger.get(ticket.ticket_id)
            if isinstance(answer, CommittedAnswer):
                raise UploadConflict
            admission.require_unspent(answer)
            await self._parts.journal.append(
                refused_entry(
                    ticket=ticket,
                    error=error,
                    problem=problem,
                    identity=self.identity,
                    now=self._parts.clock.now(),
                    traceparent=traceparent,
                )
            )
            self.outbox.wake()

    async def _find(self, document_id: str, version: int) -> StoredDocument | None:
        return await self._parts.gate.look(self._holdings.find, document_id, version)

    async def to_its_end(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` so that a caller who goes away (a broken connection, a stop) does not leave it half done."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


def receipt_of(attributes: Attributes) -> Receipt:
    """Return the receipt that the commit of a version was answered with."""
    content = attributes.content
    return Receipt(
        document_id=attributes.document_id, version=attributes.version, size=content.size, sha256=content.sha256
    )
