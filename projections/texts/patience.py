"""How long to wait before asking again: longer each time, per text and per element."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

TEXT_SECONDS, TEXT_SECONDS_MAX = 0.5, 300.0
ELEMENT_SECONDS, ELEMENT_SECONDS_MAX = 0.5, 15.0
DOUBLINGS_MAX = 16


def pause_of_text(attempts: int) -> timedelta:
    """Return the pause after the `attempts`-th attempt at one text."""
    return timedelta(seconds=_doubled(TEXT_SECONDS, attempts, TEXT_SECONDS_MAX))


@dataclass(frozen=True)
class Patience:
    """Which elements are left alone, and until when (seconds of a monotonic clock)."""

    silences: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def failed(self, element_id: str, now: float) -> "Patience":
        """Note that the element did not answer. Failures of requests that were under way together count once."""
        count, until = self.silences.get(element_id, (0, 0.0))
        if now < until:
            return self
        later = now + _doubled(ELEMENT_SECONDS, count + 1, ELEMENT_SECONDS_MAX)
        return replace(self, silences={**self.silences, element_id: (count + 1, later)})

    def answered(self, element_id: str) -> "Patience":
        """Note that the element answers again."""
        if element_id not in self.silences:
            return self
        return replace(self, silences={name: held for name, held in self.silences.items() if name != element_id})

    def resting(self, now: float) -> tuple[str, ...]:
        """Return the elements that are left alone now."""
        return tuple(name for name, (_, until) in self.silences.items() if now < until)


def _doubled(first: float, count: int, most: float) -> float:
    exponent: int = min(max(count - 1, 0), DOUBLINGS_MAX)
    return min(first * float(2**exponent), most)
