"""Signing keys: asked for at the first start, listed and retired by administrators."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api_gateway.inbox import acknowledgement
from api_gateway.keyholder import Keys
from infra.runtime.clock import Clock
from infra.runtime.installation import Installation
from infra.runtime.keys import VerifyingKey, generate_key
from infra.runtime.telemetry import current_traceparent
from producers.keys import request_key
from producers.publisher import Publisher
from schemas.api.keys import KeyBody
from schemas.envelope import Actor
from schemas.errors import DependencyUnavailable, KeyInUse, NotFound
from schemas.identifiers import AccountId, KeyId, derive, new_id
from schemas.requests import KeyRequested, KeyRetirementRequested

SOURCE = "gateway"
TOLD_SECONDS = 5.0
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class KeyDesk:
    """What listing and retiring keys needs. What counts is what the log says, as this gateway has read it."""

    publisher: Publisher
    installation: Installation
    clock: Clock
    keys: Keys

    def list(self) -> tuple[KeyBody, ...]:
        """Return all keys that were ever registered, the newest first."""
        newest_first = sorted(self.keys.ring.keys.values(), key=lambda key: (key.active_from, key.kid), reverse=True)
        return tuple(map(self._shown, newest_first))

    async def retire(self, kid: str, actor: Actor, *, replace: bool) -> KeyBody:
        """Return the key once this gateway believes it no more; one that is retired already stays as it is.

        `replace`: a new key may take the place of the one in use, before that is retired. NotFound, KeyInUse;
        LogUnavailable, or DependencyUnavailable when the log does not tell of it in five seconds: then repeat it.
        """
        key = self.keys.ring.keys.get(kid)
        if key is None:
            raise NotFound
        if not self._is_retired(kid):
            if self._is_in_use(kid):
                await self._put_another_into_use(kid, actor, replace=replace)
            async with acknowledgement():
                await request_key(
                    self.publisher, self._retirement(kid, actor), self.installation.sign, current_traceparent()
                )
            await _until(lambda: self._is_retired(kid))
        return self._shown(key)

    async def _put_another_into_use(self, kid: str, actor: Actor, *, replace: bool) -> None:
        if not replace:
            raise KeyInUse
        # Its ids follow from the old key's: however often this is asked for, one key takes its place.
        operation_id = derive(f"{self.installation.installation_id}/{kid}", "key-succession")
        request = await key_request(self.installation, operation_id, self.clock.now(), actor)
        async with acknowledgement():
            await request_key(self.publisher, request, self.installation.sign, current_traceparent())
        await _until(lambda: not self._is_in_use(kid))

    def _retirement(self, kid: str, actor: Actor) -> KeyRetirementRequested:
        operation_id = derive(f"{self.installation.installation_id}/{kid}", "key-retirement")
        now = self.clock.now()
        return KeyRetirementRequested(
            meta=KeyRetirementRequested.meta_for(
                # Nobody can guess it: a saga takes a message whose id it has seen for a repeat.
                event_id=new_id(now),
                aggregate_id=operation_id,
                occurred_at=now,
                correlation_id=operation_id,
                actor=actor,
                source=SOURCE,
            ),
            key_id=KeyId(kid),
            request_sha256=hashlib.sha256(kid.encode()).hexdigest(),
        )

    def _is_in_use(self, kid: str) -> bool:
        return self.keys.signing_key(self.clock.now()).kid == kid

    def _is_retired(self, kid: str) -> bool:
        return kid in self.keys.ring.retired

    def _shown(self, key: VerifyingKey) -> KeyBody:
        retired_at = self.keys.ring.retired.get(key.kid)
        in_use = retired_at is None and self._is_in_use(key.kid)
        return KeyBody(kid=key.kid, active_from=key.active_from, in_use=in_use, retired_at=retired_at)


def own_actor(installation: Installation) -> Actor:
    """Return who asks for what nobody has asked for: the installation itself."""
    subject = AccountId(installation.installation_id)
    return Actor(subject=subject, login="installation", full_name="This installation", client=SOURCE)


async def key_request(
    installation: Installation,
    operation_id: str,
    now: datetime,
    actor: Actor,
    *,
    active_from: datetime | None = None,
) -> KeyRequested:
    """Return the request, not signed yet, for a new key; its id follows from the saga's.

    It signs from `active_from` on, from `now` on without that.
    """
    key_id, begin = derive(operation_id, "key"), active_from or now
    key = await asyncio.to_thread(generate_key, key_id, begin)
    jwk = key.public_jwk()
    return KeyRequested(
        meta=KeyRequested.meta_for(
            event_id=operation_id,
            aggregate_id=operation_id,
            occurred_at=now,
            correlation_id=operation_id,
            actor=actor,
            source=SOURCE,
        ),
        key_id=KeyId(key_id),
        public_jwk=jwk,
        sealed_private=installation.wrap(key.der(), key_id),
        active_from=begin,
        request_sha256=hashlib.sha256(jwk.encode()).hexdigest(),
    )


async def _until(told: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(TOLD_SECONDS):
            while not told():  # noqa: ASYNC110 - the ring is a value, it has no event
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError as error:
        message = "It is asked for, but the log does not tell of it yet: does the processor run? Repeat the request."
        raise DependencyUnavailable(message) from error
