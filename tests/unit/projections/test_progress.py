"""Progress: when a view is ready, and when the log is not the one it was built from."""

import pytest

from projections.progress import Progress
from schemas.errors import ConfigurationInvalid

A, B = ("t", 0), ("t", 1)


async def test_a_view_is_ready_once_it_holds_what_the_log_held_at_the_start() -> None:
    progress = Progress()
    assert await progress.unready() == "not started yet"
    progress.begin({A: 3, B: 0}, {A: 0, B: 0}, {A: 5, B: 1})
    progress.trouble = None
    assert await progress.unready() == "3 records behind"
    progress.move(A, 5)
    progress.move(B, 1)
    progress.saw({A: 9, B: 9})
    assert await progress.unready() is None
    assert progress.behind == 12


def test_what_the_log_no_longer_keeps_counts_as_read() -> None:
    progress = Progress()
    progress.begin({A: 0}, {A: 40}, {A: 42})
    assert (progress.stored[A], progress.read[A], progress.behind) == (0, 40, 2)


def test_a_log_that_ends_before_the_view_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="ahead of the log"):
        Progress().begin({A: 10}, {A: 0}, {A: 4})
