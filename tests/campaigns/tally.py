"""What a campaign has come to so far, in counts."""

from dataclasses import dataclass, field

from tests.campaigns.case import Case
from tests.campaigns.evidence import Fault
from tests.campaigns.ledger import said

LOST = ("I1", "I6")
LEFT_OVER = ("I4",)
SHOWN = 20


@dataclass
class Tally:
    """`deaths`: kills or cuts; `early`: those of them before the element was open, so in the recovery from others.

    `late`: documents that were acknowledged only after the power was cut; `untrue`: those of them that are not there.
    """

    deaths: int = 0
    early: int = 0
    of_program: int = 0
    acknowledged: int = 0
    late: int = 0
    untrue: int = 0
    recovered: int = 0
    roots: int = 0
    faults: list[Fault] = field(default_factory=list)

    def count(self, *invariants: str) -> int:
        """Return how many subjects broke one of these."""
        return len({fault.subject for fault in self.faults if fault.invariant in invariants})

    def died(self, *, early: bool, word: str = "kills") -> None:
        """Count one death; say how far it has come, once in a hundred."""
        self.deaths += 1
        self.early += early
        if self.deaths % 100 == 0:
            said(f"{self.deaths} {word}, {self.early} of them while it opened, {len(self.faults)} faults")

    def take(self, case: Case, shown: int = SHOWN) -> None:
        """Add a root that is done with; say so many of its faults."""
        self.roots += 1
        self.acknowledged += case.witness.acknowledged
        self.late += case.witness.late_count
        self.untrue += case.witness.untrue_count
        self.recovered += case.recovered
        self.faults += case.faults
        for fault in case.faults[:shown]:
            said(str(fault))

    @property
    def sound(self) -> bool:
        """Tell whether something was tried and nothing was found."""
        return not self.faults and self.acknowledged > 0

    def told(self, word: str) -> str:
        """Return all of it in one line; `word` is kills or cuts."""
        return (
            f"{self.deaths} {word}, {self.acknowledged} acknowledged, {self.count(*LOST)} lost, "
            f"{self.count('I2')} bodies without attributes, {self.count('I3')} attributes without body, "
            f"{self.count(*LEFT_OVER)} left over, recovery repeated {self.recovered} times"
        )

    def cells(self) -> tuple[int, ...]:
        """Return the columns that every ledger of deaths has: acknowledged, lost, ..., recovered, faults."""
        counts = (self.count(*LOST), self.count("I2"), self.count("I3"), self.count(*LEFT_OVER))
        return (self.acknowledged, *counts, self.recovered, len(self.faults))
