"""A private Docker engine for the tests that need one: all of it lies in one folder, and nothing stays behind."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.stacks import eventually

NEEDED = (
    "Docker tests start engine, images and containers of their own when ARTSTORE_TESTS_PROVIDER=docker is set, which "
    "takes some minutes. They need root and, on Debian, `apt-get install docker.io docker-compose debootstrap`."
)
PROGRAMS = ("dockerd", "docker", "debootstrap")
STARTED_SECONDS = 40
STOPPED_SECONDS = 60
COMMAND_SECONDS = 600


@dataclass(frozen=True)
class Engine:
    """An engine that answers. `folder` is where tests may keep what belongs to it."""

    address: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a client is started with; the old builder, since the new one is a plugin that Debian does not have.

        DOCKER_CONFIG stays as it is: plugins lie there.
        """
        shell = {key: value for key, value in os.environ.items() if not key.startswith("ARTSTORE_")}  # noqa: TID251 - a shell's
        kept = {key: value for key, value in shell.items() if key == "DOCKER_CONFIG" or not key.startswith("DOCKER_")}
        return {**kept, "DOCKER_HOST": self.address, "DOCKER_BUILDKIT": "0"}

    def docker(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> str:
        """Run the client and return what it prints; its errors are in the failure."""
        done = subprocess.run(
            ("docker", *arguments), env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"docker {arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def build(self, tag: str, file: Path, context: Path, arguments: Mapping[str, str]) -> None:
        """Build an image with the host's own network, where the package mirrors are."""
        given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        self.docker("build", "-q", "--network", "host", *given, "-t", tag, "-f", str(file), str(context))


def docker_is_the_provider() -> bool:
    """Tell whether stacks and servers of the tests are to be containers."""
    asked = os.environ.get("ARTSTORE_TESTS_PROVIDER", "embedded")  # noqa: TID251 - asked of the tests, not of the product
    assert asked in {"embedded", "docker"}, f"ARTSTORE_TESTS_PROVIDER={asked!r}: embedded or docker"
    return asked == "docker"


def reason_against() -> str | None:
    """Say why no engine can be started here; None when one can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if docker_is_the_provider() and not missing and os.geteuid() == 0:
        return None
    return f"{NEEDED} Missing here: {', '.join(missing)}." if missing else NEEDED


@contextmanager
def private_engine() -> Iterator[Engine]:
    """Start an engine, yield it, stop it, and make sure that no process, mount or file of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="artstore-docker-"))
    try:
        with _running(folder) as engine:
            yield engine
        eventually(lambda: not _processes(folder), STOPPED_SECONDS, "the engine left processes behind")
    finally:
        for mount in reversed(_mounts(folder)):  # the engine itself leaves its own network namespace mounted
            subprocess.run(("umount", "--lazy", mount), check=False, timeout=30)
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path) -> Iterator[Engine]:
    """Start it without a bridge of its own or a rule in the firewall; it ends with this process at the latest.

    Networks come and go with the tests that make them.
    """
    engine = Engine(f"unix://{folder}/docker.sock", folder)
    places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/dockerd.pid"]
    network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ("setpriv", "--pdeathsig", "TERM", "dockerd", *places, *network, "-H", engine.address),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        eventually(lambda: _answers(engine, daemon), STARTED_SECONDS, f"no engine: {_end_of(folder / 'log')}")
        yield engine
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(STOPPED_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait(STOPPED_SECONDS)


def _answers(engine: Engine, daemon: subprocess.Popen[bytes]) -> bool:
    assert daemon.poll() is None, f"dockerd ended at once: {_end_of(engine.folder / 'log')}"
    asked = ("docker", "version", "--format", "{{.Server.Version}}")
    return subprocess.run(asked, env=engine.environment, capture_output=True, timeout=30, check=False).returncode == 0


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line.split()[4] for line in lines if line.split()[4].startswith(f"{folder}/")]


def _processes(folder: Path) -> list[str]:
    """Return the command lines that name the folder: the daemon, its containerd and the shims all do."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:  # gone meanwhile
            continue
        if f"{folder}/".encode() in line:
            found.append(line.decode(errors="replace"))
    return found


def mirror() -> str:
    """Return the package mirror that this Debian machine itself uses."""
    for file in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            words = [word for word in line.split() if not word.startswith("[")]
            if len(words) > 1 and words[0] in {"URIs:", "deb"}:
                return words[1]
    raise AssertionError("no apt source names a mirror")
