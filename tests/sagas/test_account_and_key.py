"""The one-step sagas: a signature decides, and the first signed request wins."""

from schemas.api.body import Problem
from schemas.events import AccountCreated, KeyRegistered, KeyRetired
from schemas.registry import decode
from tests.sagas.harness import World
from tests.sagas.stories import a_key_request, a_key_retirement, an_account_request


async def test_a_signed_request_becomes_the_fact_that_an_account_exists() -> None:
    world, request = World(), an_account_request()
    await world.deliver(request)
    event = await world.event(request.meta.aggregate_id)
    (fact,) = [decode(output.value) for output in event.outputs]
    assert isinstance(fact, AccountCreated)
    assert (fact.login, fact.sealed_password, fact.meta.aggregate_version) == ("reader", request.sealed_password, 1)
    assert fact.key == request.account_id.encode()
    assert event.status == "succeeded"
    assert [(o.aggregate_type, o.aggregate_id, o.version) for o in event.outcomes] == [
        ("account", request.account_id, 1)
    ]


async def test_an_unsigned_request_fails_and_makes_no_account() -> None:
    world, request = World(), an_account_request(signature=b"guess")
    await world.deliver(request)
    event = await world.event(request.meta.aggregate_id)
    assert event.problem is not None
    assert Problem.model_validate_json(event.problem).code == "unsigned_request"
    assert (event.status, event.outputs) == ("failed", ())


async def test_an_unsigned_request_does_not_keep_the_login_from_a_signed_one() -> None:
    world = World()
    forged, signed = an_account_request(signature=b"", name="forged"), an_account_request()
    await world.deliver_all([forged, signed, forged])
    event = await world.event(signed.meta.aggregate_id)
    assert (event.status, len(event.outputs), event.meta.aggregate_version) == ("succeeded", 1, 2)


async def test_of_two_requests_for_one_login_the_first_wins() -> None:
    world = World()
    first, second = an_account_request(), an_account_request(name="second")
    await world.deliver_all([first, second])
    event = await world.event(first.meta.aggregate_id)
    assert event.outcomes[0].aggregate_id == first.account_id


async def test_a_key_is_registered_by_a_signed_request_alone() -> None:
    world, request, forged = World(), a_key_request(), a_key_request(signature=b"")
    await world.deliver_all([request, forged])
    event = await world.event(request.meta.aggregate_id)
    (fact,) = [decode(output.value) for output in event.outputs]
    assert isinstance(fact, KeyRegistered)
    assert fact.active_from == request.active_from
    assert (await world.event(forged.meta.aggregate_id)).status == "failed"


async def test_a_key_is_retired_once_and_by_a_signed_request_alone() -> None:
    world, signed = World(), a_key_retirement()
    forged, again = a_key_retirement(signature=b"guess", name="forged"), a_key_retirement(name="again")
    await world.deliver(forged)
    refused = await world.event(signed.meta.aggregate_id)
    assert (refused.status, refused.outputs) == ("failed", ())
    await world.deliver_all([signed, again, forged])
    event = await world.event(signed.meta.aggregate_id)
    (fact,) = [decode(output.value) for output in event.outputs]
    assert isinstance(fact, KeyRetired)
    assert (fact.key_id, fact.key, fact.meta.actor) == (signed.key_id, signed.key_id.encode(), signed.meta.actor)
    assert (event.status, event.meta.aggregate_version) == ("succeeded", 2)
