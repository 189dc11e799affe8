"""Fixtures of the Docker tests: an engine, the images on it, and the whole stack out of the generated compose file."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx2
import pytest
from testcontainers.compose import DockerCompose
from testcontainers.core.config import testcontainers_config

from infra.stack.compose import write_compose
from tests.integration.docker.engine import NEEDED, Engine, private_engine, reason_against
from tests.integration.docker.images import Images, make_images
from tests.stacks import Stack, eventually, free_ports

READY_SECONDS = 180
HEALTHY_SECONDS = 90
PORTS = ("GATEWAY_PORT", "HOT_PORT", "VAULT_PORT")


class Compose(DockerCompose):
    """`docker compose` where the client has that plugin, else the older program of the same file format."""

    @cached_property
    def compose_command_property(self) -> list[str]:
        plugin = subprocess.run(("docker", "compose", "version"), capture_output=True, timeout=30, check=False)
        if plugin.returncode == 0:
            return ["docker", "compose"]
        if shutil.which("docker-compose") is None:
            pytest.skip(NEEDED)
        return ["docker-compose"]


@dataclass(frozen=True)
class Containers(Stack):
    """A stack whose programs are containers: elements lie in the engine's volumes."""

    engine: Engine
    compose: Compose

    def root(self, element: str) -> Path:
        data = self.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"artstore_{element}")
        return Path(data.strip()) / element

    def container(self, service: str) -> str:
        """Return the id of a service's container, running or not."""
        wanted = ("--filter", f"label=com.docker.compose.service={service}")
        [found] = self.engine.docker("ps", "-aq", *wanted).split()
        return found

    def await_healthy(self, service: str) -> None:
        """Wait until the engine's own check of a service has found it healthy."""
        asked = ("inspect", "--format", "{{.State.Health.Status}}", self.container(service))
        eventually(lambda: self.engine.docker(*asked).strip() == "healthy", HEALTHY_SECONDS, f"{service} is not")

    def await_gateway(self) -> None:
        eventually(self._gateway_answers, READY_SECONDS, "the gateway's container is not ready")

    def _gateway_answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


@contextmanager
def _client_of(engine: Engine) -> Iterator[None]:
    """Let testcontainers, which looks into the environment of this process, find the engine; no reaper container."""
    before = dict(os.environ)  # noqa: TID251 - restored below
    os.environ.update(DOCKER_HOST=engine.address, DOCKER_BUILDKIT="0")  # noqa: TID251 - the only way in
    testcontainers_config.ryuk_disabled = True
    try:
        yield
    finally:
        for key in ("DOCKER_HOST", "DOCKER_BUILDKIT"):
            os.environ.pop(key)  # noqa: TID251 - restoring
        os.environ.update(before)  # noqa: TID251 - restoring


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Yield a private engine, or say aloud what is missing for one."""
    reason = reason_against()
    if reason:
        pytest.skip(reason)
    with private_engine() as engine, _client_of(engine):
        yield engine


@pytest.fixture(scope="session")
def images(engine: Engine) -> Images:
    """Make all images on the engine."""
    return make_images(engine)


@pytest.fixture(scope="session")
def stack(engine: Engine, images: Images) -> Iterator[Stack]:
    """Yield the stack of the generated compose file, up and ready; it takes the place of the embedded one here."""
    folder = engine.folder / "compose"
    write_compose(folder)
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    with (folder / ".env").open("a", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in {**images.variables, **ports}.items())
    environment = {
        **engine.environment,
        "ARTSTORE_HOME": str(folder),
        "ARTSTORE_GATEWAY__PORT": ports["GATEWAY_PORT"],
    }
    with Compose(folder, wait=False) as compose:
        containers = Containers(environment, engine, compose)
        containers.await_gateway()
        yield containers
