"""Fetched records come out whole, whatever names their headers have, and a batch too large to unpack as one record."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record import memory_records
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from infra.runtime.kafka_records import RECORDS_MAX, AnyRecords, take_any_header_names
from infra.runtime.kafka_unpacking import UNPACKED_BYTES_MAX, unpacked
from schemas.errors import UndecodableRecord
from schemas.registry import decode
from tests.bombs import a_bomb

PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)


class Name(str):
    """A header's name that becomes bytes which are no text."""

    __slots__ = ()

    def encode(self, _encoding: str = "utf-8", _errors: str = "strict") -> bytes:
        return b"\xff" + str.encode(self) + b"\xad"


def a_fetch(*batches: list[str], compression: int = PLAIN) -> bytes:
    """Return the buffer of a fetch: per batch a record with one header of each name."""
    found, offset = b"", 0
    for names in batches:
        builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
        for n, name in enumerate(names):
            builder.append(n, 1, b"k", b"v%d" % n, [(name, b"1")])
        batch = builder.build()
        found += offset.to_bytes(8, "big") + bytes(batch[8:])
        offset += len(names)
    return found


def read(records: Any) -> list[tuple[int, bytes, list[tuple[str, bytes]]]]:
    found = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [(record.offset, record.value, record.headers) for record in batch]
    return found


@pytest.mark.parametrize("compression", [PLAIN, GZIP, SNAPPY, LZ4, ZSTD])
def test_a_header_name_of_any_bytes_hides_no_record(compression: int) -> None:
    names: list[list[str]] = [["a"], ["a", Name("x"), "b", Name("y")], [Name("z")], ["c"]]
    fetched = read(AnyRecords(a_fetch(*names, compression=compression)))
    assert [offset for offset, _, _ in fetched] == list(range(7))
    assert [value for _, value, _ in fetched] == [b"v0", b"v0", b"v1", b"v2", b"v3", b"v0", b"v0"]
    assert [headers[0][0] for _, _, headers in fetched] == ["a", "a", "�x�", "b", "�y�", "�z�", "c"]


def test_records_with_good_names_are_what_the_driver_makes_of_them() -> None:
    fetched = a_fetch(["a", "b"], ["ё"], compression=ZSTD)
    assert read(AnyRecords(fetched)) == read(memory_records.MemoryRecords(fetched))


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_unpacks_beyond_the_bound_is_one_record_that_says_so_and_hides_no_other(codec: int) -> None:
    bomb = a_bomb(UNPACKED_BYTES_MAX, codec)
    assert len(bomb) < UNPACKED_BYTES_MAX / 100
    behind = a_fetch(["a"], compression=ZSTD)
    (offset, value, headers), (_, whole, _) = read(AnyRecords(bomb + behind))
    assert (offset, headers, whole) == (0, [], b"v0")
    assert value.startswith(b"A batch of 1 records is not read: ")
    with pytest.raises(UndecodableRecord):
        decode(value)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_unpacks_to_just_the_bound_is_read(codec: int) -> None:
    [(_, value, _)] = read(AnyRecords(a_bomb(UNPACKED_BYTES_MAX - 20, codec)))
    assert value == bytes(UNPACKED_BYTES_MAX - 20)


def test_a_batch_of_more_records_than_any_reader_holds_is_one_that_says_so() -> None:
    [(_, value, _)] = read(AnyRecords(a_bomb(1, count=RECORDS_MAX + 1)))
    assert value.startswith(b"A batch of 200001 records is not read: ")


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_packed_bytes_that_are_none_are_one_record_that_says_so(codec: int) -> None:
    assert unpacked(codec, b"rubbish") is None
    assert unpacked(codec, b"\x82SNAPPY\0\0\0\0\1\0\0\0\1\0") is None


def test_the_driver_unpacks_what_it_fetches_with_it() -> None:
    take_any_header_names()
    assert fetcher.MemoryRecords is AnyRecords
