"""Going through a workload: at each moment every legal state of the disk is started on, and the result judged."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from schemas.errors import ArtStoreError
from tests.campaigns.judging import Found, contradictions, started_on, used
from tests.campaigns.standing import Turns, nothing_by_chance, run
from tests.campaigns.workloads import Deed, Life, Word, a_disk, small_parts
from tests.posix import State

STEPS_SHOWN = 14
RESULTS_KEPT = 1_000
FAILURES = (ArtStoreError, OSError, ValueError, LookupError, AssertionError)

Digest = bytes


@dataclass(frozen=True)
class Cut:
    """A power cut: what led to it, in words, the disk that it left, and what had been promised by then.

    `result` is the digest of what a start makes of that disk.
    """

    story: str
    state: State
    deed: Deed
    result: Digest


@dataclass(frozen=True)
class Violation:
    """A legal state that breaks a promise: what led to it, what of the disk was left, and what is wrong."""

    story: str
    left: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        """Say it all on a few lines."""
        lines = (self.story, *(f"left: {one}" for one in self.left or ("everything",)), *self.wrong)
        return "\n    ".join(lines)


@dataclass
class Tally:
    """What was gone through: `states` counts those of every moment, `distinct` has each disk once.

    `orders` counts the workloads once for each order of their calls.
    """

    workloads: int = 0
    orders: int = 0
    moments: int = 0
    states: int = 0
    opened: int = 0
    distinct: set[Digest] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count what another explorer went through as well."""
        self.workloads += other.workloads
        self.orders += other.orders
        self.moments += other.moments
        self.states += other.states
        self.opened += other.opened
        self.distinct |= other.distinct
        self.violations += other.violations


class Explorer:
    """Goes through workloads.

    Left out is only what cannot differ. Equal disks are started on once, for a start reads nothing but the disk; the
    result is judged against each moment's promises all the same. And unless `whole` is asked for, of a workload only
    the moments of its last verb are gone through: those before it are the moments of the shorter workload, because
    nothing here hangs on time or chance.

    Calls of the disk that are under way at the same moment are done one after another, in the order in which they were
    asked for; and then once more for each place in the last verb in which another one of them may go first. So orders
    that deviate twice or earlier are not gone through, nor is the inside of one call, which is done as a whole.
    """

    def __init__(self, reserve_bytes: int = 0) -> None:
        self.tally = Tally()
        self.reserve_bytes = reserve_bytes
        self._found: dict[Digest, tuple[Digest, Found]] = {}
        self._results: dict[Digest, Found] = {}
        self._used: set[tuple[object, ...]] = set()

    def explore(self, word: Word, after: Cut | None = None, *, whole: bool = False) -> list[Cut]:
        """Spell one workload, on a new disk or on one that a cut has left; return all cuts that it may end with."""
        if len(self._results) > RESULTS_KEPT:
            self._found.clear()
            self._results.clear()
        self.tally.workloads += 1
        turns = Turns()
        first = self._walk(word, after, turns, whole=whole)
        choices = [(at, other) for at, waited in enumerate(turns.waited) for other in range(1, waited)]
        others = [Turns(*choice) for choice in choices if choice[0] >= first.turns_before]
        walks = [first, *(self._walk(word, after, other, whole=whole) for other in others)]
        cuts = [(digest, cut) for walk in walks for digest, cut in walk.cuts.items()]
        return list({(digest, cut.deed.extent()): cut for digest, cut in cuts}.values())

    def is_new(self, cut: Cut) -> bool:
        """Tell whether an element as this one, of which as much was promised, was not used before."""
        key = (cut.result, cut.deed.extent(), *(len(data) for _, data in cut.deed.sent.values()))
        if key in self._used:
            return False
        self._used.add(key)
        return True

    def _walk(self, word: Word, after: Cut | None, turns: Turns, *, whole: bool) -> "_Walk":
        with nothing_by_chance(), small_parts():
            walk = _Walk(self, word, after, whole=whole)
            walk.go(turns)
        self.tally.orders += 1
        return walk

    def found_on(self, state: State) -> tuple[Digest, Digest, Found]:
        """Return the disk's digest, and the digest and all the rest of what a start makes of it."""
        digest = digest_of(state)
        if digest not in self._found:
            found = started_on(state, self.reserve_bytes)
            result = digest_of(found.state, *found.faults)
            # Many disks become the same one; and what a start remembers is what the journal on that disk says.
            self._found[digest] = result, self._results.setdefault(result, found)
            self.tally.distinct.add(digest)
        return digest, *self._found[digest]


