"""The campaign of rot: documents in a real element, every bit and byte of them damaged, and nothing bad served.

Run as `python -m tests.campaigns.rot --documents 1000 --seed 7`.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.agents import SETTINGS, a_plane, silence
from tests.campaigns.damage import rotted_on_disk
from tests.campaigns.flips import Outcome, Tally, in_memory
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.papers import Stored, draw, second_version, store
from tests.campaigns.rolled_back import told_by_the_log

DOCUMENTS = 1000
FILES = 200
SECOND_VERSION_EVERY = 5
# Damage is told, and nobody takes the telling away.
ENTRIES_MAX = 1_000_000
TABLE = "Rot"


async def on_disk(root: Path, stored: Sequence[Stored], struck: int, seed: int) -> Tally:
    """Roll all versions back, damage the files of the first ones, one after the other, and ask the agent over HTTP."""
    tally, chance = Tally(), random.Random(seed)  # noqa: S311 - a seed, not a secret
    async with a_plane(root, settings=SETTINGS.model_copy(update={"outbox_entries_max": ENTRIES_MAX})) as plane:
        await told_by_the_log(plane, stored, tally)
        first = stored[:struck]
        more = [second_version(each, each.data[::-1] + b"2") for each in first[::SECOND_VERSION_EVERY]]
        await rotted_on_disk(plane, [*first, *more], chance, tally)
    return tally


def seconds(since: float) -> int:
    """Return the time that has passed."""
    return round(time.monotonic() - since)


def main() -> int:
    """Run one campaign in a folder of its own."""
    parser = argparse.ArgumentParser(description="every bit of stored documents")
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--files", type=int, default=FILES, help="how many of them are damaged on the disk as well")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    silence()
    under_test, began = commit(), time.monotonic()
    said(f"seed {given.seed}, {given.documents} documents")
    with tempfile.TemporaryDirectory(prefix="artstore-rot-") as scratch:
        root = Path(scratch) / "element"
        stored = asyncio.run(store(root, draw(given.seed, given.documents)))
        said(f"{sum(len(each.attr) + len(each.data) for each in stored)} bytes stored")
        tally = in_memory(stored, given.seed, given.processes)
        said(f"in memory: {tally.tried} changes, {tally.count(Outcome.FOUND)} found, {seconds(began)} s")
        tally.merge(asyncio.run(on_disk(root, stored, given.files, given.seed)))
    for line in (*tally.lines(), *tally.examples):
        said(line)
    found, unnamed, missed = (tally.count(outcome) for outcome in Outcome)
    said(f"{tally.tried} changes, {found} found, {unnamed} unnamed, {missed} missed, {seconds(began)} s")
    of_files = sum(count for (kind, _), count in tally.counts.items() if kind.startswith(("file", "log", "scrubbed")))
    if given.documents >= DOCUMENTS:
        note(TABLE, under_test, (given.seed, given.documents, tally.tried, of_files, found, unnamed, missed))
    return 0 if tally.sound else 1


if __name__ == "__main__":
    sys.exit(main())
