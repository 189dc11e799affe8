"""The one way to the disk for asynchronous code: a thread, a deadline, and the rule that a failure is final."""

import asyncio
import errno
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from schemas.errors import Busy, DiskFailed, InsufficientStorage

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

DISK_SECONDS = 60.0
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})


def raise_if_exhausted(error: OSError) -> None:
    """Raise the error when it is this process that ran out of handles; any other is what a drive says of one file."""
    if error.errno in EXHAUSTED:
        raise error


class DiskGate:
    """Runs blocking disk calls in threads. After the first failed one nothing passes any more.

    After a failed sync nobody can know what is on the disk (a second sync may succeed and have lost the bytes), so
    the program has to stop acknowledging and to end; a restart reads back what is really there.
    """

    def __init__(self, seconds: float = DISK_SECONDS) -> None:
        self._seconds = seconds
        self._failure: DiskFailed | None = None
        self._failed = asyncio.Event()

    async def call(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run `work` in a thread; InsufficientStorage when full, Busy when out of handles, else DiskFailed, finally."""
        self.require_working()
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.to_thread(work, *args, **kwargs)
        except TimeoutError as error:
            raise self.fail(f"The disk did not answer for {self._seconds:g} seconds.") from error
        except DiskFailed as error:
            raise self.fail(error.detail) from error
        except OSError as error:
            if error.errno in FULL:
                raise InsufficientStorage from error
            if error.errno in EXHAUSTED:
                raise Busy("The agent has too many files open. Repeat the request.") from error
            raise self.fail(f"The disk refused a call: {error.strerror}.") from error

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
