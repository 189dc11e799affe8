"""One element on which many die in turn: what each of them is to do, and the examination after a death."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.errors import ArtStoreError
from storage_agent.files import LocalDisk
from storage_agent.journal import SEGMENT_BYTES
from storage_agent.recovery import recover
from tests.campaigns.autopsy import Autopsy
from tests.campaigns.evidence import Fault
from tests.campaigns.nursery import Nursery
from tests.campaigns.orders import IN_ORDER, Order
from tests.campaigns.witness import READ_ONLY, Witness

HOURS_AHEAD_MAX = 12
LOGS = {"there": 54, "flaky": 20, "away": 23, "lost": 3}
SEGMENTS = {30_000: 60, 200_000: 20, SEGMENT_BYTES: 20}
LIFE_SECONDS = 120
EARLY = 0.35
CHANGE_SECONDS = 0.02
READY_SECONDS = 20.0
WORKING_SECONDS = 0.2


@dataclass
class Case:
    """A root, and all that is known about it."""

    root: Path
    dice: random.Random
    bytes_max: int = 700_000
    neglected: str = ""
    witness: Witness = field(default_factory=Witness)
    ahead_seconds: float = 0.0
    recovered: int = 0
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._autopsy = Autopsy(self.root)

    @property
    def now(self) -> datetime:
        """Return the time of the newest life."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead_seconds)

    def next_life(self) -> Order:
        """Draw what the next one is to do. Its clock is hours ahead of the last one's, for folders of its own."""
        self.ahead_seconds += self.dice.uniform(0, HOURS_AHEAD_MAX * 3600)
        is_shut = not READ_ONLY.isdisjoint(mode for mode, _ in self.witness.modes)
        if self.witness.element_id is not None and self.dice.random() < (0.5 if is_shut else 0.03):
            return self._order(mode=self.dice.choice(("edit", "rw") if is_shut else ("rw", "ro", "ar")))
        return self._order()

    def live(self, nursery: Nursery) -> tuple[Order, bool]:
        """Begin a life and let it go on up to some instant; return its order, and whether it is to die early.

        Many have that instant while they open the element, and so recover from the one before; most while they work.
        """
        order, began = self.next_life(), time.monotonic()
        nursery.hear = self.witness.hear
        nursery.begin(order)
        if order.mode is not None:
            nursery.listen(self.dice.uniform(0, CHANGE_SECONDS))
            return order, False
        if self.dice.random() < EARLY:
            return order, not nursery.listen(self.dice.uniform(0, 1.3 * nursery.opening_seconds), until="ready")
        if nursery.listen(READY_SECONDS, until="ready"):
            nursery.opening_seconds += 0.1 * (time.monotonic() - began - nursery.opening_seconds)
            nursery.listen(self.dice.uniform(0, WORKING_SECONDS))
        return order, False

    def drain(self) -> Order:
        """Return the order to tell the log everything and to end."""
        self.ahead_seconds += 3600
        return self._order(drain=True)

    def examine(self, *, whole: bool = False) -> list[Fault]:
        """Recover twice, which must leave the same tree, and read what then lies there; return the new faults."""
        before = len(self.faults)
        if (self.root / "element.json").exists():
            self.faults += self._recovered_twice()
            self.faults += self._autopsy.whole(self.witness) if whole else self._autopsy.examine(self.witness)
        elif self.witness.acknowledged:
            self.faults.append(Fault("I1", str(self.root), "the element is gone"))
        self.faults += self.witness.faults
        self.witness.faults = []
        return self.faults[before:]

    def close(self, nursery: Nursery) -> list[Fault]:
        """Let one last life tell everything, then judge the log as well; return the new faults."""
        nursery.hear = self.witness.hear
        nursery.begin(self.drain())
        nursery.listen(LIFE_SECONDS)
        if (status := nursery.end()) != IN_ORDER:
            self.witness.faults.append(Fault("agent", "the last life", f"ended with {status}"))
        found = self.examine(whole=True)
        untold = list(self.witness.untold(self._autopsy.versions))
        self.faults += untold
        return found + untold

    def _recovered_twice(self) -> Iterator[Fault]:
        trees = []
        for _ in range(2):
            try:
                recovered = recover(LocalDisk(), self.root, self.now)
            except (ArtStoreError, OSError) as error:
                yield Fault("I1", str(self.root), f"it does not open again: {error}")
                return
            for committed in recovered.missing:
                yield Fault("I1", committed.document_id, "committed, and its body is gone")
            trees.append(self._autopsy.tree())
        self.recovered += 1
        for name in trees[0].items() ^ trees[1].items():
            yield Fault("recovery", name[0], "differs after the second recovery")

    def _order(self, *, mode: str | None = None, drain: bool = False) -> Order:
        witness, dice = self.witness, self.dice
        tickets = [dict(upload.ticket) for upload in list(witness.uploads.values())[-200:]]
        return Order(
            root=str(self.root),
            seed=dice.getrandbits(32),
            ahead_seconds=self.ahead_seconds,
            segment_bytes=dice.choices(list(SEGMENTS), list(SEGMENTS.values()))[0],
            bytes_max=self.bytes_max,
            log="there" if drain else dice.choices(list(LOGS), list(LOGS.values()))[0],
            mode=mode,
            drain=drain,
            tickets=dice.sample(tickets, min(len(tickets), 8)),
            commands=witness.unaccepted(),
            next_command=witness.next_command,
            placed=witness.sizes(),
            neglected=self.neglected,
        )
