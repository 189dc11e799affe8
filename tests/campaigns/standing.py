"""An event loop in which no time passes and no thread runs: what a workload does is the same at every run."""

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar, TypeVarTuple
from uuid import UUID

from storage_agent import element, staging
from tests.builders import NOW
from tests.disks import Crash

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Values = TypeVarTuple("Values")


@dataclass
class Turns:
    """Whose turn it is when several calls of the disk are under way: the oldest one's, but once another's.

    At the moment number `at` the call in place `other` of those that wait goes first. `waited` becomes, for each moment
    at which there was a choice, how many calls waited. Moments are counted from 0.
    """

    at: int = -1
    other: int = 0
    waited: list[int] = field(default_factory=list)
    _is_over: bool = False

    def over(self) -> None:
        """Choose nothing else any more."""
        self._is_over = True

    def choose(self, waiting: int) -> int:
        """Return the place of the call that goes first."""
        if waiting == 1 or self._is_over:
            return 0
        self.waited.append(waiting)
        return self.other if len(self.waited) - 1 == self.at else 0


class _InTurn(ThreadPoolExecutor):
    """Has no threads: keeps what it is given until `do_one`."""

    def __init__(self) -> None:
        super().__init__(1)
        self.waiting: list[Callable[[], None]] = []

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        done: Future[Result] = Future()

        def do() -> None:
            try:
                done.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it
                done.set_exception(error)

        self.waiting.append(do)
        return done


class _Leaping(selectors.SelectSelector):
    """Never waits: when no coroutine can go on a call is done, and without any the loop's clock moves on."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self.now = 0.0
        self.calls = _InTurn()
        self._turns = turns

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0 and self.calls.waiting:
            self.calls.waiting.pop(self._turns.choose(len(self.calls.waiting)))()
        elif timeout != 0:
            assert timeout is not None, "the workload waits for something that nobody does"
            self.now += timeout
        return []


def _told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Nobody asks the tasks of a process that was killed what became of them.
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)


class StandingLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, whose threads are none."""

    def __init__(self, turns: Turns) -> None:
        self._leaping = _Leaping(turns)
        super().__init__(self._leaping)
        self.set_default_executor(self._leaping.calls)
        self.set_exception_handler(_told)

    def time(self) -> float:
        return self._leaping.now

    def call_soon_threadsafe(
        self, callback: Callable[[*Values], object], *args: *Values, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)


def run(work: Coroutine[Any, Any, Result], turns: Turns | None = None) -> Result:
    """Run `work` in a loop of its own; tasks that it leaves behind are cancelled."""
    loop = StandingLoop(turns or Turns())
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()


def numbered(number: int) -> str:
    """Return the `number`-th UUIDv7 of a workload."""
    return str(UUID(f"{round(NOW.timestamp() * 1000):012x}7000{0x8 << 60 | number:016x}"))


@contextmanager
def nothing_by_chance() -> Iterator[None]:
    """Let ids and names that the agent draws be the same at every run, for a block."""
    drawn = itertools.count()
    places: tuple[tuple[Any, str, object], ...] = (
        (element, "new_id", lambda _at: numbered(0)),
        (staging, "secrets", SimpleNamespace(token_hex=lambda size: f"{next(drawn):0{2 * size}x}")),
    )
    before = [getattr(room, name) for room, name, _ in places]
    for room, name, instead in places:
        setattr(room, name, instead)
    try:
        yield
    finally:
        for (room, name, _), value in zip(places, before, strict=True):
            setattr(room, name, value)
