"""The campaign of names: documents under names of every kind, through an agent's HTTP interface and back.

Run as `python -m tests.campaigns.names --names 100000 --seed 7`.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.agents import silence
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.naming import wrong
from tests.campaigns.namings import KINDS, draw
from tests.campaigns.traced_names import traced

NAMES = 100_000
BATCH = 2_000
TRACED = 1_000
TOLD_MAX = 20
TABLE = "Names"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where syncing costs nothing: names are what it is about


def batch(seed: int, first: int, count: int) -> list[str]:
    """Put so many names through an agent in a folder of its own; return what is wrong, a line each."""
    silence()
    drawn = draw(seed, first, count)
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="artstore-names-", dir=where) as scratch:
        found = asyncio.run(wrong(Path(scratch) / "element", [name for _, name in drawn]))
    return [text if number < 0 else f"{drawn[number][0]}: {drawn[number][1]!r}: {text}" for number, text in found]


def batches(names: int) -> Iterator[tuple[int, int]]:
    """Yield the number of the first name and how many there are, batch by batch."""
    for first in range(0, names, BATCH):
        yield first, min(BATCH, names - first)


def main() -> int:
    """Run one campaign in folders of its own."""
    parser = argparse.ArgumentParser(description="names of every kind")
    parser.add_argument("--names", type=int, default=NAMES)
    parser.add_argument("--traced", type=int, default=TRACED)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    under_test, began = commit(), time.monotonic()
    said(f"seed {given.seed}, {given.names} names of {len(KINDS)} kinds")
    faults, done = list[str](), 0
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        work = [(pool.submit(batch, given.seed, first, count), count) for first, count in batches(given.names)]
        for future, count in work:
            faults += future.result()
            done += count
            said(f"{done} names after {time.monotonic() - began:.0f} s, {len(faults)} faults")
    with tempfile.TemporaryDirectory(prefix="artstore-names-") as scratch:
        watched = asyncio.run(traced(Path(scratch), draw(given.seed, given.names, given.traced)))
    faults += watched.faults
    for fault in faults[:TOLD_MAX]:
        said(fault)
    for kind, count in sorted(Counter(kind for kind, _ in draw(given.seed, 0, given.names)).items()):
        said(f"{kind}: {count}")
    said(
        f"{done} names, {watched.names} more under strace with {watched.writing} writing calls of {watched.calls}, "
        f"{len(faults)} faults, {time.monotonic() - began:.0f} s"
    )
    if given.names >= NAMES:
        note(TABLE, under_test, (given.seed, done, watched.names, watched.calls, watched.writing, len(faults)))
    return 0 if not faults and done else 1


if __name__ == "__main__":
    sys.exit(main())
