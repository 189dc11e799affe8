"""The three servers, each a container of its own by testcontainers, with the settings of the compose file."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.redis import RedisContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from infra.runtime.settings import Settings
from infra.stack import postgres
from infra.stack.compose import compose_services
from infra.stack.environment import resolve_settings
from infra.stack.readiness import ask_kafka
from infra.stack.steps import make_database
from tests.stacks import eventually, free_ports

STARTED_SECONDS = 60
PASSWORD = "kept-between-tests"


@contextmanager
def server_containers(home: Path, images: Mapping[str, str]) -> Iterator[Settings]:
    """Start Kafka, PostgreSQL and Valkey, yield their addresses, and take them away."""
    # A network of their own: the private engine has none to begin with.
    with (
        Network() as network,
        _kafka(images, network) as kafka,
        _postgres(images, network) as dsn,
        _valkey(images, network) as url,
    ):
        asyncio.run(make_database(dsn))
        addresses = {
            "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": kafka,
            "ARTSTORE_POSTGRES__DSN": dsn,
            "ARTSTORE_REDIS__URL": url,
        }
        yield resolve_settings({"ARTSTORE_HOME": str(home), **addresses})


@contextmanager
def _kafka(images: Mapping[str, str], network: Network) -> Iterator[str]:
    """Kafka tells its clients where it is, so its port on this machine is known before it starts."""
    [port] = free_ports(1)
    made = _filled(compose_services()["kafka"]["environment"])
    environment = {**made, "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}"}
    container = DockerContainer(images["KAFKA_IMAGE"]).with_network(network).with_bind_ports(9092, port)
    address = f"127.0.0.1:{port}"
    with container.with_envs(**environment):
        eventually(lambda: asyncio.run(ask_kafka(address)) is None, STARTED_SECONDS, "Kafka does not answer")
        yield address


@contextmanager
def _postgres(images: Mapping[str, str], network: Network) -> Iterator[str]:
    service = compose_services()["postgres"]
    container = PostgresContainer(
        images["POSTGRES_IMAGE"], username=postgres.USER, password=PASSWORD, dbname="postgres", driver=None
    )
    container.with_network(network)
    with container.with_envs(**_filled(service["environment"])).with_command(_words(service)):
        yield postgres.dsn(int(container.get_exposed_port(5432)), PASSWORD)


@contextmanager
def _valkey(images: Mapping[str, str], network: Network) -> Iterator[str]:
    container = RedisContainer(images["VALKEY_IMAGE"], password=PASSWORD).with_network(network)
    with container.with_command(_words(compose_services()["valkey"])):
        yield f"redis://:{PASSWORD}@127.0.0.1:{container.get_exposed_port(6379)}/0"


def _filled(environment: object) -> dict[str, str]:
    """Put the tests' password where the compose file asks for one."""
    assert isinstance(environment, dict)
    return {key: _with_password(str(value)) for key, value in environment.items()}


def _words(service: Mapping[str, object]) -> list[str]:
    command = service["command"]
    assert isinstance(command, list)
    return [_with_password(str(word)) for word in command]


def _with_password(text: str) -> str:
    return re.sub(r"\$\{\w+:\?[^}]*\}", PASSWORD, text)
