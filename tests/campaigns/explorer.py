"""The explorer: all short workloads of an element, every legal state of its disk at every moment, each started on.

`python -m tests.campaigns.explorer` goes through them all and appends a line to the ledger; `--length 2` is quick,
`--random 1000 --seed 7` adds longer workloads that are drawn.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from tests.campaigns.exploring import Cut, Explorer, Tally
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.workloads import Verb, Word, words
from tests.elements import RESERVE_BYTES

TITLE = "Every legal state of the disk"
LENGTH = 3
DRAWN_LENGTHS = (4, 8)
VIOLATIONS_SHOWN = 20
# A part that has found so many says what there is to say.
ENOUGH = 50


class Going(StrEnum):
    """Which of the cuts that were found are gone on from, with a start and with each verb."""

    NONE = "none"
    ONE_OF_EACH = "one for each element that a start makes of them"
    ALL = "all"


@dataclass(frozen=True)
class Part:
    """Workloads that one process goes through one after another; with `whole` all their moments."""

    words: tuple[Word, ...]
    going_on: Going = Going.NONE
    reserve_bytes: int = 0
    whole: bool = False

    def explore(self) -> Tally:
        """Go through it all."""
        explorer = Explorer(self.reserve_bytes)
        for word in self.words:
            if len(explorer.tally.violations) > ENOUGH:
                break
            for cut in self._gone_on_from(explorer.explore(word, whole=self.whole)):
                for verb in (word for length in (0, 1) for word in words(length, sent=bool(cut.deed.sent))):
                    explorer.explore(verb, cut)
        return explorer.tally

    def _gone_on_from(self, cuts: Sequence[Cut]) -> Iterable[Cut]:
        if self.going_on is Going.ONE_OF_EACH:
            return {(cut.result, cut.deed.extent()): cut for cut in cuts}.values()
        return cuts if self.going_on is Going.ALL else ()


def parts(length: int, drawn: int = 0, seed: int = 0, *, deep: bool = False) -> Iterator[Part]:
    """Yield all that there is to go through: every workload of up to `length` verbs, and `drawn` longer ones.

    Those of up to one verb are gone on with from one cut for each element that a start makes of them; when it shall be
    `deep`, from every cut, and those of two verbs from one for each element. With a reserve, a file of which nothing is
    ever synced, workloads of up to two verbs are gone through once more.
    """
    for word in [word for shortest in (0, 1) for word in words(shortest)]:
        yield Part((word,), Going.ALL if deep else Going.ONE_OF_EACH)
        yield Part((word,), reserve_bytes=RESERVE_BYTES)
    for longer in range(2, length + 1):
        for _, alike in groupby(words(longer), key=lambda word: word[:-1]):
            group = tuple(alike)
            yield Part(group, Going.ONE_OF_EACH if deep and longer < length else Going.NONE)
            if longer < LENGTH:
                yield Part(group, reserve_bytes=RESERVE_BYTES)
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    yield from (Part((drawn_word(chance),), whole=True) for _ in range(drawn))


def drawn_word(chance: random.Random) -> Word:
    """Return a longer workload; it begins with a document."""
    length = chance.randint(*DRAWN_LENGTHS)
    return (chance.choice((Verb.PUT, Verb.LARGE, Verb.TWO)), *chance.choices(list(Verb), k=length - 1))


def go_through(work: Iterable[Part], processes: int, seconds: float) -> tuple[Tally, bool]:
    """Explore in so many processes; False when the time was up before the end."""
    ends, tally, rest = time.monotonic() + seconds, Tally(), iter(work)
    is_whole = True
    with ProcessPoolExecutor(processes) as pool:
        running: set[Future[Tally]] = set()
        while True:
            in_time = time.monotonic() < ends
            while in_time and len(running) < 2 * processes and (part := next(rest, None)) is not None:
                running.add(pool.submit(part.explore))
            if not running:
                return tally, is_whole and next(rest, None) is None
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                tally.add(each.result())


def main() -> int:
    """Go through everything, and say what came of it."""
    parser = argparse.ArgumentParser(description="every legal state of an element's disk, at every moment")
    parser.add_argument("--length", type=int, default=LENGTH, help="verbs of the longest workloads that are all tried")
    parser.add_argument("--random", type=int, default=0, help="longer workloads, drawn from the seed")
    parser.add_argument("--deep", action="store_true", help="go on from all cuts of one verb, and from those of two")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="stop after so long; what is cut short is no line"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-ledger", action="store_true")
    given = parser.parse_args()
    under_test, started = commit(), time.monotonic()
    work = parts(given.length, given.random, given.seed, deep=given.deep)
    tally, is_whole = go_through(work, given.processes, given.seconds)
    took = time.monotonic() - started
    for violation in tally.violations[:VIOLATIONS_SHOWN]:
        said(str(violation))
    said(
        f"{tally.workloads} workloads in {tally.orders} orders, {tally.moments} moments, {tally.states} states, "
        f"{len(tally.distinct)} distinct, {tally.opened} elements used, {len(tally.violations)} violations, "
        f"{took:.0f} s"
    )
    if not is_whole:
        said("the time was up before the end: this was not everything")
    elif not given.no_ledger:
        drawn = f"{given.random} (seed {given.seed})" if given.random else 0
        cells = (
            f"{given.length}, deep" if given.deep else given.length,
            drawn,
            tally.workloads,
            tally.orders,
            tally.moments,
            tally.states,
            len(tally.distinct),
        )
        note(TITLE, under_test, (*cells, tally.opened, len(tally.violations)))
    return 0 if is_whole and not tally.violations else 1


if __name__ == "__main__":
    sys.exit(main())
