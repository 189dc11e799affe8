"""What was worked out a moment ago, kept by what it was worked out from: bounded in bytes, least recently used out."""

import threading
from collections import OrderedDict
from collections.abc import Sized
from typing import Generic, TypeVar

Source = TypeVar("Source", bound=Sized)
Value = TypeVar("Value")


class Recent(Generic[Source, Value]):
    """Values by their source, a text or bytes; all sources together have at most `size_max` bytes (or letters).

    Whoever asks here has to know that what is kept is still the value of its source. For use in several threads.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._size = 0
        self._values: OrderedDict[Source, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, source: Source) -> Value | None:
        """Return what is kept for this very source, or None."""
        with self._lock:
            value = self._values.get(source)
            if value is not None:
                self._values.move_to_end(source)
            return value

    def keep(self, source: Source, value: Value) -> None:
        """Keep a value; what was not asked for the longest goes. A source larger than all that may be is not kept."""
        if len(source) > self._size_max:
            return
        with self._lock:
            self._drop(source)
            self._values[source] = value
            self._size += len(source)
            while self._size > self._size_max:
                oldest, _ = self._values.popitem(last=False)
                self._size -= len(oldest)

    def forget(self, source: Source) -> None:
        """Keep nothing for a source."""
        with self._lock:
            self._drop(source)

    def _drop(self, source: Source) -> None:
        if self._values.pop(source, None) is not None:
            self._size -= len(source)
