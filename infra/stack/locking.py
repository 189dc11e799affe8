"""One at a time: an advisory lock on a file, waited for with a deadline."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import DependencyUnavailable

_POLL_SECONDS = 0.1


@contextmanager
def held(path: Path, seconds: float, busy: str) -> Iterator[None]:
    """Hold the lock `path`; `DependencyUnavailable` with the sentence `busy` when another holds it for `seconds`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("a+b") as file:
        until = time.monotonic() + seconds
        while not _taken(file.fileno()):
            if time.monotonic() >= until:
                message = f"After {seconds:.0f} s still waiting: {busy} ({path}). Try again when it has finished."
                raise DependencyUnavailable(message)
            time.sleep(_POLL_SECONDS)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