class _Walk:
    """One workload on one disk."""

    def __init__(self, explorer: Explorer, word: Word, after: Cut | None, *, whole: bool) -> None:
        self._explorer = explorer
        self._tally = explorer.tally
        self._word = word
        self._whole = whole
        self._watching = False
        self._told = [] if after is None else [after.story, "/ cut, start /"]
        self._steps: list[str] = []
        self._disk = a_disk()
        if after is not None:
            self._disk.become(after.state)
        self._life = Life(self._disk, self._seen, explorer.reserve_bytes, None if after is None else after.deed)
        self._judged: set[tuple[object, ...]] = set()
        self.cuts: dict[Digest, Cut] = {}
        self.turns_before = 0

    def go(self, turns: Turns) -> None:
        """Spell the word; then use each element that was found. `turns_before` the moments looked at were so many."""
        try:
            run(self._spell(turns), turns)
        except FAILURES as error:
            self._report(self._disk.state(), [f"the workload fails: {type(error).__name__}: {error}"])
        for cut in self.cuts.values():
            if self._explorer.is_new(cut):
                wrong = used(cut.state, cut.deed, self._explorer.reserve_bytes)
                self._tally.opened += 1
                if wrong:
                    self._tally.violations.append(Violation(cut.story, (), ("when the element is used again", *wrong)))

    async def _spell(self, turns: Turns) -> None:
        self._watching = self._whole or not self._word
        await self._life.start()
        for place, verb in enumerate(self._word):
            if place == len(self._word) - 1:
                self._watching, self.turns_before = True, len(turns.waited)
            self._steps.append(f"[{verb}]")
            await self._life.spell(verb)
        self._seen("[end]")
        await self._life.settle()
        self._watching = False
        turns.over()
        await self._life.die()

    def _seen(self, name: str) -> None:
        self._steps.append(name)
        if self._watching:
            self._moment()

    def _moment(self) -> None:
        self._tally.moments += 1
        promised = self._life.deed.extent()
        for state in self._disk.states():
            self._tally.states += 1
            digest, result, found = self._explorer.found_on(state)
            if (digest, promised) in self._judged:
                continue
            self._judged.add((digest, promised))
            wrong = list(contradictions(found, self._life.deed))
            if wrong:
                self._report(state, wrong)
            else:
                # Of one disk the latest moment counts: by then the most was promised.
                self.cuts[digest] = Cut(self._story(), state, self._life.deed.snapshot(), result)

    def _story(self) -> str:
        steps = self._steps if len(self._steps) <= STEPS_SHOWN else ["...", *self._steps[-STEPS_SHOWN:]]
        verbs = ", ".join(self._word) or "a start"
        return " ".join([*self._told, f"{verbs}: step {len(self._steps)}", f"({' '.join(steps)})"])

    def _report(self, state: State, wrong: Sequence[str]) -> None:
        left = tuple(_differences(state, self._disk.state()))
        self._tally.violations.append(Violation(self._story(), left, tuple(wrong)))


def digest_of(state: State, *more: str) -> Digest:
    """Return what two equal disks have in common."""
    whole = hashlib.blake2b("\n".join((*more, *state.directories)).encode(), digest_size=16)
    for path, data in state.files:
        whole.update(f"\n{path} ".encode() + _digest(data))
    return whole.digest()


@lru_cache(maxsize=1 << 14)
def _digest(data: bytes) -> Digest:
    return hashlib.blake2b(data, digest_size=16).digest()


def _differences(state: State, present: State) -> list[str]:
    """Say what a state has otherwise than the processes saw it."""
    here, there = dict(state.files), dict(present.files)
    found = [f"no {path}" for path in (*present.directories, *there) if path not in {*state.directories, *here}]
    found += [f"still {path}" for path in (*state.directories, *here) if path not in {*present.directories, *there}]
    torn = [path for path, data in here.items() if there.get(path, data) != data]
    return found + [f"{path} as {here[path][:40]!r}, {len(here[path])} of {len(there[path])} bytes" for path in torn]
