"""Ports: chosen outside the ephemeral range, kept, and explained when somebody else has them."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.runtime.settings import load_settings
from infra.stack.layout import Layout
from infra.stack.ports import choose_port, holder_of, is_free, keep_ports, kept_ports, require_free
from infra.stack.prepare import CONTROLLER, settle_ports
from schemas.errors import ConfigurationInvalid


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_chosen_port_is_free_and_no_client_can_get_it_as_its_source() -> None:
    port = choose_port([])
    assert is_free(port)
    assert 20_000 <= port < 32_000


def test_a_port_of_an_ipv6_address_is_looked_at_there() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return  # a machine without IPv6 has no such address to look at
    assert is_free(choose_port([]), "::1")


def test_a_taken_port_is_explained_with_its_holder_and_the_setting(taken: int) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        require_free(taken, "gateway", "ARTSTORE_GATEWAY__PORT")
    assert all(word in refused.value.detail for word in (str(taken), "gateway", "ARTSTORE_GATEWAY__PORT", "free port"))


def test_the_holder_is_named_where_the_system_tells(taken: int) -> None:
    holder = holder_of(taken)
    assert holder is None or holder.startswith("pid ")
    assert holder_of(1) is None


def test_ports_are_kept_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    keep_ports(path, {"kafka": 20001})
    assert kept_ports(path) == {"kafka": 20001}
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_ports(tmp_path / "absent") == {}


def test_unreadable_ports_say_what_to_delete(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(ConfigurationInvalid, match="delete this file"):
        kept_ports(tmp_path / "ports.json")


def test_ports_stay_the_same_at_a_second_start(tmp_path: Path) -> None:
    settings, said = load_settings({"ARTSTORE_HOME": str(tmp_path)}), list[str]()
    first = settle_ports(settings, ["kafka", "valkey"], (), said.append)
    assert set(first) == {"kafka", CONTROLLER, "valkey"}
    assert settle_ports(settings, ["kafka", "valkey"], (), said.append) == first
    assert said == []


def test_a_port_that_a_stranger_has_taken_is_replaced_and_said(tmp_path: Path, taken: int) -> None:
    settings, said = load_settings({"ARTSTORE_HOME": str(tmp_path)}), list[str]()
    keep_ports(Layout(tmp_path).ports, {"valkey": taken})
    assert settle_ports(settings, ["valkey"], ["valkey"], said.append) == {"valkey": taken}
    assert settle_ports(settings, ["valkey"], (), said.append) != {"valkey": taken}
    assert str(taken) in said[0]
