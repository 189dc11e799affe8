"""Putting requests into the saga inbox: acknowledged in time, and then known to the views."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from api_gateway.ports import Operation, Views
from schemas.errors import LogUnavailable, ViewsBehind

PUBLISH_SECONDS = 5.0
KNOWN_SECONDS = 2.0
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.01, 0.1
# A look at the views is worth its price while it comes at most an eighth later than what it looks for.
PAUSE_SHARE = 0.125


@asynccontextmanager
async def acknowledgement() -> AsyncIterator[None]:
    """Give what is published inside five seconds; LogUnavailable afterwards."""
    try:
        async with asyncio.timeout(PUBLISH_SECONDS):
            yield
    except TimeoutError as error:
        raise LogUnavailable from error


async def until_known(
    views: Views, operation_id: str, enough: Callable[[Operation], bool] = lambda _: True
) -> Operation:
    """Return the operation as soon as the views hold `enough` of it; ViewsBehind when they do not within two seconds.

    What they hold then is the first request with this id, which is also the one that its saga has taken.
    """
    try:
        async with asyncio.timeout(KNOWN_SECONDS):
            begun = monotonic()
            while (known := await views.find_operation(operation_id)) is None or not enough(known):  # noqa: ASYNC110
                await asyncio.sleep(pause_after(monotonic() - begun))
            return known
    except TimeoutError as error:
        raise ViewsBehind(retry_after_seconds=1) from error


def pause_after(waited_seconds: float) -> float:
    """Return how many seconds to wait before the views are asked again: short at first, longer with the wait."""
    return min(max(waited_seconds * PAUSE_SHARE, FIRST_PAUSE_SECONDS), LAST_PAUSE_SECONDS)
