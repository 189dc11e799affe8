"""The wheel alone: built, installed with pip into a new environment, started in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.docker.engine import docker_is_the_provider
from tests.interface import assert_it_is_served
from tests.stacks import free_ports

ROOT = Path(__file__).parent.parent.parent
INSTALL_SECONDS = 300
NAMES = ("GATEWAY__PORT", "PROCESSOR__PORT", "PROJECTOR__PORT", "STACK__HOT_PORT", "STACK__VAULT_PORT")


def _run(*command: str, cwd: Path, env: dict[str, str], seconds: int = INSTALL_SECONDS) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.skipif(docker_is_the_provider(), reason="The wheel brings servers of its own: no container is part of it.")
@pytest.mark.timeout(900)
def test_the_wheel_alone_is_the_whole_product(tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ARTSTORE_", "XDG_DATA"))}  # noqa: TID251 - a new user's shell
    ports = {f"ARTSTORE_{name}": str(port) for name, port in zip(NAMES, free_ports(len(NAMES)), strict=True)}
    env = {**kept, **ports, "XDG_DATA_HOME": str(tmp_path / "data"), "ARTSTORE_STACK__QUICK_JVM": "true"}
    empty = tmp_path / "empty"
    empty.mkdir()
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), cwd=ROOT, env=env)
    [wheel] = tmp_path.glob("*.whl")
    _run(sys.executable, "-m", "venv", str(tmp_path / "venv"), cwd=empty, env=env)
    binaries = tmp_path / "venv" / "bin"
    _run(str(binaries / "pip"), "install", "-q", "--prefer-binary", str(wheel), cwd=empty, env=env)
    artstore = str(binaries / "artstore")
    try:
        _run(artstore, "up", cwd=empty, env=env)
        printed = _run(artstore, "demo", cwd=empty, env=env)
        assert "verified" in printed
        assert_it_is_served(f"http://127.0.0.1:{ports['ARTSTORE_GATEWAY__PORT']}")
    finally:
        _run(artstore, "down", cwd=empty, env=env)
    assert (tmp_path / "data" / "artstore").is_dir()
    assert list(empty.iterdir()) == []
