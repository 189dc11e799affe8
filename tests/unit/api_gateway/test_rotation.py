"""Rotation: in time there is a new key, one for all gateways, and an old one is believed while anything of it holds."""

import asyncio
from datetime import datetime, timedelta

import pytest

from api_gateway.rotation import ANNOUNCED, GRACE, Rotation, over
from infra.runtime.installation import verify_signature
from infra.runtime.keys import KeyRing, VerifyingKey
from infra.runtime.security import LINK_LIFE_MAX
from schemas.errors import LogUnavailable
from schemas.requests import KeyRequested, KeyRetirementRequested
from schemas.signing import signable
from tests.unit.api_gateway.edge import INSTALLATION, Edge

DAY = timedelta(days=1)
OLD = "k1"


def a_gateway(edge: Edge) -> Rotation:
    return Rotation(edge.publisher, INSTALLATION, edge.clock, edge.keys, edge.parts.key_desk, edge.begun, DAY)


def begin(edge: Edge) -> datetime:
    return edge.ring.keys[OLD].active_from


def set_clock(edge: Edge, moment: datetime) -> datetime:
    edge.clock.advance((moment - edge.clock.now()).total_seconds())
    return moment


async def test_a_key_is_followed_by_one_that_everybody_hears_of_before_it_signs(edge: Edge) -> None:
    gateway = a_gateway(edge)
    due = begin(edge) + DAY - ANNOUNCED
    set_clock(edge, due - timedelta(seconds=1))
    await gateway.look()
    assert edge.published() == []
    now = set_clock(edge, due)
    await gateway.look()
    (request,) = edge.published()
    assert isinstance(request, KeyRequested)
    assert verify_signature(INSTALLATION.public, signable(request), request.signature)
    assert (request.active_from, request.meta.actor.login) == (now + ANNOUNCED, "installation")
    assert request.key_id in edge.ring.keys
    assert edge.keys.signing_key(now).kid == OLD
    assert edge.keys.signing_key(now + ANNOUNCED).kid == request.key_id
    await gateway.look()
    assert len(edge.published()) == 1


async def test_of_two_gateways_that_rotate_at_once_and_again_one_key_comes(edge: Edge) -> None:
    edge.publisher.lags = True
    set_clock(edge, begin(edge) + DAY)
    first, second = a_gateway(edge), a_gateway(edge)
    await asyncio.gather(first.look(), second.look())
    edge.clock.advance(60)
    await first.look()
    requests = edge.published()
    assert len(requests) == 3
    assert len({request.meta.aggregate_id for request in requests}) == 1
    assert len({request.meta.event_id for request in requests}) == 1
    assert len({request.key_id for request in requests if isinstance(request, KeyRequested)}) == 1


async def test_behind_a_successor_that_was_retired_before_its_time_another_one_comes(edge: Edge) -> None:
    gateway = a_gateway(edge)
    now = set_clock(edge, begin(edge) + DAY)
    await gateway.look()
    (first,) = edge.published()
    assert isinstance(first, KeyRequested)
    edge.keys.ring = edge.ring.with_retired(first.key_id, now)
    await gateway.look()
    await gateway.look()
    others = [asked for asked in edge.published() if isinstance(asked, KeyRequested)][1:]
    assert len(others) == 1
    assert others[0].key_id != first.key_id


async def test_a_key_is_retired_when_nothing_holds_that_it_signed_and_not_before(edge: Edge) -> None:
    gateway = a_gateway(edge)
    now = set_clock(edge, begin(edge) + DAY)
    await gateway.look()
    (request,) = edge.published()
    assert isinstance(request, KeyRequested)
    used_until = now + ANNOUNCED
    assert used_until + GRACE > used_until + LINK_LIFE_MAX
    set_clock(edge, used_until + GRACE - timedelta(seconds=1))
    await gateway.look()
    assert OLD not in edge.ring.retired
    set_clock(edge, used_until + GRACE)
    await gateway.look()
    assert set(edge.ring.retired) == {OLD}
    retirements = [asked for asked in edge.published() if isinstance(asked, KeyRetirementRequested)]
    assert [asked.key_id for asked in retirements] == [OLD]
    await gateway.look()
    assert set(edge.ring.retired) == {OLD}


def test_the_newest_key_is_never_over_and_a_successor_that_was_retired_ends_nobody(edge: Edge) -> None:
    old = edge.ring.keys[OLD]
    at = old.active_from
    next_key = VerifyingKey("k2", old.public_jwk, at + DAY, old.public)
    ring = KeyRing({OLD: old, "k2": next_key})
    later = at + 100 * DAY
    assert over(ring, later) == [OLD]
    assert over(ring.with_retired("k2", at), later) == []
    assert over(KeyRing({OLD: old}), later) == []


async def test_a_log_that_is_away_ends_no_gateway(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_gateway.rotation.LOOK_SECONDS", 0.0)
    tried = asyncio.Event()

    async def refuse(_record: object) -> None:
        tried.set()
        raise LogUnavailable

    set_clock(edge, begin(edge) + DAY)
    with monkeypatch.context() as away:
        away.setattr(edge.publisher, "publish", refuse)
        running = asyncio.create_task(a_gateway(edge).run())
        await asyncio.wait_for(tried.wait(), 5)
    async with asyncio.timeout(5):
        while not edge.published():  # noqa: ASYNC110 - the double has no event
            await asyncio.sleep(0.01)
    running.cancel()
    assert isinstance(edge.published()[0], KeyRequested)
