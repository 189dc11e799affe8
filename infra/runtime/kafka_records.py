"""Records as the driver reads them; header names that are no text, and batches too large to unpack, stop no reader."""

import itertools
import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from infra.runtime.kafka_unpacking import UNPACKED_BYTES_MAX, unpacked

# The version of the record format that brought headers.
FIRST_WITH_HEADERS = 2
# Where in a batch's head its codec stands, in the lowest bits of one byte, and how many records it has.
CODEC_OFFSET, CODEC_BITS = 22, 0x07
COUNT = struct.Struct(">i")
COUNT_OFFSET, HEAD_BYTES = 57, 61
# More than fit into a batch that is not packed; each becomes an object many times its size.
RECORDS_MAX = 200_000


def take_any_header_names() -> None:
    """Let every reader of this process unpack records with `AnyRecords`.

    The driver decodes header names strictly, in the middle of a fetch: it raises, gives back nothing of what it has
    read of other partitions, and meets the same record again at every start. The broker takes any bytes for a name.
    And it unpacks a batch whole, whatever that comes to; here it has a bound.
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
    """The driver's fast batch; from its first bad header name on, a slow one that takes it.

    One that cannot be unpacked within the bound has a single record in the place of its first, which no program of
    ours can understand, and which says why it is there.
    """

    def __init__(self, packed: Any, buffer: memoryview) -> None:  # noqa: ANN401 - the driver has no types
        self._packed = packed
        self._buffer = buffer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the driver's batch has
        return getattr(self._packed, name)

    def __next__(self) -> Any:  # noqa: ANN401 - the driver has no types
        return next(self._packed)

    def __iter__(self) -> Iterator[Any]:
        codec = self._buffer[CODEC_OFFSET] & CODEC_BITS
        if not codec:
            yield from _records(self._packed, self._buffer)
            return
        [count] = COUNT.unpack_from(self._buffer, COUNT_OFFSET)
        found = unpacked(codec, self._buffer[HEAD_BYTES:].tobytes()) if count <= RECORDS_MAX else None
        if found is None:
            yield self._unread(count)
            return
        head = bytearray(self._buffer[:HEAD_BYTES])
        head[CODEC_OFFSET] &= ~CODEC_BITS
        plain = b"".join((head, found))
        yield from _records(DefaultRecordBatch(plain), plain)

    def _unread(self, count: int) -> Any:  # noqa: ANN401 - the driver has no types
        bound = f"at most {RECORDS_MAX} records and {UNPACKED_BYTES_MAX} bytes"
        said = f"A batch of {count} records is not read: it cannot be unpacked to {bound}."
        batch = self._packed
        return _DefaultRecordPy(batch.base_offset, batch.max_timestamp, batch.timestamp_type, None, said.encode(), [])


def _records(fast: Any, buffer: bytes | memoryview) -> Iterator[Any]:  # noqa: ANN401 - the driver has no types
    done, records = 0, iter(fast)
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except UnicodeDecodeError:
            break
        done += 1
        yield record
    yield from itertools.islice(_SlowBatch(buffer), done, None)


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
