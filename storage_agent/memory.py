"""What the journal makes an agent remember: the fold of its entries, live and after a restart the same."""

from datetime import datetime

from storage_agent.entries import (
    Abandoned,
    Acknowledged,
    Ailing,
    Announced,
    Carried,
    Command,
    Committed,
    Damaged,
    Entry,
    Landed,
    Listed,
    Materialised,
    Mended,
    Note,
    Passed,
    Refused,
    Replied,
    Scrubbed,
    Scrubbing,
    ScrubState,
    Telling,
    Unlisted,
    Unsettled,
    Waiting,
)
from storage_agent.ledger import Ledger

REPLIED_KEPT = 4096
# Each takes 1.4 KiB of memory, and 0.3 KiB of a segment's head, which is written while everybody waits.
COMMITTED_KEPT = 8192

Key = tuple[str, int]


class Memory:
    """Everything durable that is needed at hand. Only entries that are synced are applied."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.notes: dict[str, Note] = {}
        self.commands: dict[str, Command] = {}
        self.offsets: dict[int, int] = {}
        self.waiting: dict[int, Waiting] = {}
        self.unsettled: dict[Key, Unsettled] = {}
        # The newest event of this element that Kafka acknowledged in each partition: read back at a start.
        self.landed: dict[Key, Landed] = {}
        self.announced_epoch = 0
        # Versions that are told as damaged, the number of the newest fact about any, and how far the scrub is.
        self.damaged: dict[Key, Ailing] = {}
        self.fixity_number = 0
        self.scrub: ScrubState | None = None
        # Hour folders by their name whose checksum list is older than the newest commit in them.
        self.unlisted: dict[str, Unlisted] = {}
        # The newest answered commands: one that is read again at another place is told by its id.
        self._replied: dict[str, None] = {}

    def apply(self, number: int, entry: Entry) -> None:
        """Take one entry in; `number` is its place in the journal."""
        if isinstance(entry, Telling):
            self._tell(number, entry)
        match entry:
            case Carried():
                self._begin(entry)
            case Committed():
                self.unsettled[entry.document_id, entry.version] = Unsettled(number=number, committed=entry)
                self._owe_list(number, entry)
            case Announced():
                self.announced_epoch = entry.mode_epoch
            case Note():
                self.note(entry)
            case Command() | Passed():
                self._read(entry)
            case Materialised():
                self.settle(entry.document_id, entry.version)
            case Listed():
                self._list(entry)
            case Acknowledged():
                self.waiting = {n: waiting for n, waiting in self.waiting.items() if n > entry.through}
                self.landed.update({(landed.topic, landed.partition): landed for landed in entry.last})
            case _:
                self._note_fixity(entry)

    def note(self, note: Note) -> None:
        """Remember the last refusal of a ticket that is not spent."""
        if self.ledger.get(note.ticket_id) is None:
            self.notes[note.ticket_id] = note

    def settle(self, document_id: str, version: int) -> None:
        """Take note that a version's files are in place."""
        self.unsettled.pop((document_id, version), None)

    def in_place_through(self, directory: str) -> int | None:
        """Return the entry number up to which all commits in a folder that is owed a list are in place; else None."""
        owed = self.unlisted.get(directory)
        if owed is None:
            return None
        held = (u.number - 1 for u in self.unsettled.values() if u.committed.directory == directory)
        return min(held, default=owed.number)

    def acknowledge(self, number: int) -> None:
        """Take note that Kafka has all records of entry `number`."""
        self.waiting.pop(number, None)

    def knows_command(self, command_id: str) -> bool:
        """Tell whether the command was journalled before."""
        return command_id in self.commands or command_id in self._replied

    def released(self, most: int) -> list[Waiting]:
        """Return up to `most` waiting entries, in order, that may go out.

        None whose files are not in place, and none behind such a one in its lane.
        """
        held = {unsettled.number for unsettled in self.unsettled.values()}
        lanes: set[str] = set()
        found: list[Waiting] = []
        for number, waiting in self.waiting.items():
            if len(found) == most:
                break
            if number in held or waiting.lane in lanes:
                lanes.add(waiting.lane)
            else:
                found.append(waiting)
        return found

    def needed_from(self, next_number: int) -> int:
        """Return the lowest entry number that something still waits for; `next_number` when nothing does."""
        numbers = (*self.waiting, *(unsettled.number for unsettled in self.unsettled.values()))
        return min(numbers, default=next_number)

    def carry(self, now: datetime, previous: str) -> Carried:
        """Return all of it as the head of a new segment, without what has expired."""
        self.ledger.forget_expired(now)
        self.ledger.let_go(COMMITTED_KEPT, {u.committed.answer.ticket_id for u in self.unsettled.values()})
        self.notes = {key: note for key, note in self.notes.items() if note.expires_at > now}
        return Carried(
            at=now,
            previous=previous,
            answers=self.ledger.answers(),
            let_go_until=self.ledger.let_go_until,
            notes=tuple(self.notes.values()),
            commands=tuple(self.commands.values()),
            replied=tuple(self._replied),
            offsets={str(partition): offset for partition, offset in self.offsets.items()},
            waiting=tuple(self.waiting.values()),
            unsettled=tuple(self.unsettled.values()),
            landed=tuple(self.landed.values()),
            announced_epoch=self.announced_epoch,
            ailing=tuple(self.damaged.values()),
            fixity_number=self.fixity_number,
            scrub=self.scrub,
            unlisted=tuple(self.unlisted.values()),
        )

    def _begin(self, carried: Carried) -> None:
        self.ledger = Ledger(carried.answers, carried.let_go_until)
        self.notes = {note.ticket_id: note for note in carried.notes}
        self.commands = {command.command_id: command for command in carried.commands}
        self.offsets = {int(partition): offset for partition, offset in carried.offsets.items()}
        self.waiting = {waiting.number: waiting for waiting in carried.waiting}
        self.unsettled = {(u.committed.document_id, u.committed.version): u for u in carried.unsettled}
        self.landed = {(landed.topic, landed.partition): landed for landed in carried.landed}
        self.announced_epoch = carried.announced_epoch
        self.damaged = {(ailing.document_id, ailing.version): ailing for ailing in carried.ailing}
        self.fixity_number, self.scrub = carried.fixity_number, carried.scrub
        self.unlisted = {owed.directory: owed for owed in carried.unlisted}
        self._replied = dict.fromkeys(carried.replied)

    def _tell(self, number: int, entry: Telling) -> None:
        self.waiting[number] = Waiting(number=number, at=entry.at, lane=entry.lane, records=entry.records)
        if isinstance(entry, Committed | Refused | Abandoned):
            self.ledger.record(entry.answer)
            self.notes.pop(entry.answer.ticket_id, None)
        if isinstance(entry, Abandoned | Replied):
            self._finish(entry.command_id)

    def _note_fixity(self, entry: Entry) -> None:
        match entry:
            case Damaged(document_id=document_id, version=version, part=part, number=number):
                ailing = Ailing(document_id=document_id, version=version, part=part, number=number)
                self.damaged[document_id, version] = ailing
                self.fixity_number = max(self.fixity_number, number)
            case Mended():
                self.damaged.pop((entry.document_id, entry.version), None)
                self.fixity_number = max(self.fixity_number, entry.number)
            case Scrubbing() | Scrubbed():
                self.scrub = entry.state

    def _owe_list(self, number: int, committed: Committed) -> None:
        before = self.unlisted.get(committed.directory)
        self.unlisted[committed.directory] = Unlisted(
            directory=committed.directory,
            number=number,
            since=committed.at if before is None else before.since,
            newest_at=committed.at,
        )

    def _list(self, listed: Listed) -> None:
        owed = self.unlisted.get(listed.directory)
        if owed is None or owed.number <= listed.through:
            self.unlisted.pop(listed.directory, None)
        else:
            self.unlisted[listed.directory] = owed.model_copy(update={"since": owed.newest_at})

    def _finish(self, command_id: str) -> None:
        self.commands.pop(command_id, None)
        self._replied[command_id] = None
        while len(self._replied) > REPLIED_KEPT:
            del self._replied[next(iter(self._replied))]

    def _read(self, entry: Command | Passed) -> None:
        if isinstance(entry, Command):
            self.commands[entry.command_id] = entry
        self.offsets[entry.position.partition] = entry.position.offset + 1
