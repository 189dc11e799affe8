"""How often a password may be guessed, and that nobody else pays for it."""

import pytest

from api_gateway.attempts import PER_ADDRESS, PER_LOGIN, Allowance, Attempts, Rate
from infra.runtime.clock import ManualClock
from schemas.errors import TooManyAttempts
from tests.builders import NOW
from tests.unit.api_gateway.edge import Edge, assert_problem


async def tried(edge: Edge, login: str, password: str) -> int:
    form = {"grant_type": "password", "username": login, "password": password}
    return (await edge.http.post("/api/v1/auth/token", data=form)).status_code


async def test_after_ten_wrong_passwords_a_login_has_to_wait_and_the_right_one_has_too(edge: Edge) -> None:
    await edge.add_account("anna", "right")
    await edge.add_account("boris", "right")
    assert {await tried(edge, "anna", "wrong") for _ in range(PER_LOGIN.burst)} == {401}
    form = {"grant_type": "password", "username": "ANNA", "password": "right"}
    refused = await edge.http.post("/api/v1/auth/token", data=form)
    assert_problem(refused, 429, "too_many_attempts")
    assert 1 <= int(refused.headers["Retry-After"]) <= PER_LOGIN.every_seconds
    assert await tried(edge, "boris", "right") == 200
    edge.clock.advance(PER_LOGIN.every_seconds)
    assert await tried(edge, "anna", "right") == 200


async def test_right_passwords_cost_nothing(edge: Edge) -> None:
    await edge.add_account("anna", "right")
    assert {await tried(edge, "anna", "right") for _ in range(PER_LOGIN.burst + 5)} == {200}


def test_guesses_under_way_count_until_they_are_known_to_be_right() -> None:
    attempts = Attempts(ManualClock(NOW))
    under_way = [attempts.begin("anna", "198.51.100.7") for _ in range(PER_LOGIN.burst)]
    with pytest.raises(TooManyAttempts):
        attempts.begin("anna", "198.51.100.7")
    under_way[0].forgive()
    attempts.begin("anna", "198.51.100.7")


def test_an_address_that_tries_many_logins_has_to_wait_and_others_have_not() -> None:
    attempts = Attempts(ManualClock(NOW))
    for n in range(PER_ADDRESS.burst):
        attempts.begin(f"login-{n}", "198.51.100.7")
    with pytest.raises(TooManyAttempts) as refused:
        attempts.begin("another", "198.51.100.7")
    assert refused.value.retry_after_seconds == 1
    attempts.begin("another", "198.51.100.8")


def test_what_could_not_be_judged_is_given_back() -> None:
    attempts = Attempts(ManualClock(NOW))
    for _ in range(3 * PER_LOGIN.burst):
        attempts.begin("anna", "198.51.100.7").forgive()


def test_an_allowance_comes_back_with_the_time_and_is_never_more_than_its_burst() -> None:
    clock = ManualClock(NOW)
    allowance = Allowance(Rate(2, 5.0), clock)
    allowance.give_back("a")
    for _ in range(2):
        assert allowance.wait("a") == 0
        allowance.spend("a")
    assert allowance.wait("a") == pytest.approx(5.0)
    clock.advance(5)
    assert allowance.wait("a") == 0
    allowance.spend("a")
    assert allowance.wait("a") == pytest.approx(5.0)


def test_however_many_keys_there_are_few_are_kept_and_those_that_have_all_again_none() -> None:
    clock = ManualClock(NOW)
    allowance = Allowance(Rate(2, 5.0), clock, keys_max=100)
    for n in range(1000):
        allowance.spend(str(n))
    assert len(allowance._whole_at) == 100
    assert (allowance.wait("999"), allowance.wait("0")) == (0, 0)
    clock.advance(5)
    allowance.spend("new")
    assert list(allowance._whole_at) == ["new"]
