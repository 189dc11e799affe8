"""What `up` will do for each component: by which provider, at which address, with which launch, and how it is asked."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from infra.runtime.settings import Settings
from infra.stack import environment as env
from infra.stack import kafka, postgres, readiness, valkey
from infra.stack.layout import Layout
from infra.stack.model import Component, Kind
from infra.stack.ports import LOOPBACK
from infra.stack.readiness import Probe
from infra.stack.shell import caller_environment, server_environment
from infra.stack.tether import Account, Launch


class Provider(StrEnum):
    """Where a component comes from."""

    GIVEN = "given"
    EMBEDDED = "embedded"
    PROGRAM = "program"


@dataclass(frozen=True)
class Planned:
    """One server or program of this home: `address` is for people and holds no password."""

    component: Component
    provider: Provider
    address: str
    probe: Probe

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name


def given_address(name: str, settings: Settings) -> str | None:
    """Return the address that the settings give for a server, with its password; None when it is to be embedded."""
    secret = {"postgres": settings.postgres.dsn, "valkey": settings.redis.url}.get(name)
    given = settings.kafka.bootstrap_servers if name == "kafka" else secret and secret.get_secret_value()
    return given or None


def embedded_servers(components: tuple[Component, ...], settings: Settings) -> tuple[Component, ...]:
    """Return the servers that this machine has to run itself."""
    servers = (component for component in components if component.kind is Kind.SERVER)
    return tuple(component for component in servers if given_address(component.name, settings) is None)


def plan(components: tuple[Component, ...], settings: Settings) -> tuple[Planned, ...]:
    """Return the plan of all servers and programs among `components`; their ports must be chosen already."""
    addresses = env.stack_environment(settings)
    return tuple(
        _planned(component, settings, addresses) for component in components if component.kind is not Kind.STEP
    )


def _planned(component: Component, settings: Settings, addresses: Mapping[str, str]) -> Planned:
    if component.kind is Kind.PROGRAM:
        url = env.program_url(component.name, settings)
        return Planned(component, Provider.PROGRAM, url, lambda: readiness.ask_program(url))
    provider = Provider.EMBEDDED if given_address(component.name, settings) is None else Provider.GIVEN
    key, ask = {
        "kafka": ("ARTSTORE_KAFKA__BOOTSTRAP_SERVERS", readiness.ask_kafka),
        "postgres": ("ARTSTORE_POSTGRES__DSN", readiness.ask_postgres),
        "valkey": ("ARTSTORE_REDIS__URL", readiness.ask_redis),
    }[component.name]
    address = addresses.get(key)
    if address is None:
        return Planned(component, provider, "-", _never_started)
    return Planned(component, provider, readiness.shown(address), lambda: ask(address))


async def _never_started() -> str:
    return "never started in this home"


def launch_of(planned: Planned, settings: Settings, account: Account) -> Launch:
    """Return how the process of an embedded server or a program is started; `account` matters to PostgreSQL only."""
    layout, name = Layout(settings.home), planned.name
    pid_file = str(layout.pid(name))
    if planned.provider is Provider.PROGRAM:
        variables = env.program_environment(name, settings, caller_environment())
        return Launch(env.program_command(name), variables, str(layout.home), pid_file)
    variables, folder = (
        server_environment(caller_environment()),
        {"kafka": layout.kafka, "valkey": layout.valkey}.get(name),
    )
    if folder is None:
        command, number = postgres.command(layout.postgres), int(signal.SIGINT)
        return Launch(command, variables, str(layout.postgres), pid_file, account, number)
    command = kafka.command(folder) if name == "kafka" else valkey.command(folder)
    return Launch(command, variables, str(folder), pid_file)


def listening(planned: Planned, settings: Settings, ports: Mapping[str, int]) -> tuple[str, int]:
    """Return host and port on which the process of a plan listens."""
    if planned.provider is Provider.PROGRAM:
        return env.program_host(planned.name, settings), env.program_port(planned.name, settings)
    return LOOPBACK, ports[planned.name]
