"""`artstore get`, killed in the middle: the next one goes on with what is on the disk."""

import hashlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.api.uploads import UploadBody
from tests.unit.cli.archive_double import PASSWORD, Double, Stored, World, running_double

DATA = hashlib.shake_256(b"a film").digest(3_000_000)
STALLED_AT = 1_000_000
SECONDS = 60


@pytest.fixture
def double() -> Iterator[Double]:
    with running_double() as double:
        yield double


def stored(world: World) -> str:
    body = UploadBody(filename="film.bin", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
    document_id = str(uuid.uuid4())
    world.by_key["film"] = Stored(body, str(uuid.uuid4()), document_id, "ticket", DATA, "succeeded")
    return document_id


def get(double: Double, home: Path, document_id: str, target: Path) -> "subprocess.Popen[bytes]":
    home.mkdir(exist_ok=True)
    (home / "admin-password").write_text(PASSWORD, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARTSTORE_")}  # noqa: TID251
    ours = {"ARTSTORE_HOME": str(home), "ARTSTORE_GATEWAY__PUBLIC_URL": double.gateway_url}
    command = [sys.executable, "-m", "infra.cli.app", "get", document_id, "-o", str(target)]
    return subprocess.Popen(command, env={**kept, **ours})


def test_a_killed_get_is_gone_on_with(double: Double, tmp_path: Path) -> None:
    world = double.begin_anew()
    document_id, target = stored(world), tmp_path / "copy.bin"
    part = tmp_path / "copy.bin.part"
    world.stalls_after = STALLED_AT
    first = get(double, tmp_path / "home", document_id, target)
    while not part.exists() or part.stat().st_size < STALLED_AT // 2:
        assert first.poll() is None
        time.sleep(0.02)
    first.kill()
    assert first.wait(SECONDS) == -signal.SIGKILL
    kept = part.stat().st_size
    assert not target.exists()
    world.stalls_after = None
    assert get(double, tmp_path / "home", document_id, target).wait(SECONDS) == 0
    assert world.ranges == [f"bytes={kept}-"]
    assert target.read_bytes() == DATA
    assert not part.exists()
