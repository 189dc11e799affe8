"""Addresses and variables: what the servers of this home answer to, and what each program is started with."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from infra.runtime.settings import Settings, http_url, load_settings
from infra.stack import postgres, valkey
from infra.stack.layout import Layout
from infra.stack.passwords import PASSWORD
from infra.stack.ports import LOOPBACK, kept_ports
from infra.stack.shell import clean_environment

# What the first start is given, the administrator's password among it, is for the one program that makes the account.
BOOTSTRAP = "ARTSTORE_BOOTSTRAP__"
BOOTSTRAPPING = "gateway"


def stack_environment(settings: Settings) -> dict[str, str]:
    """Return the addresses of the servers as ARTSTORE_* variables: the given ones, else those of this home's servers.

    A server that is neither given nor was ever started in this home is left out.
    """
    layout = Layout(settings.home)
    ports = kept_ports(layout.ports)
    found = {
        "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers or _kafka(ports),
        "ARTSTORE_POSTGRES__DSN": _clear(settings.postgres.dsn) or _postgres(layout, ports),
        "ARTSTORE_REDIS__URL": _clear(settings.redis.url) or _valkey(layout, ports),
    }
    return {"ARTSTORE_HOME": str(settings.home), **{key: value for key, value in found.items() if value}}


def completed(settings: Settings) -> Settings:
    """Return the settings with the addresses of this home's stack where none were given."""
    return _with_addresses(settings, stack_environment(settings))


def _with_addresses(settings: Settings, addresses: Mapping[str, str]) -> Settings:
    servers = addresses.get("ARTSTORE_KAFKA__BOOTSTRAP_SERVERS")
    dsn, url = addresses.get("ARTSTORE_POSTGRES__DSN"), addresses.get("ARTSTORE_REDIS__URL")
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"bootstrap_servers": servers}),
            "postgres": settings.postgres.model_copy(update={"dsn": SecretStr(dsn) if dsn else None}),
            "redis": settings.redis.model_copy(update={"url": SecretStr(url) if url else None}),
        }
    )


def resolve_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings and complete them with the addresses of this home's stack: what every command uses."""
    return completed(load_settings(env))


def program_environment(name: str, settings: Settings, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of the program `name`."""
    given = clean_environment(caller)
    if name != BOOTSTRAPPING:
        given = {key: value for key, value in given.items() if not key.startswith(BOOTSTRAP)}
    return {**given, **stack_environment(settings), **_own(name, settings)}


def _own(name: str, settings: Settings) -> dict[str, str]:
    if not name.startswith("agent-"):
        return {}
    element, port = name.removeprefix("agent-"), program_port(name, settings)
    return {
        "ARTSTORE_AGENT__NAME": element,
        "ARTSTORE_AGENT__MODE": {"hot": "edit", "vault": "rw"}[element],
        "ARTSTORE_AGENT__ROOT": str(Layout(settings.home).elements / element),
        "ARTSTORE_AGENT__HOST": settings.agent.host,
        "ARTSTORE_AGENT__PORT": str(port),
        "ARTSTORE_AGENT__PUBLIC_URL": http_url(_reached_at(settings.agent.host), port),
    }


def program_command(name: str) -> tuple[str, ...]:
    """Return the command of the program `name`; both agents are the same program."""
    verb = "agent" if name.startswith("agent-") else name
    return (sys.executable, "-P", "-m", "infra.cli.programs", verb)


def program_port(name: str, settings: Settings) -> int:
    """Return the port of the program `name`."""
    return {
        "gateway": settings.gateway.port,
        "processor": settings.processor.port,
        "projector": settings.projector.port,
        "agent-hot": settings.stack.hot_port,
        "agent-vault": settings.stack.vault_port,
    }[name]


def port_setting(name: str) -> str:
    """Return the variable that moves the program `name` to another port."""
    special = {"agent-hot": "ARTSTORE_STACK__HOT_PORT", "agent-vault": "ARTSTORE_STACK__VAULT_PORT"}
    return special.get(name, f"ARTSTORE_{name.upper()}__PORT")


def program_host(name: str, settings: Settings) -> str:
    """Return the address that the program `name` listens on."""
    hosts = {
        "gateway": settings.gateway.host,
        "processor": settings.processor.host,
        "projector": settings.projector.host,
    }
    return hosts.get(name, settings.agent.host)


def program_url(name: str, settings: Settings) -> str:
    """Return the address at which this machine reaches the program `name`."""
    return http_url(_reached_at(program_host(name, settings)), program_port(name, settings))


def _reached_at(host: str) -> str:
    return LOOPBACK if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not listened on


def _clear(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _kafka(ports: Mapping[str, int]) -> str | None:
    return f"{LOOPBACK}:{ports['kafka']}" if "kafka" in ports else None


def _postgres(layout: Layout, ports: Mapping[str, int]) -> str | None:
    password = _read(layout.postgres / PASSWORD)
    return postgres.dsn(ports["postgres"], password) if password and "postgres" in ports else None


def _valkey(layout: Layout, ports: Mapping[str, int]) -> str | None:
    password = _read(layout.valkey / PASSWORD)
    return valkey.url(ports["valkey"], password) if password and "valkey" in ports else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
