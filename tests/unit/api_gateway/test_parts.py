"""Parts of the gateway by themselves: the keys it signs with, discovery without Redis, bodies that never come, caps."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_gateway.app import build
from api_gateway.bodies import BoundedBodies
from api_gateway.discovery import RedisDiscovery, ViewDiscovery, find
from api_gateway.keyholder import Keyholder
from api_gateway.ports import MemoryViews
from infra.runtime.installation import Installation
from infra.runtime.keys import generate_key
from infra.runtime.redis import open_redis
from infra.runtime.settings import Settings, load_settings
from infra.runtime.settings_sections import RedisSettings
from schemas.errors import ConfigurationInvalid, Corrupted, DatabaseUnavailable, DependencyUnavailable
from schemas.events import KeyRegistered, KeyRetired
from schemas.identifiers import KeyId
from tests.builders import NOW, an_actor
from tests.stacks import free_ports
from tests.unit.api_gateway.edge import HOT, INSTALLATION, VAULT


def registered(kid: str, hours: float, installation: Installation = INSTALLATION) -> KeyRegistered:
    active_from = NOW + timedelta(hours=hours)
    key = generate_key(kid, active_from)
    meta = KeyRegistered.meta_for(
        event_id=kid, aggregate_id=kid, occurred_at=NOW, correlation_id=kid, actor=an_actor(), source="processor"
    )
    return KeyRegistered(
        meta=meta,
        key_id=KeyId(kid),
        public_jwk=key.public_jwk(),
        sealed_private=installation.wrap(key.der(), kid),
        active_from=active_from,
    )


def test_the_newest_key_whose_time_has_begun_signs() -> None:
    keyholder = Keyholder(INSTALLATION)
    with pytest.raises(DependencyUnavailable):
        keyholder.signing_key(NOW)
    for kid, hours in (("old", -2.0), ("new", -1.0), ("next", 1.0)):
        keyholder.take(registered(kid, hours))
    assert keyholder.signing_key(NOW).kid == "new"
    assert keyholder.signing_key(NOW + timedelta(hours=1)).kid == "next"


def retired(kid: str) -> KeyRetired:
    meta = KeyRetired.meta_for(
        event_id=f"{kid}-retired",
        aggregate_id=kid,
        occurred_at=NOW,
        correlation_id=kid,
        actor=an_actor(),
        source="processor",
    )
    return KeyRetired(meta=meta, key_id=KeyId(kid))


def test_a_retired_key_never_signs_again_in_whatever_order_its_end_is_read() -> None:
    old, new = registered("old", -2), registered("new", -1)
    for events in ((old, new, retired("new"), new), (retired("new"), new, old), (new, retired("new"), old, new)):
        keyholder = Keyholder(INSTALLATION)
        for event in events:
            keyholder.take(event)
        assert keyholder.signing_key(NOW).kid == "old"


def test_a_key_of_another_installation_or_an_altered_one_is_told_and_never_used() -> None:
    keyholder = Keyholder(INSTALLATION)
    with pytest.raises(ConfigurationInvalid):
        keyholder.take(registered("k", -1, Installation.from_secret(bytes(32))))
    event = registered("k", -1)
    with pytest.raises(Corrupted):
        keyholder.take(event.model_copy(update={"key_id": KeyId("other")}))
    assert keyholder.active(NOW) is None


async def test_while_redis_is_away_the_views_tell_where_the_elements_are() -> None:
    views = MemoryViews()
    views.elements = [HOT]
    (port,) = free_ports(1)
    settings = RedisSettings.model_validate({"url": f"redis://127.0.0.1:{port}/0"})
    async with open_redis(settings) as redis:
        assert await RedisDiscovery(redis, views).elements() == (HOT,)


async def test_an_element_that_discovery_has_forgotten_is_still_known_to_the_views() -> None:
    here, kept = MemoryViews(), MemoryViews()
    here.elements, kept.elements = [HOT], [HOT, VAULT]
    assert await find(ViewDiscovery(here), kept, VAULT.element_id, NOW) == (VAULT, True)
    assert await find(ViewDiscovery(here), kept, "nowhere", NOW) is None


async def test_one_silent_element_is_away_and_when_all_are_silent_those_heard_of_last_count_as_there() -> None:
    views, late = MemoryViews(), NOW + timedelta(minutes=5)
    gone = replace(VAULT, at=NOW - timedelta(hours=1))
    views.elements = [HOT, gone]
    assert await find(ViewDiscovery(views), views, HOT.element_id, late) == (HOT, True)
    assert await find(ViewDiscovery(views), views, gone.element_id, late) == (gone, False)
    spoken = replace(VAULT, at=late)
    views.elements = [HOT, spoken]
    assert await find(ViewDiscovery(views), views, HOT.element_id, late) == (HOT, False)


async def test_while_nobody_answers_the_elements_that_were_told_last_are_remembered() -> None:
    views = MemoryViews()
    views.elements = [HOT]
    (port,) = free_ports(1)
    settings = RedisSettings.model_validate({"url": f"redis://127.0.0.1:{port}/0"})
    async with open_redis(settings) as redis:
        discovery = RedisDiscovery(redis, views)
        views.away = True
        with pytest.raises(DatabaseUnavailable):
            await discovery.elements()
        views.away = False
        assert await discovery.elements() == (HOT,)
        views.away = True
        assert await discovery.elements() == (HOT,)


async def answered(receive: Receive) -> list[Message]:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pytest.fail("the request must not get through")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
    await BoundedBodies(app, seconds=0.05)(scope, receive, send)
    return sent


async def test_a_body_that_does_not_arrive_is_refused_and_a_client_that_has_gone_gets_nothing() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        return {}

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert (await answered(never))[0]["status"] == 400
    assert await answered(gone) == []


@pytest.mark.parametrize(
    "name", ["ACCESS_TOKEN_SECONDS=3601", "LINK_SECONDS_MAX=604801", "UPLOAD_DEADLINE_SECONDS_MAX=172801"]
)
async def test_lives_that_no_verifier_believes_are_refused_at_the_start(name: str) -> None:
    key, _, value = name.partition("=")
    settings: Settings = load_settings({f"ARTSTORE_GATEWAY__{key}": value})
    with pytest.raises(ConfigurationInvalid, match=key):
        async with build(settings):
            pass
