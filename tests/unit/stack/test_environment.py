"""What each program is started with, and where a command finds the servers of its home."""

from pathlib import Path

from infra.runtime.settings import load_settings
from infra.stack.environment import program_environment, program_url, resolve_settings, stack_environment
from infra.stack.layout import Layout
from infra.stack.model import COMPONENTS, Kind
from infra.stack.passwords import PASSWORD, kept_password
from infra.stack.plan import Provider, launch_of, plan
from infra.stack.ports import keep_ports
from infra.stack.shell import clean_environment, server_environment


def a_home(folder: Path) -> dict[str, str]:
    """A home whose three servers were started once."""
    layout = Layout(folder)
    keep_ports(layout.ports, {"kafka": 20001, "kafka-controller": 20002, "postgres": 20003, "valkey": 20004})
    for place in (layout.postgres, layout.valkey):
        kept_password(place / PASSWORD)
    return {"ARTSTORE_HOME": str(folder)}


def test_a_command_finds_the_servers_of_its_home_without_any_address(tmp_path: Path) -> None:
    settings = resolve_settings(a_home(tmp_path))
    password = (tmp_path / "postgres" / PASSWORD).read_text()
    assert settings.kafka.bootstrap_servers == "127.0.0.1:20001"
    assert settings.postgres.required_dsn() == f"postgresql://artstore:{password}@127.0.0.1:20003/artstore"
    assert settings.redis.required_url().endswith("@127.0.0.1:20004/0")


def test_a_given_address_goes_before_the_homes_own(tmp_path: Path) -> None:
    given = {**a_home(tmp_path), "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": "kafka.example:9092"}
    assert resolve_settings(given).kafka.bootstrap_servers == "kafka.example:9092"


def test_a_home_without_servers_gives_no_address(tmp_path: Path) -> None:
    settings = load_settings({"ARTSTORE_HOME": str(tmp_path)})
    assert stack_environment(settings) == {"ARTSTORE_HOME": str(tmp_path)}


def test_each_agent_gets_its_own_name_mode_folder_and_port(tmp_path: Path) -> None:
    env = {**a_home(tmp_path), "ARTSTORE_STACK__VAULT_PORT": "9182", "ARTSTORE_AGENT__RESERVE_BYTES": "1"}
    found = load_settings(program_environment("agent-vault", load_settings(env), env)).agent
    assert (found.name, found.mode, found.port, found.reserve_bytes) == ("vault", "rw", 9182, 1)
    assert found.root == tmp_path / "elements" / "vault"
    assert found.public_url == "http://127.0.0.1:9182"


def test_a_program_on_every_address_is_reached_on_loopback(tmp_path: Path) -> None:
    env = {"ARTSTORE_HOME": str(tmp_path), "ARTSTORE_GATEWAY__HOST": "0.0.0.0", "ARTSTORE_GATEWAY__PORT": "9180"}  # noqa: S104
    assert program_url("gateway", load_settings(env)) == "http://127.0.0.1:9180"


def test_an_ipv6_address_stands_in_brackets(tmp_path: Path) -> None:
    settings = load_settings({"ARTSTORE_HOME": str(tmp_path), "ARTSTORE_GATEWAY__HOST": "::1"})
    assert program_url("gateway", settings) == settings.gateway_public_url == "http://[::1]:8080"


def test_servers_see_none_of_our_settings_and_nobody_sees_the_callers_secrets() -> None:
    caller = {"PATH": "/bin", "ARTSTORE_BOOTSTRAP__ADMIN_PASSWORD": "x", "CLOUD_TOKEN": "y", "JAVA_TOOL_OPTIONS": "z"}
    assert "CLOUD_TOKEN" not in clean_environment(caller)
    assert clean_environment(caller)["ARTSTORE_BOOTSTRAP__ADMIN_PASSWORD"] == "x"
    assert {"ARTSTORE_BOOTSTRAP__ADMIN_PASSWORD", "JAVA_TOOL_OPTIONS"}.isdisjoint(server_environment(caller))


def test_the_administrators_password_reaches_the_program_that_makes_the_account_and_no_other(tmp_path: Path) -> None:
    env = {**a_home(tmp_path), "ARTSTORE_BOOTSTRAP__ADMIN_PASSWORD": "a password"}
    settings = load_settings(env)
    programs = [component.name for component in COMPONENTS if component.kind is Kind.PROGRAM]
    variables = {name: program_environment(name, settings, env) for name in programs}
    assert {name for name, given in variables.items() if "a password" in given.values()} == {"gateway"}
    assert load_settings(variables["gateway"]).bootstrap.admin_password is not None


def test_a_plan_shows_addresses_without_passwords(tmp_path: Path) -> None:
    settings = load_settings({**a_home(tmp_path), "ARTSTORE_REDIS__URL": "redis://:hidden@cache.example:6379/2"})
    planned = {part.name: part for part in plan(COMPONENTS, settings)}
    assert planned["valkey"].provider is Provider.GIVEN
    assert planned["valkey"].address == "cache.example:6379/2"
    assert planned["postgres"].address == "127.0.0.1:20003/artstore"
    assert planned["gateway"].address == "http://127.0.0.1:8080"


def test_only_postgres_changes_its_account_and_ends_fast_when_orphaned(tmp_path: Path) -> None:
    settings = load_settings(a_home(tmp_path))
    launches = {part.name: launch_of(part, settings, "namespace") for part in plan(COMPONENTS, settings)}
    assert {name for name, launch in launches.items() if launch.account == "namespace"} == {"postgres"}
    assert {name for name, launch in launches.items() if launch.orphan_signal == 2} == {"postgres"}
