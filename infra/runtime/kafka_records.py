"""Records as the driver unpacks them, also such whose header names are no text: one of those must not stop a reader."""

import itertools
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

# The version of the record format that brought headers.
FIRST_WITH_HEADERS = 2


def take_any_header_names() -> None:
    """Let every reader of this process unpack records with `AnyRecords`.

    The driver decodes header names strictly, in the middle of a fetch: it raises, gives back nothing of what it has
    read of other partitions, and meets the same record again at every start. The broker takes any bytes for a name.
    """
    fetcher.MemoryRecords = AnyRecords


class AnyRecords(_MemoryRecordsPy):  # type: ignore[misc] # the driver has no types
    """The record batches in a fetched buffer."""

    def next_batch(self) -> Any:  # noqa: ANN401 - the driver has no types
        """Return the next batch, or None."""
        buffer = self._next_slice
        batch = super().next_batch()
        return batch if batch is None or buffer[self.MAGIC_OFFSET] < FIRST_WITH_HEADERS else _Batch(batch, buffer)


class _Batch:
    """The driver's fast batch; from its first bad header name on, a slow one that takes it."""

    def __init__(self, fast: Any, buffer: memoryview) -> None:  # noqa: ANN401 - the driver has no types
        self._fast = fast
        self._buffer = buffer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the driver's batch has
        return getattr(self._fast, name)

    def __next__(self) -> Any:  # noqa: ANN401 - the driver has no types
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        done, records = 0, iter(self._fast)
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except UnicodeDecodeError:
                break
            done += 1
            yield record
        yield from itertools.islice(_SlowBatch(self._buffer), done, None)


class _SlowBatch(_DefaultRecordBatchPy):  # type: ignore[misc] # the driver has no types
    _buffer: bytes

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _AnyText(self._buffer)


class _AnyText(bytes):
    """Bytes whose parts decode as text whatever they are."""

    def __getitem__(self, at: Any) -> Any:  # noqa: ANN401 - as of bytes
        found = super().__getitem__(at)
        return _AnyText(found) if isinstance(found, bytes) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")
