"""The three real servers under the supervisor: up, again, killed, orphaned, given, down."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.runtime.settings import Settings
from infra.stack.layout import Layout
from infra.stack.ports import is_free, kept_ports
from infra.stack.processes import Identity, is_alive, read_identity
from infra.stack.readiness import ask_kafka, ask_postgres, ask_redis
from infra.stack.steps import make_database
from infra.stack.supervisor import find_supervisor
from tests.stacks import SERVERS, Stack, eventually, running_stack

NAMES = SERVERS.split(",")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, servers: Settings) -> Iterator[Stack]:
    """A stack of servers to be ill-treated, in a home with an awkward name, beside the session's own one."""
    home = tmp_path_factory.mktemp("own") / "дом 100% 'x' 📁"
    assert servers.home != home
    with running_stack(home, ARTSTORE_STACK__SERVICES=SERVERS) as stack:
        yield stack


def identities(stack: Stack) -> dict[str, Identity | None]:
    return {name: read_identity(Layout(stack.home).pid(name)) for name in NAMES}


def all_ready(stack: Stack) -> bool:
    return {row["state"] for row in stack.status().values()} == {"ready"}


async def test_all_three_answer_with_their_passwords(own: Stack) -> None:
    settings = own.settings
    assert await ask_kafka(settings.kafka.required_servers()) is None
    assert await ask_postgres(settings.postgres.required_dsn()) is None
    assert await ask_redis(settings.redis.required_url()) is None


async def test_a_wrong_password_is_not_let_in(own: Stack) -> None:
    ports = kept_ports(Layout(own.home).ports)
    assert await ask_postgres(f"postgresql://artstore:wrong@127.0.0.1:{ports['postgres']}/artstore")
    assert await ask_redis(f"redis://:wrong@127.0.0.1:{ports['valkey']}/0")


async def test_making_the_database_again_finds_it(own: Stack) -> None:
    assert await make_database(own.settings.postgres.required_dsn()) == "database artstore exists"


def test_a_second_up_changes_nothing_and_says_so(own: Stack) -> None:
    before = identities(own)
    said = own.artstore("up").stdout
    assert said.count("already running") == len(NAMES)
    assert identities(own) == before


def test_the_home_is_closed_to_others(own: Stack) -> None:
    open_to_others = [path for path in own.home.iterdir() if path.stat().st_mode & 0o066]
    assert open_to_others == []
    assert own.home.stat().st_mode & 0o066 == 0


def test_status_names_each_process(own: Stack) -> None:
    rows = own.status()
    assert {name: row["pid"] for name, row in rows.items()} == {
        name: identity.pid for name, identity in identities(own).items() if identity
    }
    assert all(row["started"].endswith("Z") and row["address"].startswith("127.0.0.1:") for row in rows.values())


def test_servers_that_are_killed_come_back_with_what_they_held(own: Stack) -> None:
    before = identities(own)
    for name in NAMES:
        own.send(name, signal.SIGKILL)
    eventually(lambda: all_ready(own), 60, "the supervisor did not bring the servers back")
    after = identities(own)
    assert all(before[name] != after[name] for name in NAMES)
    assert "database artstore exists" in own.artstore("up").stdout


def test_after_the_supervisor_is_killed_nothing_lingers_and_up_works(own: Stack) -> None:
    supervisor = find_supervisor(Layout(own.home))
    assert supervisor is not None
    orphans = [identity for identity in identities(own).values() if identity]
    os.kill(supervisor.identity.pid, signal.SIGKILL)
    own.artstore("up")
    assert not any(is_alive(orphan) for orphan in orphans)
    assert all_ready(own)


def test_given_addresses_are_used_and_nothing_is_started(own: Stack, servers: Settings, tmp_path: Path) -> None:
    given = {
        "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": servers.kafka.required_servers(),
        "ARTSTORE_POSTGRES__DSN": servers.postgres.required_dsn().removesuffix("artstore") + "given",
        "ARTSTORE_REDIS__URL": servers.redis.required_url(),
    }
    with running_stack(tmp_path, ARTSTORE_STACK__SERVICES=SERVERS, **given) as stack:
        said = stack.artstore("up").stdout
        rows = stack.status()
    assert said.count("given") >= len(NAMES)
    assert "database given exists" in said
    assert {(row["state"], row["pid"]) for row in rows.values()} == {("answers", None)}
    assert not (tmp_path / "kafka").exists()
    assert own.home.exists()


def test_a_given_address_where_nobody_answers_is_named(tmp_path: Path) -> None:
    extra = {"ARTSTORE_REDIS__URL": "redis://:secret@127.0.0.1:1/0", "ARTSTORE_STACK__READY_SECONDS": "1"}
    stack = Stack({**os.environ, "ARTSTORE_HOME": str(tmp_path), "ARTSTORE_STACK__SERVICES": "valkey", **extra})  # noqa: TID251
    try:
        done = stack.artstore("up", check=False)
    finally:
        stack.artstore("down")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_server_that_cannot_start_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with running_stack(tmp_path, ARTSTORE_STACK__SERVICES="postgres") as stack:
        stack.artstore("down")
        (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("1\n")
        began = time.monotonic()
        done = stack.artstore("up", check=False)
    assert done.returncode == 1
    assert "postgres ends again and again" in done.stderr
    assert "version" in done.stderr
    assert time.monotonic() - began < 30


def test_down_leaves_no_process_and_no_open_port(own: Stack) -> None:
    layout, before = Layout(own.home), identities(own)
    supervisor = find_supervisor(layout)
    assert supervisor is not None
    said = own.artstore("down").stdout
    assert said.splitlines() == ["kafka        stopped", "postgres     stopped", "valkey       stopped"]
    assert not is_alive(supervisor.identity)
    assert not any(is_alive(identity) for identity in before.values() if identity)
    assert all(is_free(port) for port in kept_ports(layout.ports).values())
    assert _mentions(own.home) == []
    assert "nothing runs" in own.artstore("down").stdout


def _mentions(home: Path) -> list[str]:
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, timeout=10, check=True)
    return [line for line in told.stdout.splitlines() if str(home) in line]


def test_a_stopped_stack_starts_again_on_the_same_ports(own: Stack) -> None:
    ports = json.loads(Layout(own.home).ports.read_text())
    own.artstore("up")
    assert json.loads(Layout(own.home).ports.read_text()) == ports
    assert all_ready(own)
