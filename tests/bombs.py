"""Batches that are small on the log and huge in memory, made without ever being so here."""

import asyncio
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cramjam
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c, encode_varint

ZSTD, LZ4, GZIP = 4, 3, 1
PIECE = bytes(1 << 20)
# A broker unpacks it too, piece by piece, before it takes it.
SECONDS = 60


def a_bomb(unpacked_bytes: int, codec: int = ZSTD, key: bytes = b"k", count: int = 1) -> bytes:
    """Return a whole record batch of one record whose value is so many zeros; its head says that it has `count`."""
    packer = _PACKERS[codec]()
    for piece in _record(unpacked_bytes, key):
        packer.compress(piece)
    head = struct.pack(">hiqqqhii", codec, count - 1, 1, 1, -1, -1, -1, count)
    body = head + bytes(packer.finish())
    return struct.pack(">qiibI", 0, len(body) + 9, 0, 2, calc_crc32c(body)) + body


# Kafka takes LZ4 in blocks that do not lean on each other.
_PACKERS: Mapping[int, Callable[[], Any]] = {
    ZSTD: cramjam.zstd.Compressor,
    LZ4: lambda: cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False),
    GZIP: cramjam.gzip.Compressor,
}


async def put_whole(producer: AIOKafkaProducer, batch: bytes, topic: str, partition: int) -> int:
    """Put a whole batch on the log as it is; return where it stands."""
    sent = producer.create_batch()
    sent._builder, sent._relative_offset = _Built(batch), 1
    sent.close()
    async with asyncio.timeout(SECONDS):
        return int((await (await producer.send_batch(sent, topic, partition=partition))).offset)


@dataclass(frozen=True)
class _Built:
    """What the driver takes for a batch that it has built itself."""

    batch: bytes

    def build(self) -> bytearray:
        return bytearray(self.batch)

    def size(self) -> int:
        return len(self.batch)


def _record(size: int, key: bytes) -> Iterator[bytes]:
    inner = b"\0\0\0" + _varint(len(key)) + key + _varint(size)
    yield _varint(len(inner) + size + 1) + inner
    for done in range(0, size, len(PIECE)):
        yield PIECE[: size - done]
    yield b"\0"


def _varint(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)
