"""Where an upload goes: the rules of placement."""

from dataclasses import replace
from datetime import timedelta

import pytest

from api_gateway.placement import is_online, place
from schemas.elements import Mode
from schemas.errors import AgentUnavailable, ElementUnavailable
from tests.builders import NOW
from tests.unit.api_gateway.edge import HOT, VAULT

AWAY = replace(HOT, at=NOW - timedelta(seconds=11))


def test_an_element_that_also_deletes_comes_first_then_the_order_of_names() -> None:
    other = replace(HOT, element_id="0", name="attic")
    assert place([VAULT, HOT], None, 1, NOW) is HOT
    assert place([VAULT, HOT, other], None, 1, NOW) is other
    assert place([VAULT, AWAY], None, 1, NOW) is VAULT


@pytest.mark.parametrize("wanted", ["vault", VAULT.element_id])
def test_an_element_is_chosen_by_name_or_by_id(wanted: str) -> None:
    assert place([HOT, VAULT], wanted, 1, NOW) is VAULT


def test_an_id_goes_before_a_name_that_looks_like_it() -> None:
    impostor = replace(HOT, element_id="0", name=VAULT.element_id)
    assert place([impostor, VAULT], VAULT.element_id, 1, NOW) is VAULT


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (AWAY, "offline"),
        (replace(HOT, url=None), "offline"),
        (replace(HOT, mode=Mode.READ_ONLY), "mode ro"),
        (replace(HOT, mode=Mode.ARCHIVE), "mode ar"),
        (replace(HOT, capacity=None), "no room"),
        (HOT, "no room"),
    ],
)
def test_the_wanted_element_refuses_with_its_reason(element: object, reason: str) -> None:
    with pytest.raises(ElementUnavailable, match=reason):
        place([element, VAULT], "hot", 601, NOW)  # type: ignore[list-item]


def test_an_unknown_element_is_refused() -> None:
    with pytest.raises(ElementUnavailable, match="nowhere"):
        place([HOT], "nowhere", 1, NOW)


def test_without_a_choice_an_agent_that_is_away_may_come_back_but_a_full_disk_does_not() -> None:
    for elements in ([], [AWAY]):
        with pytest.raises(AgentUnavailable):
            place(elements, None, 1, NOW)
    with pytest.raises(ElementUnavailable, match=r"hot has no room.*vault has no room"):
        place([VAULT, HOT], None, 601, NOW)
    assert place([HOT], None, 600, NOW) is HOT


def test_online_means_heard_of_within_ten_seconds() -> None:
    assert is_online(replace(HOT, at=NOW - timedelta(seconds=10)), NOW)
    assert not is_online(AWAY, NOW)
    assert not is_online(replace(HOT, at=None), NOW)
