"""The Docker provider: the one model as a compose file, and the passwords that go with it."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from infra.runtime.files import write_private
from infra.runtime.settings import Settings
from infra.stack import kafka, postgres
from infra.stack.environment import program_port
from infra.stack.layout import Layout
from infra.stack.model import COMPONENTS, Component, Kind
from infra.stack.passwords import kept_password

Tree = dict[str, object]

COMPOSE_FILE = "compose.yaml"
_HEAD = """\
# Made from the model in infra/stack/model.py by `artstore compose`: change that, not this.
# Its variables are explained in infra/decisions/0007-embedded-given-and-docker-providers.md.
"""
_HOME = "/var/lib/artstore"
_KAFKA_PORT, _CONTROLLER_PORT = 9092, 9093
_MODES = {"agent-hot": "edit", "agent-vault": "rw"}
_PUBLISHED = {"gateway": "GATEWAY_PORT", "agent-hot": "HOT_PORT", "agent-vault": "VAULT_PORT"}
_NEEDED = "run artstore compose first"
_FIRST_SECONDS = "120s"
TOOL = "artstore"
_VOLUMES = ("kafka", "postgres", "keys", "run", "hot", "vault")


def compose_text() -> str:
    """Return the whole compose file."""
    volumes: Tree = {name: {} for name in _VOLUMES}
    return _HEAD + _yaml({"services": compose_services(), "volumes": volumes}, 0)


def compose_services() -> dict[str, Tree]:
    """Return the services by name: what the model holds, and the command line for `docker compose run --rm`."""
    return {**{component.name: _service(component) for component in COMPONENTS}, TOOL: _tool()}


def write_compose(folder: Path) -> Path:
    """Write the compose file, and beside it `.env` and `admin-password` (0600) unless they are there; return its path.

    The folder is a home for the command line too: with ARTSTORE_HOME set to it `artstore demo` signs in by itself.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / ".env").exists():
        lines = {
            "COMPOSE_PROJECT_NAME": "artstore",
            "ADMIN_PASSWORD": kept_password(Layout(folder).admin_password),
            "POSTGRES_PASSWORD": secrets.token_hex(24),
            "VALKEY_PASSWORD": secrets.token_hex(24),
        }
        write_private(folder / ".env", "".join(f"{key}={value}\n" for key, value in lines.items()).encode())
    write_private(folder / COMPOSE_FILE, compose_text().encode())
    return folder / COMPOSE_FILE


def _service(component: Component) -> Tree:
    made = {Kind.SERVER: _server, Kind.STEP: _step, Kind.PROGRAM: _program}[component.kind](component)
    needs: Tree = {name: {"condition": _condition(name)} for name in component.needs}
    return {
        **made,
        **({"depends_on": needs} if needs else {}),
        "stop_signal": component.signal.name,
        "stop_grace_period": f"{component.stop_seconds}s",
        "restart": "on-failure:5" if component.kind is Kind.STEP else "unless-stopped",
    }


def _condition(name: str) -> str:
    [component] = [each for each in COMPONENTS if each.name == name]
    return "service_completed_successfully" if component.kind is Kind.STEP else "service_healthy"


def _server(component: Component) -> Tree:
    return {"kafka": _kafka, "postgres": _postgres, "valkey": _valkey}[component.name]()


def _kafka() -> Tree:
    """Give the embedded node's settings in the form that the public image takes."""
    given = kafka.server_properties(Path("/var/lib/kafka/data"), _KAFKA_PORT, _CONTROLLER_PORT)
    properties = dict(line.split("=", 1) for line in given.splitlines())
    loopback = f"PLAINTEXT://127.0.0.1:{_KAFKA_PORT}"
    properties["listeners"] = properties["listeners"].replace(loopback, f"PLAINTEXT://0.0.0.0:{_KAFKA_PORT}")
    properties["advertised.listeners"] = f"PLAINTEXT://kafka:{_KAFKA_PORT}"
    return {
        "image": "${KAFKA_IMAGE:-apache/kafka:4.3.1}",
        "environment": {
            **{f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in properties.items()},
            "KAFKA_HEAP_OPTS": "-Xms128m -Xmx512m",
        },
        "volumes": ["kafka:/var/lib/kafka/data"],
        # That it listens. To ask it in earnest starts a JVM each time; the step `topics` does so from outside, once.
        "healthcheck": _healthy("bash", "-c", f"</dev/tcp/127.0.0.1/{_KAFKA_PORT}"),
    }


def _postgres() -> Tree:
    settings = ("default_text_search_config=pg_catalog.simple", "max_connections=120", "timezone=UTC")
    return {
        "image": "${POSTGRES_IMAGE:-postgres:18}",
        "command": ["postgres", *(word for setting in settings for word in ("-c", setting))],
        "environment": {
            "POSTGRES_USER": postgres.USER,
            "POSTGRES_PASSWORD": _secret("POSTGRES_PASSWORD"),
            "POSTGRES_DB": "postgres",
            "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C.UTF-8 --auth-host=scram-sha-256",
            "PGDATA": "/var/lib/postgresql/cluster/data",
        },
        "volumes": ["postgres:/var/lib/postgresql"],
        "healthcheck": _healthy("pg_isready", "-q", "-h", "127.0.0.1", "-U", postgres.USER),
    }


