"""Size and digest of bytes that come in blocks."""

import hashlib
from collections.abc import Iterable


def hashed(blocks: Iterable[bytes]) -> tuple[int, str]:
    """Number of bytes, and their SHA-256 as hex digits."""
    digest, size = hashlib.sha256(), 0
    for block in blocks:
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
