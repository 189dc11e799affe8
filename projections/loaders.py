"""Loading views with several processes at once, and the program that each of these runs."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import uvloop

from infra.runtime.metrics import Metrics
from infra.runtime.postgres import open_pool
from infra.runtime.settings_sections import KafkaSettings, PostgresSettings
from projections.dead_letters import ToldDeadLetters
from projections.disk import Broken
from projections.loading import Piece, Stretch, load
from projections.writing import Ground
from schemas.errors import ArtStoreError, Busy, ConfigurationInvalid, DatabaseUnavailable, LogUnavailable, Transient

PROCESSES_MAX = 4
# Below this a second process costs more than it takes over.
ITEMS_PER_PROCESS = 20_000
LINE_BYTES_MAX = 1024 * 1024
COLLECT_AFTER = 1_000_000

_BY_CODE: Mapping[str, type[ArtStoreError]] = MappingProxyType(
    {kind.code: kind for kind in (Busy, ConfigurationInvalid, DatabaseUnavailable, LogUnavailable)}
)


@dataclass(frozen=True)
class Ears:
    """Who is told what the loading processes find."""

    broken: Callable[[Broken], None]
    letter: Callable[[str], None]


def pieces(stretches: Sequence[Stretch], roots: Sequence[Path], files: int, processes: int | None) -> list[Piece]:
    """Deal the work out: partitions by their length, files by their names, to as many processes as it is worth.

    `processes` None: as many as there are processors and enough to do.
    """
    items = max(sum(stretch.until for stretch in stretches), files)
    count = processes or max(1, min(PROCESSES_MAX, os.cpu_count() or 1, items // ITEMS_PER_PROCESS))
    hands: list[list[Stretch]] = [[] for _ in range(count)]
    for stretch in sorted(stretches, key=lambda each: each.until * len(each.views), reverse=True):
        min(hands, key=lambda hand: sum(each.until * len(each.views) for each in hand)).append(stretch)
    return [Piece(tuple(hand), tuple(roots), number, count) for number, hand in enumerate(hands)]


async def load_in_processes(
    kafka: KafkaSettings, postgres: PostgresSettings, schema: str, work: Sequence[Piece], ears: Ears
) -> None:
    """Load the pieces, each in a process of its own, which ends with this one, whatever ends it.

    LogUnavailable, DatabaseUnavailable, Busy, as from `load`; Transient when a process ended by itself.
    """
    dsn = {"dsn": postgres.required_dsn()}
    given = {
        "kafka": kafka.model_dump(mode="json"),
        "postgres": {**postgres.model_dump(mode="json"), **dsn},
        "schema": schema,
    }
    await all_or_none(*[_one({**given, "piece": asdict(piece)}, ears) for piece in work])


async def all_or_none(*works: Coroutine[Any, Any, None]) -> None:
    """Do all at once; an error of one ends the others, and is told when they have ended: nothing writes on behind."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """Let the collector of cycles look seldom: folding makes none, but so many short-lived objects to look through."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _one(given: Mapping[str, Any], ears: Ears) -> None:
    # What it is given holds a password, so it is told where nobody else reads.
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        program.stdin.write(json.dumps(given, default=str).encode() + b"\n")
        async for line in program.stdout:
            _hear(json.loads(line), ears)
        code = await program.wait()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if code:
        raise Transient(f"A process that loads the views has ended with {code}. Begin the rebuild again.")


def _hear(told: Mapping[str, str], ears: Ears) -> None:
    match told["kind"]:
        case "broken":
            ears.broken(Broken(Path(told["path"]), told["reason"]))
        case "letter":
            ears.letter(told["line"])
        case code:
            raise _BY_CODE.get(code, Transient)(told["detail"])


async def _serve(mouth: IO[str]) -> int:
    """Load the piece that is told on standard input, and end early when whoever told it has ended."""
    source = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin)
    given = json.loads(await source.readline())
    loading = asyncio.create_task(_load(given, mouth))
    asked = asyncio.create_task(source.read())
    try:
        await asyncio.wait({loading, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (loading, asked):
            task.cancel()
        await asyncio.wait({loading, asked})
        transport.close()
    if loading.cancelled():
        return 1
    loading.result()
    return 0


async def _load(given: Mapping[str, Any], mouth: IO[str]) -> None:
    def say(kind: str, **told: str) -> None:
        mouth.write(json.dumps({"kind": kind, **told}) + "\n")
        mouth.flush()

    letters = ToldDeadLetters(lambda line: say("letter", line=line))
    piece = _piece(given["piece"])
    try:
        async with open_pool(PostgresSettings.model_validate(given["postgres"]), "artstore-rebuild-load") as pool:
            kafka = KafkaSettings.model_validate(given["kafka"])
            ground = Ground(pool, kafka, letters, Metrics(), given["schema"])
            await load(ground, piece, lambda broken: say("broken", path=str(broken.path), reason=broken.reason))
    except ArtStoreError as error:
        say(error.code, detail=error.detail)


def _piece(told: Mapping[str, Any]) -> Piece:
    stretches = [
        Stretch((topic, partition), each["until"], tuple(each["views"]))
        for each in told["stretches"]
        for topic, partition in [each["partition"]]
    ]
    return Piece(tuple(stretches), tuple(map(Path, told["roots"])), told["number"], told["of"])


def main() -> int:
    """Run one loading process. An interrupt is for its parent, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever else is printed, by a library say, goes where errors go.
    with few_collections(), contextlib.closing(os.fdopen(os.dup(1), "w", encoding="utf-8")) as mouth:
        os.dup2(2, 1)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(mouth))


if __name__ == "__main__":
    sys.exit(main())
