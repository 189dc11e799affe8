"""The README's examples, run as they are printed, in both languages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive import Archive
from tests.stacks import Stack

ROOT = Path(__file__).parent.parent.parent
READMES = ("README.md", "README.ru.md")


def _blocks(name: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("readme", READMES)
def test_the_walk_with_curl_works_as_printed(stack: Stack, readme: str, tmp_path: Path) -> None:
    [walk] = _blocks(readme, "bash")
    # Only the addresses differ from what a reader types: this stack has ports and a home of its own.
    script = walk.replace("http://127.0.0.1:8080", stack.url).replace(" .artstore/", f" {stack.home}/")
    assert stack.url in script
    assert str(stack.home) in script
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"state":"succeeded"' in done.stdout
    assert "рукопис" in done.stdout.lower()
    assert '"attr_sha256"' in done.stdout


@pytest.mark.parametrize("readme", READMES)
def test_the_producers_example_works_as_printed(stack: Stack, archive: Archive, readme: str, tmp_path: Path) -> None:
    [example] = _blocks(readme, "python")
    servers = stack.settings.kafka.required_servers()
    element_id = next(e["element_id"] for e in archive.get("/elements").json()["items"] if e["name"] == "hot")
    script = tmp_path / "example.py"
    script.write_text(example.replace("127.0.0.1:9092", servers).replace("ELEMENT_ID", element_id), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    operation_id = done.stdout.strip().splitlines()[-1]
    operation = archive.operation(operation_id, wait=5)
    assert operation["state"] == "running", json.dumps(operation)
    assert operation["kind"] == "upload"
