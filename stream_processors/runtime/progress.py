"""Which record of each partition is next: nothing is acknowledged over a record that has not been handled."""

from collections.abc import Mapping
from enum import Enum

from faust.types import TP


class Verdict(Enum):
    """What is to be done with a record that has been read."""

    TAKE = "take"
    DROP = "drop"
    # Drop it too, and read again from the one that is next.
    SEEK = "seek"


class Progress:
    """The records of every partition are taken one after another, whatever order or gaps they are read in.

    What was read before the group changed may be read out afterwards, ahead of what the new share begins with, and
    the reader may leave records out then. So a record behind a gap is not taken at its first sight: it is read again
    from where the gap begins. When the same record comes again, there is nothing in the gap (a producer's
    transaction marker, records beyond their retention).
    """

    def __init__(self) -> None:
        self._next: dict[TP, int] = {}
        self._behind_gap: dict[TP, int] = {}

    def forget(self) -> None:
        """Take nothing until `begin`."""
        self._next.clear()
        self._behind_gap.clear()

    def begin(self, committed: Mapping[TP, int]) -> None:
        """Begin with these partitions at what the group has acknowledged of them."""
        self.forget()
        self._next.update(committed)

    def next(self, place: TP) -> int:
        """Return the offset that is to be taken next; KeyError for a partition that is not ours."""
        return self._next[place]

    def gaps(self) -> dict[TP, int]:
        """Return where the gaps begin, behind which records are held off until these are closed."""
        return {place: self._next[place] for place in self._behind_gap}

    def judge(self, place: TP, offset: int) -> Verdict:
        """Say what to do with a record, and count it as taken when it is to be taken."""
        expected = self._next.get(place)
        if expected is None or offset < expected:
            return Verdict.DROP
        held = self._behind_gap.get(place)
        if offset in {expected, held}:
            self._behind_gap.pop(place, None)
            self._next[place] = offset + 1
            return Verdict.TAKE
        if held is not None and offset > held:
            # It was read together with the one that is held; both come again.
            return Verdict.DROP
        self._behind_gap[place] = offset
        return Verdict.SEEK
