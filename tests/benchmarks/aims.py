"""What the cases are measured for: ratios of ours to others, each beside the aim that was set for it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.downloading import BY_HEADER, BY_LINK, PER_SECOND, RATE
from tests.benchmarks.figures import RAW, Line
from tests.benchmarks.ingest import DRAINED, NAIVE, P99
from tests.benchmarks.takers import DAV, FSYNC, MINIO, TUSD, VERSITYGW
from tests.benchmarks.uploading import CPU as CPU_OF_LARGE
from tests.benchmarks.uploading import IN_PLACE
from tests.benchmarks.whole_path import OURS


@dataclass(frozen=True)
class Aim:
    """In cases that begin so, `what` of ours is to reach `at_least` (or `at_most`) so much of `against`'s.

    Without `against` the figure itself is to reach it.
    """

    case: str
    what: str
    against: str = ""
    at_least: float | None = None
    at_most: float | None = None


AIMS = (
    Aim("ingest", DRAINED, RAW, at_least=0.8),
    Aim("ingest", DRAINED, NAIVE, at_least=1.3),
    Aim("ingest", DRAINED, "SeaweedFS fsync", at_least=2.0),
    Aim("ingest", DRAINED, "SeaweedFS no fsync", at_least=1.0),
    Aim("ingest", P99, RAW, at_most=4.0),
    Aim("upload", IN_PLACE, RAW, at_least=0.95),
    *(Aim("upload", IN_PLACE, peer, at_least=1.0) for peer in (DAV, TUSD, MINIO, VERSITYGW, FSYNC)),
    Aim("upload", CPU_OF_LARGE, at_most=1.3),
    Aim("download", RATE, RAW, at_least=0.95),
    Aim("download", CPU_OF_LARGE, RAW, at_most=1.1),
    Aim(BY_LINK, PER_SECOND, RAW, at_least=0.95),
    Aim(BY_HEADER, PER_SECOND, RAW, at_least=0.75),
    Aim("read", P99, RAW, at_most=2.0),
)


@dataclass(frozen=True)
class Reached:
    """A ratio of two medians, or one of them without `against`, and what was aimed at."""

    case: str
    what: str
    against: str
    ratio: float
    aim: str
    is_met: bool

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "MISSED"
        sides = f"{OURS} to {self.against}" if self.against else OURS
        return f"{self.case}: {self.what}, {sides}: {self.ratio:.2f}, aim {self.aim}: {verdict}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": float(f"{self.ratio:.4g}")}


def reached(lines: Sequence[Line], aims: Sequence[Aim]) -> list[Reached]:
    """Return each aim's ratio in every case in which both sides were measured."""
    medians = {(line.case, line.who, line.what): line.median for line in lines}
    found = []
    for case in dict.fromkeys(line.case for line in lines):
        for aim in aims:
            ours = medians.get((case, OURS, aim.what))
            other = medians.get((case, aim.against, aim.what)) if aim.against else 1.0
            if case.startswith(aim.case) and ours and other:
                found.append(_reached(case, aim, ours / other))
    return found


def _reached(case: str, aim: Aim, ratio: float) -> Reached:
    if aim.at_least is not None:
        return Reached(case, aim.what, aim.against, ratio, f">= {aim.at_least:g}", ratio >= aim.at_least)
    assert aim.at_most is not None
    return Reached(case, aim.what, aim.against, ratio, f"<= {aim.at_most:g}", ratio <= aim.at_most)
