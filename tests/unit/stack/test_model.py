"""The one model: the order of starts and stops, and what comes along with what is asked for."""

import pytest

from infra.runtime.settings_stack import PROGRAMS, SERVERS, StackSettings
from infra.stack.model import COMPONENTS, PROCESSES, Kind, chosen, waves
from schemas.errors import ConfigurationInvalid


def names(*wanted: str) -> list[str]:
    return [component.name for component in chosen(wanted)]


def test_each_component_stands_after_all_that_it_needs() -> None:
    seen = set[str]()
    for component in COMPONENTS:
        assert set(component.needs) <= seen
        seen.add(component.name)


def test_the_settings_know_the_same_names_as_the_model() -> None:
    assert tuple(component.name for component in PROCESSES) == SERVERS + PROGRAMS


def test_servers_alone_bring_their_database_and_neither_topics_nor_keys() -> None:
    assert names("kafka", "postgres", "valkey") == ["kafka", "postgres", "valkey", "database"]


def test_a_program_brings_every_server_and_step_that_it_needs() -> None:
    assert names("processor") == ["kafka", "postgres", "valkey", "database", "topics", "keys", "processor"]


def test_everything_is_chosen_in_the_order_of_its_start() -> None:
    assert chosen(StackSettings().services) == COMPONENTS


def test_a_stranger_is_refused_with_the_known_names() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"'zookeeper'.*kafka"):
        chosen(["zookeeper"])


def test_a_wave_needs_only_earlier_waves_and_the_gateway_is_last() -> None:
    groups = waves(COMPONENTS)
    placed = set[str]()
    for group in groups:
        assert all(set(component.needs) <= placed for component in group)
        placed.update(component.name for component in group)
    assert [component.name for component in groups[-1]] == ["gateway"]
    assert {component.name for component in groups[0] if component.kind is Kind.SERVER} == set(SERVERS)


def test_waves_do_not_wait_for_what_was_not_chosen() -> None:
    gateway = tuple(component for component in COMPONENTS if component.name == "gateway")
    assert waves(gateway) == (gateway,)
