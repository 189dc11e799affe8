"""The one way to the disk for asynchronous code: a thread, a deadline, and the rule that a failure is final."""

import asyncio
import errno
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from schemas.errors import ArtStoreError, Busy, DiskFailed, InsufficientStorage, Stopping

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

DISK_SECONDS = 60.0
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
LOOKS_AT_ONCE = 64
BROKEN = frozenset({errno.EIO, errno.EROFS})
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})


def raise_if_exhausted(error: OSError) -> None:
    """Raise the error when it is this process that ran out of handles; any other is what a drive says of one file."""
    if error.errno in EXHAUSTED:
        raise error


def in_the_tree(error: OSError) -> ArtStoreError:
    """Return a refused call by its kind: InsufficientStorage when full, Busy when out of handles, else DiskFailed."""
    if error.errno in FULL:
        return InsufficientStorage()
    if error.errno in EXHAUSTED:
        return Busy("The agent has too many files open. Repeat the request.")
    return DiskFailed(f"The disk refused a call: {error.strerror}.")


@contextmanager
def disk_errors_told() -> Iterator[None]:
    """Raise errors of the tree for a block that blocks: at both ends of an agent's life, where no gate is passed."""
    try:
        yield
    except OSError as error:
        raise in_the_tree(error) from error


@dataclass(eq=False)
class _Look:
    question: Callable[[], Any]
    answer: asyncio.Future[Any]


class Looks:
    """Short questions of many callers, asked together in few threads: most take less time than a change of threads.

    `call` runs a batch in a thread, with a deadline. `at_once`: how many batches are in threads at most; `together`:
    how many questions one of them has at most, and so how many a slow disk lets wait for one another.
    """

    def __init__(self, call: Callable[..., Awaitable[Any]], *, at_once: int, together: int) -> None:
        self._call = call
        self._at_once = at_once
        self._together = together
        self._waiting: deque[_Look] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[None] | None = None

    async def ask(self, question: Callable[[], Result]) -> Result:
        """Return the answer to a question; what it raised, or what the call of its batch did."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Look(question, answer))
        self._start()
        return await answer

    def _start(self) -> None:
        """Have somebody ask what waits, unless who was started for it before has not begun yet."""
        if self._waiting and self._starting is None and len(self._running) < self._at_once:
            self._starting = running = asyncio.create_task(self._run(), name="looks")
            self._running.add(running)
            running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        if self._starting is running:
            self._starting = None
        self._start()

    async def _run(self) -> None:
        self._starting = None
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._together))]
            self._start()
            outcomes: Sequence[object] = [Stopping()] * len(batch)
            try:
                outcomes = await self._call(_asked, batch)
            except ArtStoreError as error:
                outcomes = [error] * len(batch)
            finally:
                _answer(batch, outcomes)


class DiskGate:
    """Runs blocking disk calls in threads. After the first failed one nothing passes any more.

    After a failed sync nobody can know what is on the disk (a second sync may succeed and have lost the bytes), so
    the program has to stop acknowledging and to end; a restart reads back what is really there.
    """

    def __init__(self, seconds: float = DISK_SECONDS) -> None:
        self._seconds = seconds
        self._failure: DiskFailed | None = None
        self._failed = asyncio.Event()
        self._looks = Looks(self.call, at_once=1, together=LOOKS_AT_ONCE)

    async def call(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run `work` in a thread; InsufficientStorage when full, Busy when out of handles, else DiskFailed, finally."""
        self.require_working()
        with self._translated():
            async with asyncio.timeout(self._seconds):
                return await asyncio.to_thread(work, *args, **kwargs)

    async def look(
        self, question: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run a short `question`; errors as in `call`.

        The questions of many callers are asked in one thread, in order, one behind another.
        """
        self.require_working()
        with self._translated():
            return await self._looks.ask(partial(question, *args, **kwargs))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise self.fail(f"The disk did not answer for {self._seconds:g} seconds.") from error
        except DiskFailed as error:
            raise self.fail(error.detail) from error
        except OSError as error:
            told = in_the_tree(error)
            raise (self.fail(told.detail) if isinstance(told, DiskFailed) else told) from error

    def fail(self, detail: str) -> DiskFailed:
        """Close the gate for ever and return the error to raise."""
        if self._failure is None:
            self._failure = DiskFailed(f"{detail} The agent stops acknowledging and exits.")
        self._failed.set()
        return self._failure

    def failure(self) -> DiskFailed | None:
        """Return the error that closed the gate, if one did."""
        return self._failure

    def require_working(self) -> None:
        """Raise the DiskFailed that closed the gate, if one did."""
        if self._failure is not None:
            raise DiskFailed(self._failure.detail) from self._failure

    async def watch(self) -> None:
        """Wait until the disk fails, then raise DiskFailed; the task that ends the process."""
        await self._failed.wait()
        self.require_working()


def _asked(looks: Sequence[_Look]) -> list[object]:
    """Return the answer to each question, or the error that it ended with."""
    outcomes: list[object] = []
    for look in looks:
        try:
            outcomes.append(look.question())
        except Exception as error:  # noqa: BLE001 - it is raised where the question came from
            outcomes.append(error)
    return outcomes


def _answer(looks: Sequence[_Look], outcomes: Sequence[object]) -> None:
    for look, outcome in zip(looks, outcomes, strict=True):
        if look.answer.done():
            continue
        if isinstance(outcome, Exception):
            look.answer.set_exception(outcome)
        else:
            look.answer.set_result(outcome)
