"""The campaign of power cuts: the file system under an agent is cut off at random instants, and mounted again.

Run as `python -m tests.campaigns.power --kind ext4 --cuts 2000 --seed 7 --seconds 1800`; with `--neglect` each
durability step is left out in turn, and it shows what that costs.
"""

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.case import Case
from tests.campaigns.drives import MAKE, MEMORY, Drive, Flush, a_drive, lacking
from tests.campaigns.evidence import Fault
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.negligence import STEPS
from tests.campaigns.nursery import NotDead, Nursery, a_nursery
from tests.campaigns.orders import DISK_FAILED, IN_ORDER
from tests.campaigns.tally import SHOWN, Tally

CUTS_A_DRIVE = 100
ROOM_MIN = 0.3
WHOLE_EVERY = 25
NEGLECT_CUTS = 36
BYTES_MAX = 300_000
# Mostly the worst; a drive that lost power may have got more, and it may have got everything.
FLUSHES = {Flush.NOTHING: 70, Flush.LOG: 15, Flush.EVERYTHING: 15}


def cut_once(drive: Drive, nursery: Nursery, case: Case, tally: Tally) -> None:
    """Begin a life, cut its disk off at some instant, see it stop by itself, and bring the disk back."""
    order, early = case.live(nursery)
    flushes = {flush: odds for flush, odds in FLUSHES.items() if not case.neglected or flush != Flush.EVERYTHING}
    nursery.drain()
    case.witness.is_late = True
    drive.cut(case.dice.choices(list(flushes), list(flushes.values()))[0])
    try:
        status = nursery.end()
    except NotDead as error:
        case.witness.faults.append(Fault("agent", "a life", f"the disk failed, and {error}"))
    else:
        if status not in ({DISK_FAILED, IN_ORDER} if order.mode is not None else {DISK_FAILED}):
            case.witness.faults.append(Fault("agent", "a life", f"the disk failed, and it ended with {status}"))
    case.witness.is_late = False
    drive.unmount()
    drive.mount()
    tally.died(early=early, word="cuts")


@dataclass
class Campaign:
    """Cuts of drives of one kind, made in `folder`, until there are so many, or `seconds` are over, or a root is hurt.

    With a step that is `neglected` it goes on after a fault, on a new root, until `enough` roots are hurt.
    """

    folder: Path
    kind: str
    seed: int
    cuts: int
    seconds: float
    neglected: str = ""
    enough: int = 1
    hurt: int = 0
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Tally:
        """Go from drive to drive."""
        self._deadline = time.monotonic() + self.seconds
        self._roots = itertools.count()
        with a_nursery() as nursery:
            while not self._is_over():
                until = self.tally.deaths + CUTS_A_DRIVE
                with a_drive(self.kind, self.folder) as drive:
                    while not self._is_over() and drive.room > ROOM_MIN and self.tally.deaths < until:
                        self._cut(drive, nursery, until)
        return self.tally

    def _is_over(self) -> bool:
        is_enough = self.tally.deaths >= self.cuts or time.monotonic() > self._deadline
        return is_enough or self.hurt >= self.enough

    def _cut(self, drive: Drive, nursery: Nursery, until: int) -> None:
        """Cut on one root until the drive is to be changed, or a fault is found."""
        name = f"root-{next(self._roots)}"
        dice = random.Random(f"{self.seed}/{self.kind}/{self.neglected}/{name}")  # noqa: S311 - to be drawn again
        case = Case(drive.place / name / "element", dice, BYTES_MAX, self.neglected)
        try:
            for number in itertools.count(1):
                cut_once(drive, nursery, case, self.tally)
                # Sometimes the next cut falls into the recovery from this one.
                if case.dice.random() < 0.75:
                    case.examine(whole=number % WHOLE_EVERY == 0)
                is_full = drive.room < ROOM_MIN or self.tally.deaths >= until
                if case.faults or is_full or self._is_over():
                    break
            if not case.faults:
                case.neglected = ""
                case.close(nursery)
        finally:
            self.hurt += bool(case.faults)
            self.tally.take(case, shown=0 if self.neglected else SHOWN)


def neglect(folder: Path, kind: str, seed: int, seconds: float, steps: Sequence[str] = STEPS) -> dict[str, Campaign]:
    """Leave out one durability step after the other; return what each came to."""
    found: dict[str, Campaign] = {}
    for step in steps:
        found[step] = Campaign(folder, kind, seed, NEGLECT_CUTS, seconds, step, NEGLECT_CUTS)
        tally = found[step].run()
        said(f"{kind} without syncs of {step}: {found[step].hurt} of the roots hurt; {tally.told('cuts')}")
    return found


def main() -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(description="power cuts of the file system under an agent")
    parser.add_argument("--kind", choices=list(MAKE), default="ext4")
    parser.add_argument("--cuts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--neglect", action="store_true", help="leave each durability step out in turn")
    given = parser.parse_args()
    if (why := lacking(given.kind)) is not None:
        said(f"{given.kind} {why}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # also then everything is unmounted
    said(f"seed {given.seed}, {given.kind}, at most {given.cuts} cuts and {given.seconds:.0f} s")
    under_fire = commit()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="artstore-power-") as folder:
        if given.neglect:
            for step, campaign in neglect(Path(folder), given.kind, given.seed, given.seconds).items():
                tally = campaign.tally
                row = (given.seed, given.kind, step, tally.deaths, campaign.hurt, *tally.cells())
                note("Power cuts with a durability step left out", under_fire, row)
            return 0
        tally = Campaign(Path(folder), given.kind, given.seed, given.cuts, given.seconds).run()
    row = (given.seed, given.kind, tally.deaths, tally.early, tally.late, tally.untrue, *tally.cells())
    note("Power cuts", under_fire, row)
    said(f"{tally.told('cuts')}; {tally.late} acknowledged after the cut to nobody, {tally.untrue} of them untrue")
    return 0 if tally.sound else 1


if __name__ == "__main__":
    sys.exit(main())
