"""The campaign of kills: an agent under eight writers is killed at random instants, and what it leaves is examined.

Run as `python -m tests.campaigns.kills --kills 10000 --seed 7 --seconds 3600`. The seed draws what every life does and
when it is to die; which instruction that hits, no seed can say.
"""

import argparse
import itertools
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.case import Case
from tests.campaigns.drives import MEMORY
from tests.campaigns.evidence import Fault
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.nursery import Nursery, a_nursery
from tests.campaigns.orders import IN_ORDER
from tests.campaigns.storm import Storm
from tests.campaigns.tally import Tally

KILLS_A_ROOT = 150
WHOLE_EVERY = 50
# One kill in so many strikes the whole program, which is asked over HTTP.
PROGRAM_EVERY = 18
KILLED = -signal.SIGKILL


def kill_once(nursery: Nursery, case: Case, tally: Tally) -> None:
    """Begin a life and kill it at some instant; a change of the mode may come to its end before that."""
    order, early = case.live(nursery)
    status = nursery.kill()
    if status == KILLED:
        tally.died(early=early)
    elif status != IN_ORDER or order.mode is None:
        case.witness.faults.append(Fault("agent", "a life", f"ended with {status} before it was killed"))


@dataclass
class Campaign:
    """Kills on roots below `folders` in turn, until there are enough, or `seconds` are over, or a fault is found."""

    folders: Sequence[Path]
    seed: int
    kills: int
    seconds: float
    program_every: int = PROGRAM_EVERY
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Tally:
        """Go from root to root."""
        self._deadline = time.monotonic() + self.seconds
        with a_nursery() as nursery:
            for number in itertools.count():
                if self._is_over():
                    return self.tally
                kills = min(self.kills - self.tally.deaths, KILLS_A_ROOT)
                of_program = kills // self.program_every if self.program_every else 0
                folder = self.folders[number % len(self.folders)]
                with self._case(folder, f"{number}") as case:
                    self._kill(nursery, case, kills - of_program)
                if of_program and not self._is_over():
                    with self._case(folder, f"{number}-program") as case:
                        Storm(case, nursery, self.tally).strike(of_program)
                        case.close(nursery)
        raise AssertionError

    def _is_over(self) -> bool:
        is_enough = self.tally.deaths >= self.kills or time.monotonic() > self._deadline
        return is_enough or bool(self.tally.faults)

    def _kill(self, nursery: Nursery, case: Case, kills: int) -> None:
        until = self.tally.deaths + kills
        for number in itertools.count(1):
            kill_once(nursery, case, self.tally)
            # Sometimes the next one dies in the recovery from what this one left, before anybody else has done it.
            if case.dice.random() < 0.75:
                case.examine(whole=number % WHOLE_EVERY == 0)
            if self.tally.deaths >= until or case.faults or time.monotonic() > self._deadline:
                break
        case.close(nursery)

    @contextmanager
    def _case(self, folder: Path, name: str) -> Iterator[Case]:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f"root-{name}-") as home:
            case = Case(Path(home) / "elements" / "hot", random.Random(f"{self.seed}/{name}"))  # noqa: S311 - a seed
            try:
                yield case
            finally:
                self.tally.take(case)


@contextmanager
def places() -> Iterator[list[Path]]:
    """Make a folder on the disk and one in memory, if there can be one, for the length of the block.

    A killed process leaves to the system what it wrote: whether a drive has it is no matter. In memory syncs cost
    nothing, and the instants fall elsewhere.
    """
    with ExitStack() as stack:
        parents = [None, *([MEMORY] if os.access(MEMORY, os.W_OK) else [])]
        made = [stack.enter_context(tempfile.TemporaryDirectory(dir=parent, prefix="artstore-")) for parent in parents]
        yield [Path(folder) for folder in made]


def main() -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(description="kills of an agent under eight writers")
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--seconds", type=float, default=7200.0)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # also then everything is ended
    said(f"seed {given.seed}, at most {given.kills} kills and {given.seconds:.0f} s")
    under_fire = commit()
    with places() as folders:
        tally = Campaign(folders, given.seed, given.kills, given.seconds).run()
    row = (given.seed, tally.deaths, tally.early, tally.of_program, *tally.cells())
    note("Kills of an agent", under_fire, row)
    said(tally.told("kills"))
    return 0 if tally.sound else 1


if __name__ == "__main__":
    sys.exit(main())
