"""Fixtures of the Docker provider: an engine, the images on it, servers and a whole stack as containers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from testcontainers.core.config import testcontainers_config

from infra.runtime.settings import Settings
from tests.integration.docker.composed import Containers, composed_stack
from tests.integration.docker.engine import Engine, private_engine, reason_against
from tests.integration.docker.images import Images, make_images
from tests.integration.docker.servers import server_containers


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
def contained_servers(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Yield the addresses of three servers that are containers."""
    with server_containers(tmp_path_factory.mktemp("servers"), images.variables) as settings:
        yield settings


@pytest.fixture(scope="session")
def containers(engine: Engine, images: Images) -> Iterator[Containers]:
    """Yield the stack of the generated compose file, up and ready."""
    with composed_stack(engine, engine.folder / "compose", images.variables) as stack:
        yield stack
