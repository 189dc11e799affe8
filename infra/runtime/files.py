"""Small files written whole or not at all: keys, ports, saved key sets."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

PRIVATE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data` atomically and durably, readable by its owner only (mode 0600).

    Missing folders are made with mode 0700. Afterwards either the old or the new content is on disk, also
    after a power cut; OSError says that it is the old one.
    """
    path.parent.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    with _scratch_beside(path) as (descriptor, scratch):
        _write_all(descriptor, data)
        os.fsync(descriptor)
        scratch.replace(path)
    sync_folder(path.parent)


def write_json_atomic(path: Path, value: object) -> None:
    """Replace `path` by `value` as readable JSON in UTF-8, as atomically and as privately as `write_private`."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    write_private(path, text.encode() + b"\n")


def read_json(path: Path) -> dict[str, object] | None:
    """Read the JSON object in `path`, or None when there is no such file. ValueError when it holds something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    value = json.loads(text)
    if not isinstance(value, Mapping):
        message = f"{path} does not hold a JSON object"
        raise ValueError(message)  # noqa: TRY004 - the type of the content is a matter of its value here
    return dict(value)


def sync_folder(folder: Path) -> None:
    """Make renames and new names inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _scratch_beside(path: Path) -> Iterator[tuple[int, Path]]:
    # mkstemp opens with mode 0600 from the first moment: at no time can another user read the new content.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        yield descriptor, Path(name)
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
