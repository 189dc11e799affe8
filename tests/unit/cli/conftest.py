"""The command line, run against the archive double."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from infra.cli import accounts, demo, documents, keys
from infra.cli.client import ArchiveClient
from infra.cli.session import Place
from infra.stack.demo.collection import Collection
from tests.unit.cli.archive_double import PASSWORD, QUICK, Command, Double, World, running_double
from tests.unit.cli.small_demo import small_collection


@pytest.fixture(scope="session")
def double() -> Iterator[Double]:
    with running_double() as double:
        yield double


@pytest.fixture
def world(double: Double) -> World:
    return double.begin_anew()


@pytest.fixture
def gateway(double: Double, world: World) -> str:
    assert world.agent_url
    return double.gateway_url


@pytest.fixture
def collection() -> Collection:
    return small_collection()


@pytest.fixture
def place(tmp_path: Path, gateway: str) -> Place:
    home = tmp_path / "home"
    home.mkdir()
    (home / "admin-password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    return Place(home, gateway)


@pytest.fixture
def client(gateway: str) -> Iterator[ArchiveClient]:
    with ArchiveClient(gateway, patience=QUICK) as client:
        client.login("admin", PASSWORD)
        yield client


@pytest.fixture
def artstore(place: Place, collection: Collection) -> Command:
    app = typer.Typer()
    documents.register(app, lambda: place)
    accounts.register(app, lambda: place, wait_seconds=0.5)
    keys.register(app, lambda: place)
    demo.register(app, lambda: place, lambda: collection)

    def run(*words: str | Path, typed: str = "") -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], input=typed)

    return run
