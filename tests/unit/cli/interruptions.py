"""What a double does to the bodies that it sends: breaks them off in the middle, or after so many bytes, or stalls."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

PIECE = 2**18
STALL_SECONDS = 20


@dataclass
class Interruptions:
    """So many downloads end halfway; or each breaks, or stalls, after so many bytes."""

    broken_downloads: int = 0
    breaks_after: int | None = None
    stalls_after: int | None = None


async def interrupted(wanted: Interruptions, data: bytes) -> AsyncIterator[bytes]:
    """Yield as much as is let through: ending short of the announced length makes the server break the connection."""
    end = len(data)
    if wanted.broken_downloads:
        wanted.broken_downloads -= 1
        end //= 2
    elif wanted.stalls_after is not None:
        end = wanted.stalls_after
    elif wanted.breaks_after is not None:
        end = wanted.breaks_after
    for start in range(0, end, PIECE):
        yield data[start : min(start + PIECE, end)]
    if wanted.stalls_after is not None:
        await asyncio.sleep(STALL_SECONDS)
