"""What a campaign was told about one element: uploads and how they ended, the log as it stands, and commands."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.evidence import Fault, Version, decoded
from tests.campaigns.nursery import Line
from tests.campaigns.orders import body_of

FACT = "DocumentCommitted"
READ_ONLY = frozenset({"ro", "ar"})


@dataclass
class Upload:
    """One ticket that was used. `how`: committed, refused or abandoned; None while nobody was told.

    `sha256`: the digest that was acknowledged; None when only a conflict has told that there is one. `is_shut_out`: it
    was begun while the element took no documents, so it may never be committed.
    """

    ticket: Mapping[str, Any]
    is_shut_out: bool = False
    how: str | None = None
    sha256: str | None = None

    @property
    def document_id(self) -> str:
        return str(self.ticket["document_id"])

    def possible(self) -> set[str]:
        """Return the digests of the bodies that its writers have sent."""
        return {
            hashlib.sha256(body_of(self.document_id, self.ticket["size"], variant)).hexdigest() for variant in (0, 1)
        }


@dataclass
class Command:
    """One command, by where its topic has it first."""

    offset: int
    value: str
    type: str
    ticket_id: str | None
    accepted: bool = False


@dataclass
class Witness:
    """Hears every line; what contradicts an earlier one is a fault at once."""

    uploads: dict[str, Upload] = field(default_factory=dict)
    documents: dict[str, Upload] = field(default_factory=dict)
    # The log: the ids of the events in each partition, in order, and the first bytes under each id and cause.
    placed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    facts: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    announced: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    causes: set[str] = field(default_factory=set)
    replied: dict[str, str] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    next_command: int = 0
    # What mode and epoch the element may be in: two, when somebody died while he changed it.
    modes: set[tuple[str, int]] = field(default_factory=lambda: {("edit", 1)})
    element_id: str | None = None
    # From the moment of a power cut on nobody could have heard what is told, and none of it is a promise; but some of
    # it is true. So it is remembered apart: which ids and causes were told then, and what was acknowledged.
    is_late: bool = False
    rumours: set[str] = field(default_factory=set)
    late: dict[str, str] = field(default_factory=dict)
    late_count: int = 0
    untrue_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """Return how many documents were acknowledged."""
        return sum(upload.sha256 is not None for upload in self.uploads.values())

    def hear(self, line: Line) -> None:
        """Take one line."""
        hears = self._hears_late() if self.is_late else self._hears()
        hear = hears.get(line["told"])
        if hear is not None:
            hear(line)

    def _hears(self) -> Mapping[str, Callable[[Line], None]]:
        return {
            "begun": self._begin,
            "ended": self._end,
            "record": self._record,
            "asked": self._ask,
            "command": self._command,
            "accepted": self._accept,
            "offset": self._begin_at,
            "served": self._serve,
            "changing": self._change,
            "changed": self._see_mode,
            "ready": self._open,
            "failed": self._fail,
        }

    def _hears_late(self) -> Mapping[str, Callable[[Line], None]]:
        told = {name: self._hears()[name] for name in ("begun", "command", "changing", "served", "failed")}
        return told | {"record": self._record_late, "ended": self._end_late}

    def compare_late(self, versions: Mapping[str, Version]) -> None:
        """Count what was acknowledged after a cut, and how much of that was not true."""
        self.late_count += len(self.late)
        self.untrue_count += sum(document_id not in versions for document_id in self.late)
        self.late = {}

    def unaccepted(self) -> list[tuple[int, str]]:
        """Return the commands of which nobody was told that they were accepted: an agent reads them again."""
        return [(command.offset, command.value) for command in self.commands.values() if not command.accepted]

    def sizes(self) -> dict[str, int]:
        """Return how many records each partition has."""
        return {place: len(ids) for place, ids in self.placed.items()}

    def untold(self, versions: Mapping[str, Version]) -> Iterator[Fault]:
        """Judge the log when the outbox is empty: all that is on the disk was told, all that was asked answered."""
        committed = {ticket_id for ticket_id, kind in self.replied.items() if kind == "ContentCommitted"} | self.rumours
        for document_id in versions:
            if document_id not in self.facts.keys() | self.rumours:
                yield Fault("I7", document_id, "committed, and its fact was never told")
            elif self._ticket_of(document_id) not in committed:
                yield Fault("I11", document_id, "committed, and its saga was never answered")
        for upload in self.uploads.values():
            ticket_id = str(upload.ticket["ticket_id"])
            if upload.how in {"refused", "abandoned"} and ticket_id not in self.replied.keys() | self.rumours:
                yield Fault("I11", ticket_id, f"{upload.how}, and its saga was never answered")
        for command_id, command in self.commands.items():
            if command_id not in self.causes | self.rumours and command.ticket_id not in committed:
                yield Fault("I11", command_id, f"{command.type} at {command.offset} was never answered")
        for epoch, ids in self.announced.items():
            if len(ids) > 1:
                yield Fault("I8", f"epoch {epoch}", "was announced under several ids")

    def _ticket_of(self, document_id: str) -> str:
        return str(self.documents[document_id].ticket["ticket_id"]) if document_id in self.documents else ""

    def _begin(self, line: Line) -> None:
        upload = Upload(line["ticket"], READ_ONLY.issuperset(mode for mode, _ in self.modes))
        self.uploads[line["ticket"]["ticket_id"]] = self.documents[upload.document_id] = upload

    def _end(self, line: Line) -> None:
        upload, how, sha256 = self.uploads[line["ticket_id"]], line["how"], line.get("sha256")
        if how == "conflict":
            how = "committed"
        if upload.how not in {None, how}:
            self._fault("I8", line["ticket_id"], f"ended as {upload.how}, and then as {how}")
        if sha256 is not None and (upload.sha256 not in {None, sha256} or sha256 not in upload.possible()):
            self._fault("I1", line["ticket_id"], "acknowledged with bytes that were not sent, or that changed since")
        upload.how, upload.sha256 = how, sha256 or upload.sha256

    def _end_late(self, line: Line) -> None:
        upload = self.uploads[line["ticket_id"]]
        if line["how"] == "committed" and upload.how is None:
            self.late[upload.document_id] = line["sha256"]

    def _place(self, line: Line) -> tuple[str, str, bytes]:
        event_id, cause = line["headers"]["ce_id"], line["headers"].get("ce_causationid", "")
        ids = self.placed[line["place"]]
        assert line["offset"] == len(ids), "the log lost count"
        ids.append(event_id)
        return event_id, cause, base64.b64decode(line["value"])

    def _record_late(self, line: Line) -> None:
        _, cause, value = self._place(line)
        _, told = decoded(value)
        self.rumours |= {cause, str(told["meta"]["aggregate_id"]), str(told.get("ticket_id"))}

    def _record(self, line: Line) -> None:
        event_id, cause, value = self._place(line)
        digest = hashlib.sha256(value).hexdigest()
        if self.values.setdefault((event_id, cause), digest) != digest:
            self._fault("I8", event_id, "was told again with other bytes")
        kind, told = decoded(value)
        self.causes.add(cause)
        if "ticket_id" in told and kind != "UploadInProgress":
            self._reply(kind, told["ticket_id"])
        if kind == FACT:
            self._tell(told["meta"]["aggregate_id"], event_id, told["attr"])
        if kind in {"ElementRegistered", "ElementModeChanged"}:
            self.announced[told["mode_epoch"]].add(event_id)

    def _reply(self, kind: str, ticket_id: str) -> None:
        if self.replied.setdefault(ticket_id, kind) != kind:
            self._fault("I8", ticket_id, f"its saga was answered {self.replied[ticket_id]}, and then {kind}")
        document_id = self.uploads[ticket_id].document_id
        if kind == "ContentCommitted" and document_id not in self.facts.keys() | self.rumours:
            self._fault("I7", document_id, "the reply came before the fact that it announces")

    def _tell(self, document_id: str, event_id: str, attr: bytes) -> None:
        if self.facts.setdefault(document_id, (event_id, attr)) != (event_id, attr):
            self._fault("I8", document_id, "its commit was told under two ids, or with other attributes")

    def _ask(self, line: Line) -> None:
        for topic, partition, offset, event_id in line["landed"]:
            if self.placed[f"{topic}/{partition}"][offset : offset + 1] != [event_id]:
                self._fault("I7", event_id, f"believed to stand at {topic}/{partition}@{offset}, and does not")

    def _command(self, line: Line) -> None:
        kind, told = decoded(base64.b64decode(line["value"]))
        command = Command(line["offset"], line["value"], kind, told.get("ticket_id"))
        self.commands.setdefault(line["command_id"], command)
        self.next_command = max(self.next_command, line["offset"] + 1)

    def _accept(self, line: Line) -> None:
        command = self.commands[line["command_id"]]
        if line["is_new"] and command.accepted:
            self._fault("I11", line["command_id"], "was accepted a second time")
        command.accepted = True

    def _begin_at(self, line: Line) -> None:
        offset = line["offset"]
        read = [command.offset for command in self.commands.values() if command.accepted]
        if read and offset <= max(read):
            self._fault("I11", f"offset {offset}", f"the agent reads again, though it had accepted {max(read)}")

    def _serve(self, line: Line) -> None:
        if not line["right"]:
            self._fault("I6", line["document_id"], "other bytes were served than were sent")

    def see(self, mode: str, mode_epoch: int) -> None:
        """Take note of the mode that the element is in."""
        if (mode, mode_epoch) not in self.modes:
            self._fault("I13", f"{mode} in epoch {mode_epoch}", f"it should be {sorted(self.modes)}")
        self.modes = {(mode, mode_epoch)}

    def _change(self, line: Line) -> None:
        self.modes |= {(line["mode"], epoch + 1) for mode, epoch in self.modes if mode != line["mode"]}

    def _see_mode(self, line: Line) -> None:
        self.see(line["mode"], line["mode_epoch"])

    def _fail(self, line: Line) -> None:
        self._fault("agent", "a life", line["why"])

    def _open(self, line: Line) -> None:
        if self.element_id not in {None, line["element_id"]}:
            self._fault("I22", line["element_id"], "the element has become another one")
        self.element_id = line["element_id"]
        self._see_mode(line)

    def _fault(self, invariant: str, subject: str, seen: str) -> None:
        self.faults.append(Fault(invariant, subject, seen))
