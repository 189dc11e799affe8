"""The campaign under fire: uploads while every program and server is killed and stopped in turn, then the reckoning.

Run as `python -m tests.campaigns.fire --seed 7 --rounds 16`.
"""

import argparse
import asyncio
import hashlib
import queue
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.archive import Archive
from tests.campaigns.checker import Acknowledged, judge, sagas
from tests.campaigns.clients import Told, attempt, sign_in
from tests.campaigns.drawing import Blow, Kind, Round, Upload, draw
from tests.campaigns.evidence import Evidence, Fault, gather
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.striking import STOP_SECONDS, recovered, strike
from tests.stacks import Stack, whole_stack

CLIENTS = 8
UPLOADS = 200
ROUNDS = 16
QUIET_SECONDS = 60.0
CLIENT_SECONDS = 300.0
LEFT_OVER, DOUBLED, LOST = {"I2", "I4"}, {"I8"}, {"I1", "I6"}


@dataclass(frozen=True)
class Reckoning:
    """What a campaign came to."""

    told: tuple[Told, ...]
    sagas: int
    faults: tuple[Fault, ...]

    def count(self, invariants: set[str]) -> int:
        """Return how many subjects broke one of the invariants."""
        return len({fault.subject for fault in self.faults if fault.invariant in invariants})

    @property
    def acknowledged(self) -> int:
        return sum(told.acknowledged for told in self.told)

    @property
    def sound(self) -> bool:
        return not self.faults and self.acknowledged > 0

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.count(LOST)} lost, {self.count(DOUBLED)} doubled, "
            f"{self.count(LEFT_OVER)} left over, {self.sagas} sagas terminal"
        )


