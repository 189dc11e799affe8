"""Rotation of the signing key: a new one in time, and the end of those of which nothing holds any more."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import structlog

from api_gateway.inbox import acknowledgement
from api_gateway.keyholder import Keys
from api_gateway.keys import KeyDesk, key_request, own_actor
from infra.runtime.clock import Clock
from infra.runtime.installation import Installation
from infra.runtime.keys import KeyRing, VerifyingKey
from infra.runtime.security import TICKET_LIVES
from infra.runtime.telemetry import span
from producers.keys import request_key
from producers.publisher import Publisher
from schemas.errors import Transient
from schemas.identifiers import derive

LOOK_SECONDS = 60.0
# So long every verifier has to hear of a key before it signs: twice as long as outsiders may keep a key set.
ANNOUNCED = timedelta(minutes=10)
# The longest that anything lives which a key has signed, and a day for clocks and for gateways that were away.
GRACE = max(TICKET_LIVES.values()) + timedelta(days=1)


@dataclass(frozen=True)
class Rotation:
    """Keeps the newest key younger than `life`. All gateways of an installation do this, and of them one counts."""

    publisher: Publisher
    installation: Installation
    clock: Clock
    keys: Keys
    desk: KeyDesk
    begun: asyncio.Event
    life: timedelta

    async def run(self) -> None:
        """Look every minute until cancelled, once `begun` is set; what may pass is tried again."""
        await self.begun.wait()
        while True:
            try:
                await self.look()
            except Transient as error:
                structlog.get_logger("artstore.rotation").warning("rotation_waits", reason=error.detail)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Announce a new key if it is time, and retire those whose time is over.

        LogUnavailable, DependencyUnavailable.
        """
        now = self.clock.now()
        newest = max(believed(self.keys.ring), key=_age, default=None)
        if newest is not None and newest.active_from + self.life - ANNOUNCED <= now:
            # Of all that ever were: one that was retired again is not announced twice, and ends no rotation.
            await self._announce_one_after(max(self.keys.ring.keys.values(), key=_age), now)
        for kid in over(self.keys.ring, now):
            await self.desk.retire(kid, own_actor(self.installation), replace=False)

    async def _announce_one_after(self, key: VerifyingKey, now: datetime) -> None:
        # Its ids follow from that key's: however many gateways ask, and how often, one key comes of it.
        operation_id = derive(f"{self.installation.installation_id}/{key.kid}", "key-rotation")
        with span("key rotation"):
            request = await key_request(
                self.installation, operation_id, now, own_actor(self.installation), active_from=now + ANNOUNCED
            )
            async with acknowledgement():
                await request_key(self.publisher, request, self.installation.sign)


def believed(ring: KeyRing) -> Iterable[VerifyingKey]:
    """Return the keys that are not retired."""
    return [key for kid, key in ring.keys.items() if kid not in ring.retired]


def over(ring: KeyRing, now: datetime) -> list[str]:
    """Return the ids of the believed keys that another one followed so long ago that nothing holds that they signed."""
    oldest_first = sorted(believed(ring), key=_age)
    followed = pairwise(oldest_first)
    return [key.kid for key, successor in followed if successor.active_from + GRACE <= now]


def _age(key: VerifyingKey) -> tuple[datetime, str]:
    return key.active_from, key.kid
