"""Keeps a library that says the same thing over and over from drowning the log: once per interval, then the count."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

INTERVAL_SECONDS = 10.0
KINDS_MAX = 1000


@dataclass
class Repeats(logging.Filter):
    """Lets one record of a kind (logger and message before its values are filled in) through per interval.

    The next one that passes says how many were left out, as `left_out`. Only the loggers in `names` and those below
    them are held back; our own lines always pass.
    """

    names: tuple[str, ...]
    now: Callable[[], float] = time.monotonic
    passed: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this record is written."""
        if record.name.partition(".")[0] not in self.names:
            return True
        kind, moment = (record.name, str(record.msg)), self.now()
        last, left_out = self.passed.get(kind, (float("-inf"), 0))
        if moment - last < INTERVAL_SECONDS:
            self.passed[kind] = (last, left_out + 1)
            return False
        if len(self.passed) >= KINDS_MAX:
            self.passed.clear()
        self.passed[kind] = (moment, 0)
        if left_out:
            record.left_out = left_out
        return True
