"""An error that a driver raises on the way out of a cancelled task must not take the cancellation's place."""

import asyncio


def yield_to_cancellation(error: Exception) -> None:
    """Raise CancelledError when the current task is being cancelled; `error` came after, and is told as its cause.

    A driver that is cancelled in the middle of an answer may fail in its own clean-up. Taken for "the server is away",
    that error would be waited out, and the task would never end.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return  # no event loop runs here, so there is nothing to be cancelled
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
