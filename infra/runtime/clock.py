"""Time as a part that is passed in, so that rules about time can be tried without waiting."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time. Neither method blocks."""

    def now(self) -> datetime:
        """Return the wall clock: an aware datetime in UTC. It may step backwards."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start; never goes backwards. For measuring durations only."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to advance; the shipped double for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._elapsed_seconds = 0.0

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return self._start + timedelta(seconds=self._elapsed_seconds)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return self._elapsed_seconds

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds` (never back: less than zero counts as zero)."""
        self._elapsed_seconds += max(seconds, 0.0)
