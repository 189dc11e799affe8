"""Which record is next: whatever is read in whatever order, none is passed over and none is taken twice."""

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.runtime.progress import Progress, Verdict

PLACE = TP("inbox", 3)
TAKE, DROP, SEEK = Verdict.TAKE, Verdict.DROP, Verdict.SEEK


def begun(at: int = 10) -> Progress:
    progress = Progress()
    progress.begin({PLACE: at})
    return progress


def judged(progress: Progress, *offsets: int) -> list[Verdict]:
    return [progress.judge(PLACE, offset) for offset in offsets]


def test_records_are_taken_one_after_another() -> None:
    assert judged(begun(), 10, 11, 12) == [TAKE, TAKE, TAKE]


def test_what_has_been_taken_is_not_taken_again() -> None:
    assert judged(begun(), 9, 10, 10, 11, 9) == [DROP, TAKE, DROP, TAKE, DROP]


def test_records_behind_a_gap_are_read_again_from_where_it_begins() -> None:
    progress = begun()
    assert judged(progress, 10, 14, 15) == [TAKE, SEEK, DROP]
    assert progress.gaps() == {PLACE: 11}
    assert judged(progress, 11, 12, 13, 14, 15) == [TAKE] * 5
    assert progress.gaps() == {}


def test_a_gap_that_is_there_again_holds_nothing() -> None:
    assert judged(begun(), 10, 12, 13, 12, 13) == [TAKE, SEEK, DROP, TAKE, TAKE]


def test_a_record_nearer_to_the_gap_takes_the_place_of_the_one_that_was_held() -> None:
    assert judged(begun(), 15, 12, 12, 13, 15, 14, 15) == [SEEK, SEEK, TAKE, TAKE, SEEK, TAKE, TAKE]


def test_a_partition_that_is_not_ours_is_left_alone() -> None:
    progress = begun()
    assert progress.judge(TP("inbox", 4), 0) is DROP
    progress.forget()
    assert judged(progress, 10) == [DROP]
    with pytest.raises(KeyError):
        progress.next(PLACE)


@given(st.sets(st.integers(0, 30), min_size=1), st.lists(st.integers(0, 30), max_size=8))
def test_every_record_that_is_there_is_taken_once_and_in_order(there: set[int], stale: list[int]) -> None:
    """The log holds `there`; before each is read, leftovers of earlier readings may come in between."""
    log, progress, taken = sorted(there), begun(0), list[int]()
    position, asked = 0, 0
    leftovers = [offset for offset in stale if offset in there]
    while position < len(log) or leftovers:
        asked += 1
        assert asked < 500
        stale_one = bool(leftovers) and asked % 2 == 0
        offset = leftovers.pop() if stale_one else (log[position] if position < len(log) else None)
        if not stale_one:
            position += 1
        if offset is None:
            continue
        verdict = progress.judge(PLACE, offset)
        if verdict is TAKE:
            taken.append(offset)
        elif verdict is SEEK:
            position = next(n for n, one in enumerate(log) if one >= progress.next(PLACE))
    assert taken == log
