"""The README's lines about Docker, run as they are printed: image, compose file, up, demo, audit."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.docker.composed import compose_command
from tests.integration.docker.engine import Engine
from tests.integration.docker.images import ROOT, Images, image_environment
from tests.stacks import free_ports

READMES = ("README.md", "README.ru.md")
PORTS = ("GATEWAY_PORT", "HOT_PORT", "VAULT_PORT")
LINE_SECONDS = 400
COMMANDS = 5


def printed(name: str) -> list[str]:
    """Return the commands of the section, without what is said beside them."""
    blocks = re.findall(r"(?:^ {4}\S.*\n)+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    [block] = [block for block in blocks if "make image" in block]
    return [line.split("  #")[0].strip() for line in block.splitlines()]


@pytest.fixture
def reader(engine: Engine, images: Images, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of somebody who types the lines; what they started is taken away afterwards."""
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    environment = {
        **image_environment(engine),
        **images.variables,
        **ports,
        "ARTSTORE_HOME": str(tmp_path),
        "ARTSTORE_GATEWAY__PORT": ports["GATEWAY_PORT"],
        "COMPOSE_PROJECT_NAME": "reader",
    }
    yield environment
    if (tmp_path / "docker").is_dir():
        down = [*compose_command(), "down", "--volumes"]
        subprocess.run(down, cwd=tmp_path / "docker", env=environment, capture_output=True, timeout=120, check=True)


def test_the_lines_about_docker_work_as_printed(reader: dict[str, str]) -> None:
    lines, russian = map(printed, READMES)
    assert lines == russian
    assert len(lines) == COMMANDS
    # Only places differ from what a reader types: folder, ports, and the older program where there is no plugin.
    home, compose = f"{reader['ARTSTORE_HOME']}/docker", " ".join(compose_command())
    told = []
    for line in lines:
        typed = line.replace(".artstore/docker", home).replace("docker compose", compose)
        done = subprocess.run(
            ("bash", "-euc", typed),
            cwd=ROOT,
            env=reader,
            capture_output=True,
            text=True,
            timeout=LINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{typed}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        told.append(done.stdout)
    assert "verified" in told[-2]
    assert told[-1] == ""
