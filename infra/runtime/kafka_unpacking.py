"""Record batches unpacked within a bound: some kilobytes on the log may claim any amount of memory."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Mapping

import cramjam
from aiokafka.codec import snappy_decode

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4

# A topic takes batches of 1 MiB, dead letters 2 MiB, as they are packed. What our programs send unpacks to little more.
UNPACKED_BYTES_MAX = 32 * 1024 * 1024
# Room costs time as well: most batches unpack to few times their size, and only for the oddest the bound is set aside.
_ROOMS = ((16, 4 * 1024), (256, 64 * 1024), (0, UNPACKED_BYTES_MAX))

_Into = Callable[[bytes, bytearray], int]


def unpacked(codec: int, packed: bytes) -> bytes | bytearray | None:
    """Return what a packed batch unpacks to; None when that is more than the bound, or it was never packed so."""
    return _UNPACK[codec](packed) if codec in _UNPACK else None


def _gzip(packed: bytes) -> bytes | None:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            found = file.read(UNPACKED_BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error):
        return None
    return found if len(found) <= UNPACKED_BYTES_MAX else None


def _snappy(packed: bytes) -> bytes | None:
    # Its format cannot unpack to more than 22 times its size, which is less than the bound.
    try:
        return bytes(snappy_decode(packed))
    except (cramjam.DecompressionError, struct.error):
        return None


def _within(into: _Into) -> Callable[[bytes], bytearray | None]:
    def unpack(packed: bytes) -> bytearray | None:
        for times, least in _ROOMS:
            found = bytearray(min(max(times * len(packed), least), UNPACKED_BYTES_MAX))
            try:
                size = into(packed, found)
            except cramjam.DecompressionError:
                continue
            del found[size:]
            return found
        return None

    return unpack


_UNPACK: Mapping[int, Callable[[bytes], bytes | bytearray | None]] = {
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _within(cramjam.lz4.decompress_into),
    ZSTD: _within(cramjam.zstd.decompress_into),
}
