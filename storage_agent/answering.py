"""Commands of sagas: journalled before they are worked on, answered exactly once, in the journal first."""

from datetime import datetime

import structlog

from infra.runtime.telemetry import current_traceparent
from schemas.commands import AbandonUpload
from schemas.envelope import Message, Position, Received
from schemas.errors import Malformed, SealBroken
from schemas.events import TextExtracted, TextUnavailable
from schemas.registry import encode
from schemas.replies import TextFinished
from storage_agent import facts
from storage_agent.commitment import abandoned_entry, stored
from storage_agent.entries import Abandoned, Command, Passed, Replied, StoredPosition
from storage_agent.holdings import Holdings
from storage_agent.ledger import AbandonedAnswer, CommittedAnswer, RefusedAnswer
from storage_agent.parts import Parts


class Answering:
    """Keeps commands and their answers."""

    def __init__(self, parts: Parts, holdings: Holdings) -> None:
        self._parts = parts
        self._holdings = holdings
        self._source = facts.source_of(parts.identity)

    async def accept(self, received: Received) -> bool:
        """Journal a command; False when it was journalled before, under this or another position."""
        command_id, position = received.message.meta.event_id, received.position
        if self._parts.memory.knows_command(command_id):
            self.pass_over(position)
            return False
        await self._parts.journal.append(
            Command(
                command_id=command_id,
                position=StoredPosition.of(position),
                value=encode(received.message).value,
                traceparent=received.traceparent,
            )
        )
        return True

    def pass_over(self, position: Position) -> None:
        """Take note that a record was read that leads to no work here."""
        self._parts.journal.append_lazily(Passed(position=StoredPosition.of(position)))

    def pending(self) -> list[Received]:
        """Return the commands that have no answer, oldest first."""
        return [command.received() for command in self._parts.memory.commands.values()]

    def next_offset(self, partition: int) -> int | None:
        """Return where to go on reading a partition; None when nothing was read from it."""
        return self._parts.memory.offsets.get(partition)

    async def abandon(self, received: Received) -> None:
        """Decide an `AbandonUpload` under the document's lock: committed, refused, in progress, or given up durably.

        A document whose attributes are damaged gets no answer: the saga asks again, and is seen to, until the element
        is restored. One damaged document must not keep the element from all its others.
        """
        command = received.message
        if not isinstance(command, AbandonUpload):
            raise Malformed("Only AbandonUpload can be answered by giving an upload up.")
        async with self._parts.locks.hold(command.document_id):
            if command.meta.event_id in self._parts.memory.commands:
                await self._tell(await self._abandoned(command, current_traceparent() or received.traceparent))
                if isinstance(self._parts.memory.ledger.get(command.ticket_id), AbandonedAnswer):
                    await self._parts.stagings.revoke(command.ticket_id)

    async def record_text(
        self, received: Received, fact: TextExtracted | TextUnavailable | None, reply: TextFinished
    ) -> None:
        """Answer an `ExtractText`: the fact, if there is one, goes out before the reply."""
        messages: tuple[Message, ...] = (reply,) if fact is None else (fact, reply)
        if received.message.meta.event_id not in self._parts.memory.commands:
            return
        lane = received.message.meta.aggregate_id if fact is None else fact.meta.aggregate_id
        traceparent = current_traceparent() or received.traceparent
        await self._tell(self._replied(received.message.meta.event_id, lane, messages, traceparent))

    async def _abandoned(self, command: AbandonUpload, traceparent: str | None) -> Replied | Abandoned:
        now, memory = self._parts.clock.now(), self._parts.memory
        answer = memory.ledger.get(command.ticket_id)
        if isinstance(answer, AbandonedAnswer):
            return abandoned_entry(command, answer.last_refusal, self._parts.identity, now, traceparent)
        refused = answer.problem if isinstance(answer, RefusedAnswer) else None
        try:
            reply = await self._other_answer(command, refused, now)
        except SealBroken as damage:
            log = structlog.get_logger("artstore.agent")
            log.critical("document_damaged", document_id=command.document_id, reason=damage.detail)
            return self._replied(command.meta.event_id, command.document_id, (), traceparent)
        if reply is not None:
            return self._replied(command.meta.event_id, command.document_id, (reply,), traceparent)
        if isinstance(answer, CommittedAnswer):
            # Its files were taken away by hand. The saga waits for the commit's own reply, which the outbox has.
            return self._replied(command.meta.event_id, command.document_id, (), traceparent)
        note = memory.notes.get(command.ticket_id)
        last_refusal = None if note is None else note.problem
        return abandoned_entry(command, last_refusal, self._parts.identity, now, traceparent)

    async def _other_answer(self, command: AbandonUpload, refused: str | None, now: datetime) -> Message | None:
        """Return why the upload is not given up; None when nothing speaks against it."""
        if refused is not None:
            return facts.refused_again(command, refused, self._source, now)
        committed = self._holdings.committed
        found = await self._parts.gate.call(committed, command.document_id, command.document_version)
        if found is not None:
            return facts.content_committed(found, command.ticket_id, command.meta.correlation_id, self._source)
        received = self._parts.stagings.arriving(command.ticket_id)
        if received is None or self._parts.stagings.deadline_passed(command.ticket_id):
            return None
        return facts.upload_in_progress(command, received, self._source, now)

    def _replied(self, command_id: str, lane: str, messages: tuple[Message, ...], traceparent: str | None) -> Replied:
        records = stored(messages, traceparent)
        return Replied(at=self._parts.clock.now(), lane=lane, records=records, command_id=command_id)

    async def _tell(self, entry: Replied | Abandoned) -> None:
        await self._parts.journal.append(entry)
        self._parts.outbox.wake()