def _valkey() -> Tree:
    return {
        "image": "${VALKEY_IMAGE:-valkey/valkey:9}",
        "command": [
            *("valkey-server", "--requirepass", _secret("VALKEY_PASSWORD"), "--save", "", "--appendonly", "no"),
            *("--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru"),
        ],
        "healthcheck": _healthy("valkey-cli", "ping"),
    }


def _step(component: Component) -> Tree:
    service = _ours("step", component.name)
    return {**service, "volumes": [f"keys:{_HOME}/keys"]} if component.name == "keys" else service


def _program(component: Component) -> Tree:
    name, port = component.name, program_port(component.name, Settings())
    verb = "agent" if name in _MODES else name
    service = _ours(verb)
    service["environment"] = {**_addresses(), **_own(name, port)}
    if name in _PUBLISHED:
        service["ports"] = [f"${{BIND_ADDRESS:-127.0.0.1}}:{_outer_port(name, port)}:{port}"]
    service["volumes"] = _kept(name)
    service["healthcheck"] = _healthy("python3", "-c", _ASK_READY.format(port=port))
    return service


def _kept(name: str) -> list[str]:
    """Only the gateway writes keys; what the others remember between starts is small, and nobody's but theirs."""
    keys = f"keys:{_HOME}/keys" if name == "gateway" else f"keys:{_HOME}/keys:ro"
    run = [f"run:{_HOME}/run"] if name == "processor" or name in _MODES else []
    return [keys, *run, *([_element(name)] if name in _MODES else [])]


def _element(agent: str) -> str:
    element = agent.removeprefix("agent-")
    return f"{element}:{_HOME}/elements/{element}"


def _tool() -> Tree:
    """Let an operator's commands run where servers and elements are; they may change views, never an element.

    `up` starts it last, to say what it can do and end: so `up` is done when the gateway is ready, and not before.
    """
    return {
        **_ours("--help"),
        "environment": {**_addresses(), **_inner_urls()},
        "volumes": [f"keys:{_HOME}/keys:ro", *(f"{_element(agent)}:ro" for agent in _MODES)],
        "depends_on": {"gateway": {"condition": "service_healthy"}},
    }


# No proxy of the environment, no import of ours: it runs every few seconds in every container.
_ASK_READY = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}, timeout=5); "
    "c.request('GET', '/health/ready'); raise SystemExit(c.getresponse().status != 200)"
)


def _ours(*command: str) -> Tree:
    return {
        "image": "${IMAGE:-artstore:local}",
        "command": list(command),
        "environment": _addresses(),
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - the container's own, in memory
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _addresses() -> Tree:
    return {
        "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": f"kafka:{_KAFKA_PORT}",
        "ARTSTORE_POSTGRES__DSN": (
            f"postgresql://{postgres.USER}:{_secret('POSTGRES_PASSWORD')}@postgres:5432/{postgres.DATABASE}"
        ),
        "ARTSTORE_REDIS__URL": f"redis://:{_secret('VALKEY_PASSWORD')}@valkey:6379/0",
    }


def _own(name: str, port: int) -> Tree:
    if name == "gateway":
        return {
            "ARTSTORE_GATEWAY__HOST": "0.0.0.0",  # noqa: S104 - what of it is reached is the engine's to say
            "ARTSTORE_GATEWAY__PUBLIC_URL": _public_url(name, port),
            "ARTSTORE_BOOTSTRAP__ADMIN_PASSWORD": _secret("ADMIN_PASSWORD"),
        }
    if name in _MODES:
        return {
            "ARTSTORE_AGENT__NAME": name.removeprefix("agent-"),
            "ARTSTORE_AGENT__MODE": _MODES[name],
            "ARTSTORE_AGENT__HOST": "0.0.0.0",  # noqa: S104 - the same
            "ARTSTORE_AGENT__PORT": str(port),
            "ARTSTORE_AGENT__PUBLIC_URL": _public_url(name, port),
        }
    return _inner_urls() if name == "projector" else {}


def _inner_urls() -> Tree:
    agents = {each: program_port(each, Settings()) for each in _MODES}
    inner = {_public_url(each, number): f"http://{each}:{number}" for each, number in agents.items()}
    return {"ARTSTORE_PROJECTOR__INNER_URLS": json.dumps(inner)}


def _public_url(name: str, port: int) -> str:
    return f"http://${{PUBLIC_HOST:-127.0.0.1}}:{_outer_port(name, port)}"


def _outer_port(name: str, port: int) -> str:
    return f"${{{_PUBLISHED[name]}:-{port}}}"


def _secret(name: str) -> str:
    return f"${{{name}:?{_NEEDED}}}"


def _healthy(*command: str) -> Tree:
    return {
        "test": ["CMD", *command],
        "interval": "5s",
        "timeout": "10s",
        "retries": 3,
        "start_period": _FIRST_SECONDS,
    }


def _yaml(tree: Mapping[str, object], depth: int) -> str:
    """Return block mappings with JSON for everything inside them, which YAML 1.2 takes as it is."""
    return "".join(_entry(key, value, depth) for key, value in tree.items())


def _entry(key: str, value: object, depth: int) -> str:
    indent = "  " * depth
    if isinstance(value, dict) and value:
        return f"{indent}{key}:\n{_yaml(value, depth + 1)}"
    return f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n"
