"""A slice of the campaign of slow connections: a hundred of them, and fast clients get all their answers."""

from pathlib import Path

import pytest

from tests.campaigns.crowd import Slow
from tests.campaigns.slow import KINDS, Fast, Figures, one

CONNECTIONS = 100
SECONDS = 4.0
# Each may cost what a connection keeps for it: buffers, a task, a piece of a file.
BYTES_EACH = 1024 * 1024


@pytest.mark.timeout(300)
async def test_a_hundred_slow_clients_keep_no_fast_one_from_its_answers(tmp_path: Path) -> None:
    found = await one(tmp_path, CONNECTIONS, SECONDS)
    assert found.beside.wrong == {}
    assert found.beside.seconds
    assert {kind: found.ends(kind).total() for kind in KINDS} == {"head": 34, "body": 33, "reader": 33}
    assert all(slow.end != "refused" for slow in found.slow)
    assert found.rss_most - found.rss_before < CONNECTIONS * BYTES_EACH


def test_figures_are_reckoned_from_what_was_seen() -> None:
    alone, beside = Fast([0.001] * 99 + [0.002]), Fast([0.001] * 98 + [0.004] * 2)
    slow = [Slow("head", "", "", end="cut", status=408), Slow("head", "", "", end="open"), Slow("body", "", "")]
    figures = Figures(alone, beside, 1, 2, slow)
    assert (alone.quantile(0.99), beside.quantile(0.5), Fast().quantile(0.99)) == (2.0, 1.0, 0.0)
    assert figures.ratio == 2.0
    assert figures.ends("head") == {"cut 408": 1, "open": 1}
