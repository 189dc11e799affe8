"""Every system call of an agent's verbs, met by every fault, one at a time, in a life of its own; then the reckoning.

Run as `python -m tests.campaigns.syscalls [--verb put]`. A verb is traced once; then it is lived again for each of its
calls to the element's folder and for each fault: strace kills the program before or after the call, or lets the call
fail. Writes are shortened inside the program, for strace would only lie about them. One thread does all the work, so
that the n-th call is the same one in every life; where it was not, the life is lived again, and told when in vain.
"""

import argparse
import asyncio
import multiprocessing
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.campaigns.injecting import Attack, Call, attacks_on, calls_between_marks, ending, sent_before
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.survival import Statements, violations
from tests.campaigns.tracing import Life, TracingRefused, live, require_strace
from tests.campaigns.verbs import VERBS, Verb, program

SECTION = "Every system call"
SKIPPED = 77
WORKERS = 2
TRIES = 12
SHOWN = 600
MEMORY = Path("/dev/shm")  # noqa: S108 - a kill does not ask what the disk is made of


@dataclass(frozen=True)
class Outcome:
    """What one attack came to: how the program ended, in a word, and all that was not as it must be."""

    attack: Attack
    ending: str
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """A verb's beginning, made once: the root that every life gets a copy of (absent for a first start), its story."""

    verb: Verb
    base: Path
    story: tuple[str, ...]
    scratch: Path


def staged(verb: Verb, scratch: Path) -> Stage:
    """Make the root that the verb begins in."""
    story: list[str] = []
    base = scratch / "base"
    asyncio.run(verb.prepare(base, lambda kind, what: story.append(f"{kind} {what}")))
    return Stage(verb, base, tuple(story), scratch)


def lived(stage: Stage, place: Path, attack: Attack | None = None) -> tuple[Life, Path]:
    """Live the verb on a fresh copy in `place`; return what is left of the program, and the root."""
    root = place / "above" / "element"
    if stage.base.exists():
        shutil.copytree(stage.base, root)
    work = partial(program, stage.verb, root, short_write=attack.short_write if attack else None)
    return live(work, place, attack.injections if attack else ()), root


def calls_of(stage: Stage) -> list[Call]:
    """Trace the verb and return its calls to the element's folder."""
    with tempfile.TemporaryDirectory(dir=stage.scratch) as place:
        life, root = lived(stage, Path(place))
        # What is loaded at first use is loaded here, once, so that the lives to come are all the same.
        found = asyncio.run(violations(root, Statements.of((*stage.story, *life.told))))
        assert (life.code, found) == (0, []), f"without any fault: {found} {life.said}"
    with tempfile.TemporaryDirectory(dir=stage.scratch) as place:
        life, root = lived(stage, Path(place))
        return list(calls_between_marks(life.calls, root))


def attempted(stage: Stage, attack: Attack) -> Outcome:
    """Throw one attack, and reckon; lived again when chance has put another call in its way."""
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory(dir=stage.scratch) as place:
            life, root = lived(stage, Path(place), attack)
            if attack.met(life, root):
                own, everything = Statements.of(life.told), Statements.of((*stage.story, *life.told))
                found = [*faults_of_ending(attack, life, own), *asyncio.run(violations(root, everything))]
                return Outcome(attack, ending(life, own.ended, own.refused), tuple(found))
    return Outcome(attack, "missed", (f"the fault did not meet its call in {TRIES} lives",))


def faults_of_ending(attack: Attack, life: Life, own: Statements) -> list[str]:
    """Hold the program's own end against what the fault allows."""
    ended = ending(life, own.ended, own.refused)
    found = []
    if ended not in attack.allows:
        found.append(f"it {ended}, and not {' or '.join(sorted(attack.allows))}: {own.ended} {life.said[-SHOWN:]}")
    if attack.is_final:
        late = set(own.acknowledged) - set(list(own.sent)[: sent_before(life)])
        found += [f"{document_id} came when the disk had failed, and was acknowledged" for document_id in late]
    return found


def campaign(verb: Verb, scratch: Path, every: int = 1) -> tuple[int, list[Outcome]]:
    """Attack one verb; return the number of its calls, and all outcomes. `every`: only each n-th attack is thrown."""
    stage = staged(verb, scratch)
    calls = calls_of(stage)
    attacks = [attack for call in calls for attack in attacks_on(verb.name, call)][::every]
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("fork")) as pool:
        return len(calls), list(pool.map(partial(attempted, stage), attacks, chunksize=8))


def tell(verb: str, calls: int, outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Print what one verb came to; return how many injections were survived, and how many not."""
    violated = [outcome for outcome in outcomes if outcome.violations]
    survived = len(outcomes) - len(violated)
    said(f"{verb}: {calls} calls, {len(outcomes)} injections, {survived} survived, {len(violated)} violations")
    endings = Counter((outcome.attack.fault.name, outcome.ending) for outcome in outcomes)
    for (fault, ended), count in sorted(endings.items()):
        said(f"    {fault}: {count} x {ended}")
    for outcome in violated:
        said(f"    VIOLATION {outcome.attack}")
        for violation in outcome.violations:
            said(f"        {violation}")
    return survived, len(violated)


def main() -> int:
    """Attack every verb, or some; whole runs are noted in the ledger."""
    parser = argparse.ArgumentParser(description="every system call of an agent's verbs, met by every fault")
    parser.add_argument("--verb", help="only verbs whose name begins like this; not noted", default="")
    parser.add_argument("--every", type=int, default=1, help="throw only each n-th attack; not noted")
    given = parser.parse_args()
    under_fire, all_violated = commit(), 0
    try:
        require_strace()
        for verb in (verb for name, verb in VERBS.items() if name.startswith(given.verb)):
            memory = MEMORY if MEMORY.is_dir() else None
            with tempfile.TemporaryDirectory(prefix="artstore-syscalls-", dir=memory) as scratch:
                calls, outcomes = campaign(verb, Path(scratch), given.every)
            survived, violated = tell(verb.name, calls, outcomes)
            all_violated += violated
            if given.every == 1 and not given.verb:
                note(SECTION, under_fire, (verb.name, calls, len(outcomes), survived, violated))
    except TracingRefused as refused:
        said(f"SKIPPED: no call can be injected here: {refused}")
        return SKIPPED
    return 1 if all_violated else 0


if __name__ == "__main__":
    sys.exit(main())