@dataclass
class Crowd:
    """Clients that take uploads from one queue."""

    stack: Stack
    told: list[Told] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    waiting: queue.Queue[Upload | None] = field(default_factory=queue.Queue)
    threads: list[threading.Thread] = field(default_factory=list)
    asked: int = 0

    def begin(self) -> None:
        self.threads = [threading.Thread(target=self._work, name=f"client {n}", daemon=True) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def let_go(self, uploads: Sequence[Upload]) -> None:
        self.asked += len(uploads)
        for upload in uploads:
            self.waiting.put(upload)

    def end(self) -> None:
        """Wait until every upload is told."""
        for _ in self.threads:
            self.waiting.put(None)
        for thread in self.threads:
            thread.join(CLIENT_SECONDS)
            if thread.is_alive():
                self.faults.append(Fault("client", thread.name, "did not come to an end"))
        if len(self.told) < self.asked:
            self.faults.append(Fault("client", "uploads", f"{self.asked - len(self.told)} came to no answer"))

    def _work(self) -> None:
        with sign_in(self.stack) as archive:
            while (upload := self.waiting.get()) is not None:
                self.told.append(attempt(archive, upload))


def campaign(stack: Stack, rounds: Sequence[Round], stop_seconds: float = STOP_SECONDS) -> Reckoning:
    """Run the rounds on a running stack, one line each, and reckon."""
    crowd = Crowd(stack)
    crowd.begin()
    for number, turn in enumerate(rounds, 1):
        half = len(turn.uploads) // 2
        crowd.let_go(turn.uploads[:half])
        time.sleep(turn.pause)
        others = threading.Timer(0.3, crowd.let_go, [turn.uploads[half:]])
        others.start()
        pid = strike(stack, turn.victim, turn.blow, stop_seconds)
        others.join()
        seconds = recovered(stack, turn.victim, turn.blow, pid)
        if seconds is None:
            crowd.faults.append(Fault("recovery", turn.victim, f"not everybody is ready again after {turn.blow}"))
        after = "NOT ready again" if seconds is None else f"all ready {seconds:.1f} s later"
        blow = f"stop {stop_seconds:.0f} s" if turn.blow is Blow.STOP else turn.blow
        said(f"round {number}/{len(rounds)} {blow} {turn.victim}: {after}, {len(crowd.told)} uploads told")
    crowd.end()
    return reckon(stack, crowd)


def reckon(stack: Stack, crowd: Crowd) -> Reckoning:
    """Judge when it is quiet, at most a minute after the last upload was told."""
    began = time.monotonic()
    answers = Counter(
        f"{told.upload.kind} {told.status or 'unanswered'} {told.code or ''}".strip() for told in crowd.told
    )
    said("answers: " + ", ".join(f"{count} x {answer}" for answer, count in sorted(answers.items())))
    with sign_in(stack) as archive:
        while True:
            evidence = asyncio.run(look(stack))
            faults = judge(evidence, ())
            if not faults or time.monotonic() - began > QUIET_SECONDS:
                break
            time.sleep(1.0)
        said(f"quiet after {time.monotonic() - began:.1f} s, {len(evidence.log)} records in the log")
        served = [asked(archive, told) for told in crowd.told if told.acknowledged]
        faults = judge(evidence, served) + [fault for told in crowd.told for fault in answered(archive, told)]
    differs = stack.artstore("diff", check=False)
    faults += [Fault("diff", "artstore diff", line) for line in (differs.stdout + differs.stderr).splitlines()]
    ended = sum(saga.stand.status in {"succeeded", "failed"} for saga in sagas(evidence.log).values())
    return Reckoning(tuple(crowd.told), ended, tuple(sorted({*faults, *crowd.faults})))


async def look(stack: Stack) -> Evidence:
    """Gather the evidence of a stack."""
    settings = stack.settings
    roots = [stack.root("hot"), stack.root("vault")]
    return await gather(roots, settings.kafka.bootstrap_servers or "", settings.postgres.required_dsn())


def asked(archive: Archive, told: Told) -> Acknowledged:
    """Download an acknowledged document as its reader would."""
    content = told.upload.content()
    served: str | None = None
    redirect = archive.get(f"/documents/{told.document_id}/content")
    if redirect.status_code == 307:
        body = httpx2.get(redirect.headers["Location"], timeout=60)
        served = hashlib.sha256(body.content).hexdigest() if body.status_code == 200 else None
    return Acknowledged(told.document_id, hashlib.sha256(content).hexdigest(), len(content), served)


def answered(archive: Archive, told: Told) -> list[Fault]:
    """Return what is wrong with what the gateway says about one upload."""
    if told.announced is None:
        return []
    operation = archive.operation(told.announced["operation_id"])
    found = archive.get(f"/documents/{told.document_id}").status_code == 200
    faults: list[Fault] = []
    if told.acknowledged and told.upload.kind is not Kind.WHOLE:
        faults.append(Fault("I1", told.document_id, f"{told.upload.kind} was acknowledged"))
    if told.acknowledged and (operation["state"] != "succeeded" or not found):
        faults.append(Fault("I1", told.document_id, f"acknowledged, {operation['state']}, found: {found}"))
    if told.acknowledged and told.document_id not in {hit["document_id"] for hit in archive.search(told.upload.word)}:
        faults.append(Fault("I1", told.document_id, "acknowledged, and not found by a word of its title"))
    if operation["state"] != "succeeded" and (found or not (operation.get("problem") or {}).get("code")):
        faults.append(Fault("I11", told.announced["operation_id"], f"not succeeded, found: {found}, {operation}"))
    return faults


def row(seed: int, rounds: int, reckoning: Reckoning) -> tuple[object, ...]:
    """Return what the ledger keeps of a campaign."""
    return (
        seed,
        rounds,
        len(reckoning.told),
        reckoning.acknowledged,
        reckoning.count(LOST),
        reckoning.count(DOUBLED),
        reckoning.count(LEFT_OVER),
        reckoning.sagas,
        len(reckoning.faults),
    )


def main() -> int:
    """Run one campaign on a private stack."""
    parser = argparse.ArgumentParser(description="uploads under fire")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--uploads", type=int, default=UPLOADS)
    parser.add_argument("--keep", type=Path, help="a new home for the stack, kept for a look afterwards")
    given = parser.parse_args()
    under_fire = commit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # also then the stack is stopped
    said(f"seed {given.seed}, {given.rounds} rounds, {given.uploads} uploads, {CLIENTS} clients")
    with tempfile.TemporaryDirectory(prefix="artstore-fire-") as scratch:
        stack = whole_stack(given.keep or Path(scratch) / "home")
        try:
            stack.artstore("up")
            reckoning = campaign(stack, draw(given.seed, given.rounds, given.uploads))
        finally:
            stack.artstore("down")
    note("Under fire", under_fire, row(given.seed, given.rounds, reckoning))
    for fault in reckoning.faults:
        said(str(fault))
    said(str(reckoning))
    return 0 if reckoning.sound else 1


if __name__ == "__main__":
    sys.exit(main())
