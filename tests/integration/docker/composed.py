"""A whole stack out of the generated compose file, as every test that knows a `Stack` may use it."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from signal import SIGKILL, Signals
from typing import Any

import httpx2
import pytest
from testcontainers.compose import DockerCompose

from infra.stack import postgres
from infra.stack.compose import COMPOSE_FILE, TOOL, write_compose
from infra.stack.kafka import server_properties
from infra.stack.model import PROCESSES
from schemas.elements import Mode
from tests.integration.docker.engine import NEEDED, Engine
from tests.stacks import COMMAND_SECONDS, Stack, eventually, free_ports, watched

READY_SECONDS = 240
STOPPED_SECONDS = 60
TESTS_FILE = "compose.tests.json"
PROJECT = "artstore"
SPANS = "spans.jsonl"
RUN = PurePosixPath("/var/lib/artstore/run")
PORTS = ("GATEWAY_PORT", "HOT_PORT", "VAULT_PORT", "KAFKA_PORT", "POSTGRES_PORT", "VALKEY_PORT")
OUTSIDE = 19092  # Kafka's listener for clients on the host, which the tests are
INSIDE = ("rebuild", "diff")
SET_MODE = """
import sys, datetime, pathlib, schemas.elements, storage_agent.element
root, mode = pathlib.Path(sys.argv[1]), schemas.elements.Mode(sys.argv[2])
storage_agent.element.set_mode(root, mode, datetime.datetime.now(datetime.UTC))
"""


def compose_command() -> list[str]:
    """Return `docker compose` where the client has that plugin, else the older program of the same file format."""
    plugin = subprocess.run(("docker", "compose", "version"), capture_output=True, timeout=30, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip(NEEDED)
    return ["docker-compose"]


class Compose(DockerCompose):
    """The files of one stack, with the program that is there."""

    @cached_property
    def compose_command_property(self) -> list[str]:
        return [*compose_command(), *(word for file in self.compose_file_name or () for word in ("-f", file))]


@dataclass(frozen=True)
class Containers(Stack):
    """A stack whose programs are containers: elements lie in the engine's volumes, which root may look into."""

    engine: Engine
    compose: Compose

    def root(self, element: str) -> Path:
        return self._volume(element)

    @property
    def spans(self) -> Path:
        return self._volume("run") / SPANS

    def _volume(self, name: str) -> Path:
        return Path(self.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{PROJECT}_{name}").strip())

    def logs(self) -> str:
        return "".join(self.compose.get_logs())

    def set_mode(self, element: str, mode: Mode) -> None:
        # As the agent's own user: what root writes into the volume, the agent could not read.
        root = f"/var/lib/artstore/elements/{element}"
        self.run_inside(f"agent-{element}", "--entrypoint", "python3", words=("-c", SET_MODE, root, mode.value))

    def artstore(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a client's command here, and one that needs servers or elements where they are: in a container."""
        if arguments[0] == "up":
            return self.start()
        if arguments[0] in INSIDE:
            return self.run_inside(TOOL, words=arguments, check=check)
        return super().artstore(*arguments, check=check)

    def run_inside(
        self, service: str, *options: str, words: tuple[str, ...], check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a new container of a service."""
        return self.composed("run", "--rm", "--no-deps", "-T", *options, service, *words, check=check)

    def start(self) -> subprocess.CompletedProcess[str]:
        """Start what is not running, and wait until all is ready."""
        done = self.composed("up", "--detach")
        self.await_ready(seconds=READY_SECONDS)
        return done

    def composed(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` on the files of this stack."""
        command = [*self.compose.docker_compose_command(), *words]
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.engine.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def send(self, program: str, number: Signals) -> int:
        pid = super().send(program, number)
        if number is SIGKILL:  # until the engine has noticed, what it says of the dead one is out of date
            eventually(lambda: self.status()[program]["pid"] != pid, STOPPED_SECONDS, f"{program} is still there")
        return pid

    def stop(self, program: str) -> None:
        self.composed("stop", program)

    def start_again(self, program: str) -> None:
        self.composed("start", program)
        self.await_ready(program, seconds=READY_SECONDS)

    def status(self) -> dict[str, dict[str, Any]]:
        """Return each container's pid on this machine and its state: `ready` when the engine found it healthy."""
        rows = {}
        for found in self._inspected():
            state = found["State"]
            healthy = state["Status"] == "running" and state.get("Health", {}).get("Status") == "healthy"
            name = found["Config"]["Labels"]["com.docker.compose.service"]
            rows[name] = {"name": name, "pid": state["Pid"], "state": "ready" if healthy else state["Status"]}
        return rows

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container, running or not."""
        [found] = [x for x in self._inspected() if x["Config"]["Labels"]["com.docker.compose.service"] == service]
        return found

    def _inspected(self) -> list[dict[str, Any]]:
        labels = (f"com.docker.compose.project={PROJECT}", "com.docker.compose.oneoff=False")
        wanted = [word for label in labels for word in ("--filter", f"label={label}")]
        ids = self.engine.docker("ps", "-aq", *wanted).split()
        return list(json.loads(self.engine.docker("inspect", *ids)))

    def await_gateway(self) -> None:
        eventually(self._gateway_answers, READY_SECONDS, "the gateway's container is not ready")

    def _gateway_answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


@contextmanager
def composed_stack(engine: Engine, folder: Path, images: Mapping[str, str]) -> Iterator[Containers]:
    """Bring the whole stack up in `folder`, yield it ready, and take it down with its volumes.

    What the tests add stands in a second file, as an operator would add it: short deadlines, spans, and doors to the
    servers on this machine.
    """
    write_compose(folder)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    with (folder / ".env").open("a", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in {**images, **ports}.items())
    (folder / TESTS_FILE).write_text(json.dumps({"services": _added()}), encoding="utf-8")
    compose = Compose(folder, compose_file_name=[COMPOSE_FILE, TESTS_FILE], wait=False)
    containers = Containers(_environment(engine, folder, ports), engine, compose)
    try:
        containers.start()
        containers.await_gateway()
        yield containers
    finally:
        compose.stop(down=True)


def _environment(engine: Engine, folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    given = dict(line.split("=", 1) for line in (folder / ".env").read_text(encoding="utf-8").splitlines())
    account = f"{postgres.USER}:{given['POSTGRES_PASSWORD']}"
    return {
        **engine.environment,
        "ARTSTORE_HOME": str(folder),
        "ARTSTORE_GATEWAY__PORT": str(ports["GATEWAY_PORT"]),
        "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['KAFKA_PORT']}",
        "ARTSTORE_POSTGRES__DSN": f"postgresql://{account}@127.0.0.1:{ports['POSTGRES_PORT']}/{postgres.DATABASE}",
        "ARTSTORE_REDIS__URL": f"redis://:{given['VALKEY_PASSWORD']}@127.0.0.1:{ports['VALKEY_PORT']}/0",
    }


def _added() -> dict[str, Any]:
    settings = watched(Path(RUN / SPANS))
    programs = {
        component.name: {"environment": settings, "volumes": [f"run:{RUN}"]}
        for component in PROCESSES
        if component.name not in {"kafka", "postgres", "valkey"}
    }
    return {
        **programs,
        "kafka": {"environment": _outside_door(), "ports": [f"127.0.0.1:${{KAFKA_PORT}}:{OUTSIDE}"]},
        "postgres": {"ports": ["127.0.0.1:${POSTGRES_PORT}:5432"]},
        "valkey": {"ports": ["127.0.0.1:${VALKEY_PORT}:6379"]},
    }


def _outside_door() -> dict[str, str]:
    """Return one more listener, since clients are told the address that the listener they came by advertises."""
    given = server_properties(Path(), 9092, 9093)
    protocols = dict(line.split("=", 1) for line in given.splitlines())["listener.security.protocol.map"]
    return {
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093,OUTSIDE://0.0.0.0:{OUTSIDE}",
        "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://kafka:9092,OUTSIDE://127.0.0.1:${KAFKA_PORT}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": f"{protocols},OUTSIDE:PLAINTEXT",
    }
