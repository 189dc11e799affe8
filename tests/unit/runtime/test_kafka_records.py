"""Fetched records come out whole, whatever bytes their headers are named by."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record import memory_records
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from infra.runtime.kafka_records import AnyRecords, take_any_header_names

PLAIN, ZSTD = 0, 4


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


@pytest.mark.parametrize("compression", [PLAIN, ZSTD])
def test_a_header_name_of_any_bytes_hides_no_record(compression: int) -> None:
    names: list[list[str]] = [["a"], ["a", Name("x"), "b", Name("y")], [Name("z")], ["c"]]
    fetched = read(AnyRecords(a_fetch(*names, compression=compression)))
    assert [offset for offset, _, _ in fetched] == list(range(7))
    assert [value for _, value, _ in fetched] == [b"v0", b"v0", b"v1", b"v2", b"v3", b"v0", b"v0"]
    assert [headers[0][0] for _, _, headers in fetched] == ["a", "a", "�x�", "b", "�y�", "�z�", "c"]


def test_records_with_good_names_are_what_the_driver_makes_of_them() -> None:
    fetched = a_fetch(["a", "b"], ["ё"], compression=ZSTD)
    assert read(AnyRecords(fetched)) == read(memory_records.MemoryRecords(fetched))


def test_the_driver_unpacks_what_it_fetches_with_it() -> None:
    take_any_header_names()
    assert fetcher.MemoryRecords is AnyRecords
