"""An event loop in which no time passes and no thread runs: what a workload does is the same at every run."""

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar, TypeVarTuple
from uuid import UUID

from storage_agent import element, staging
from tests.builders import NOW

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Values = TypeVarTuple("Values")


class _AtOnce(ThreadPoolExecutor):
    """Does what it is given before it returns."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        done: Future[Result] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it
            done.set_exception(error)
        return done


class _Leaping(selectors.SelectSelector):
    """Never waits: when nothing is ready, the loop's clock moves on to what it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the workload waits for something that nobody does"
            self.now += timeout
        return ready


class StandingLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, whose threads are none."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)
        self.set_default_executor(_AtOnce())

    def time(self) -> float:
        return self._leaping.now

    def call_soon_threadsafe(
        self, callback: Callable[[*Values], object], *args: *Values, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` in a loop of its own; tasks that it leaves behind are cancelled."""
    loop = StandingLoop()
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
