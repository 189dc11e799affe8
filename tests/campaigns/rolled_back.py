"""An old valid pair put back, and files taken away: sound in themselves, so that only the event log can tell."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from projections.catalogue import DOCUMENTS
from projections.diff import compare
from projections.disk import Broken, scan
from projections.documents.fold import fold_received
from projections.tables import Row, row_as_json
from schemas.attributes import SEAL_FIELD, Attributes
from schemas.envelope import Position, Received
from schemas.sealing import unseal_told
from storage_agent.files import LocalDisk
from storage_agent.verifying import verify
from tests.agents import Plane, sha256
from tests.builders import a_document_committed
from tests.campaigns.damage import look, served
from tests.campaigns.flips import Outcome, Tally
from tests.campaigns.papers import Stored, remove


def next_pair(stored: Stored) -> Stored:
    """Return the same version after one more change, of its attributes and its bytes: the state that the log knows."""
    before = Attributes.from_sealed(stored.attr)
    data = stored.data + b"!"
    content = before.content.model_copy(update={"size": len(data), "sha256": sha256(data)})
    changes = {"attr_seq": before.attr_seq + 1, "prev_attr_sha256": _seal(stored.attr), "content": content}
    attr = before.model_copy(update=changes).sealed()
    return Stored(stored.ticket, data, attr, stored.body_path, stored.attr_path)


async def told_by_the_log(plane: Plane, stored: Sequence[Stored], tally: Tally) -> None:
    """Put older pairs under versions that the log knows newer, and take files away: the agent sees nothing wrong.

    A difference that `artstore diff` tells names what the log has and what lies here; without it nothing was found.
    `artstore verify`, which asks no log, tells of files that are gone and still in their folder's checksum list.
    """
    newer = [next_pair(each) for each in stored]
    for each in newer:
        each.put_back()
    log = [row for each in newer for row in _rows_of_log(each)]
    assert _differences(plane.root, log) == []
    for each in newer:
        assert await served(plane, each) == {"whole"}, each.name

    async def tried(
        kind: str, change: Callable[[Stored], None], *, is_there: bool, answer: str, verified: bool
    ) -> None:
        for each in stored:
            change(each)
        lines, named = _differences(plane.root, log), {path for path, _ in verify(LocalDisk(), plane.root).faults}
        for old, new in zip(stored, newer, strict=True):
            mine = {line for line in lines if old.ticket.document_id in line}
            told = mine == _lines(new, old if is_there else None) and await served(plane, old) == {answer}
            assert (old.attr_path.relative_to(plane.root).as_posix() in named) == verified, old.name
            tally.add(f"log: {kind}", Outcome.FOUND if told else Outcome.MISSED, old.name)

    await tried("old pair put back", Stored.put_back, is_there=True, answer="whole", verified=False)
    await tried("attr gone", lambda each: remove(each.attr_path), is_there=False, answer="not_found", verified=True)
    await tried("pair gone", lambda each: remove(each.body_path), is_there=False, answer="not_found", verified=True)
    for each in stored:
        each.put_back()
        assert not await look(plane, each), f"{each.name} is sound in itself"


def _lines(newer: Stored, older: Stored | None) -> set[str]:
    """Return the lines of `artstore diff` when the log knows the newer pair, and the disk the older one, or nothing."""
    said = [[_state(each), _epoch(each)] for each in (newer, older)]
    return {
        f"documents {newer.ticket.document_id}: log has {''.join(said[0])}, disk has {''.join(said[1])}",
        f"versions {newer.name}: log has {said[0][0]}, disk has {said[1][0]}",
    }


def _state(stored: Stored | None) -> str:
    if stored is None:
        return "nothing"
    return f"attr_seq {Attributes.from_sealed(stored.attr).attr_seq} attr_sha256 {_seal(stored.attr)}"


def _epoch(stored: Stored | None) -> str:
    return "" if stored is None else f" mode_epoch {Attributes.from_sealed(stored.attr).element.mode_epoch}"


def _seal(attr: bytes) -> str:
    return unseal_told(attr, SEAL_FIELD)[1]


def _rows_of_log(stored: Stored) -> Iterable[Row]:
    fact = a_document_committed(Attributes.from_sealed(stored.attr))
    return fold_received(Received(fact, Position(fact.topic, 0, 0)))


def _differences(root: Path, log: Iterable[Row]) -> list[str]:
    """Compare as `artstore diff` does, without the views: a line per difference, and per file that is broken."""
    disk, lines = list[Row](), list[str]()
    for found in scan([root]):
        if isinstance(found, Broken):
            lines.append(str(found))
        else:
            disk += found
    for table in DOCUMENTS.tables:
        rows = {"log": _by_key(log, table.row), "disk": _by_key(disk, table.row)}
        lines += compare(table, rows)
    return lines


def _by_key(rows: Iterable[Row], kind: type[Row]) -> dict[tuple[object, ...], dict[str, Any]]:
    return {row.key: row_as_json(row) for row in rows if type(row) is kind}
