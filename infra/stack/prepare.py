"""Makes ready what the servers need before they start: folders, ports, jars, settings files, a database cluster."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from infra.runtime.settings import Settings
from infra.runtime.settings_stack import PROGRAMS
from infra.stack import kafka, postgres, valkey
from infra.stack.environment import program_port
from infra.stack.jars import Report, ensure_jars, jar_folder
from infra.stack.layout import Layout
from infra.stack.passwords import PASSWORD, kept_password
from infra.stack.ports import choose_port, holder_of, is_free, keep_ports, kept_ports
from infra.stack.shell import caller_environment, server_environment
from infra.stack.tether import Account
from schemas.errors import ConfigurationInvalid

_FREE_BYTES = 512 * 1024 * 1024
CONTROLLER = "kafka-controller"


def prepare_home(layout: Layout) -> None:
    """Make the home's folders, for the owner only; `ConfigurationInvalid` when that cannot be."""
    try:
        for folder in (layout.home, layout.log, layout.run, layout.elements):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = (
            f"The home folder {layout.home} cannot be made: {error.strerror}. Set ARTSTORE_HOME to a place of yours."
        )
        raise ConfigurationInvalid(message) from error
    if not os.access(layout.home, os.W_OK | os.X_OK):
        message = f"The home folder {layout.home} is not writable. Set ARTSTORE_HOME to a place of yours."
        raise ConfigurationInvalid(message)
    _require_space(layout.home)


def _require_space(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < _FREE_BYTES:
        message = (
            f"Only {free // 2**20} MiB are free where {home} lies, {_FREE_BYTES // 2**20} are needed to start. "
            "Make room, or set ARTSTORE_HOME to a larger disk."
        )
        raise ConfigurationInvalid(message)


def settle_ports(
    settings: Settings, names: Collection[str], running: Collection[str], report: Report
) -> dict[str, int]:
    """Return the port of every embedded server, choosing those that are new or meanwhile taken by a stranger."""
    layout = Layout(settings.home)
    ports, reserved = kept_ports(layout.ports), [program_port(name, settings) for name in PROGRAMS]
    wanted = [*names, *([CONTROLLER] if "kafka" in names else [])]
    for name in wanted:
        owner = "kafka" if name == CONTROLLER else name
        if name in ports and (owner in running or is_free(ports[name])):
            continue
        fresh = choose_port([*ports.values(), *reserved])
        if name in ports:
            holder = holder_of(ports[name]) or "another program"
            report(f"port {ports[name]} of {name} is now held by {holder}: took {fresh}")
        ports[name] = fresh
    keep_ports(layout.ports, ports)
    return ports


def settle_passwords(layout: Layout, names: Collection[str]) -> None:
    """Make the passwords of the embedded servers that have one, unless they are there."""
    for name, folder in (("postgres", layout.postgres), ("valkey", layout.valkey)):
        if name in names:
            kept_password(folder / PASSWORD)


def prepare_servers(names: Collection[str], settings: Settings, ports: dict[str, int], report: Report) -> Account:
    """Prepare the named embedded servers, none of which runs; return whom PostgreSQL runs as."""
    layout = Layout(settings.home)
    account: Account = "same"
    if "valkey" in names:
        valkey.prepare(layout.valkey, ports["valkey"], kept_password(layout.valkey / PASSWORD))
    if "postgres" in names:
        variables = server_environment(caller_environment())
        account = postgres.usable_account(layout.postgres, variables)
        postgres.prepare(layout.postgres, ports["postgres"], account, variables)
    if "kafka" in names:
        _prepare_kafka(layout.kafka, settings, ports, report)
    return account


def _prepare_kafka(folder: Path, settings: Settings, ports: dict[str, int], report: Report) -> None:
    stack = settings.stack
    jars = ensure_jars(jar_folder(stack.jar_folder), stack.jar_seconds, report)
    log4j = kafka.log4j_settings(folder)
    java = kafka.java_arguments(jars, log4j, stack.kafka_heap_mebibytes, quick=stack.quick_jvm)
    kafka.write_settings(folder, ports["kafka"], ports[CONTROLLER], java)
    kafka.format_storage(folder)
