"""How far a projector has come, and what keeps it from going on: kept in memory, for readiness and metrics."""

from collections.abc import Mapping

from projections.position import Partition
from schemas.errors import ConfigurationInvalid


class Progress:
    """Offsets per partition: what the database holds, what was read, where the log ends.

    `stored` and `read` differ only where the log no longer keeps what the view has never seen.
    """

    def __init__(self) -> None:
        self.stored: dict[Partition, int] = {}
        self.read: dict[Partition, int] = {}
        self.moved = 0
        self.trouble: str | None = "not started yet"
        self._ends: dict[Partition, int] = {}
        self._first_ends: dict[Partition, int] | None = None

    def begin(
        self, stored: Mapping[Partition, int], first: Mapping[Partition, int], ends: Mapping[Partition, int]
    ) -> None:
        """Begin, or begin again, at `stored`. ConfigurationInvalid when the log ends before: it is another log."""
        lost = [f"{topic}/{number}" for (topic, number), end in ends.items() if stored[topic, number] > end]
        if lost:
            message = (
                f"The views are ahead of the log in {', '.join(lost)}: the log was replaced or cut. Bring the right "
                "log back, or run `artstore rebuild`."
            )
            raise ConfigurationInvalid(message)
        self.stored = dict(stored)
        self.read = {partition: max(offset, first.get(partition, 0)) for partition, offset in stored.items()}
        self._ends = dict(ends)
        if self._first_ends is None:
            self._first_ends = dict(ends)

    def move(self, partition: Partition, offset: int) -> None:
        """Note that the view has stored everything before `offset`; `moved` counts the offsets it went over."""
        self.moved += offset - self.read[partition]
        self.stored[partition] = self.read[partition] = offset

    def saw(self, ends: Mapping[Partition, int]) -> None:
        """Note where the log ends now."""
        self._ends = dict(ends)
        self.trouble = None

    @property
    def behind(self) -> int:
        """Records that the view has not read yet, as far as it was looked."""
        return sum(max(0, end - self.read.get(partition, 0)) for partition, end in self._ends.items())

    def has_read(self, ends: Mapping[Partition, int]) -> bool:
        """Tell whether everything before `ends` was read."""
        return all(self.read.get(partition, 0) >= end for partition, end in ends.items())

    async def unready(self) -> str | None:
        """Return None once the view holds all that the log held at the start, else the reason: a readiness check."""
        if self.trouble is not None:
            return self.trouble
        if self._first_ends is None or not self.has_read(self._first_ends):
            return f"{self.behind} records behind"
        return None
