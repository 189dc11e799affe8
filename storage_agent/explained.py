"""What lies in an element's root for strangers: a README, and the JSON Schemas of the sealed files."""

from importlib.resources import files
from pathlib import Path

import structlog

from schemas import json_schemas
from storage_agent.files import Disk, replace
from storage_agent.gate import BROKEN
from storage_agent.layout import Folders

README = "README.txt"


def explanations() -> dict[str, bytes]:
    """Return the files by their name in the root, as this release writes them."""
    readme = files("storage_agent").joinpath("element_readme.txt").read_bytes()
    return {README: readme, **{name: json_schemas.committed(name) for name in json_schemas.NAMES}}


def explain(disk: Disk, root: Path) -> None:
    """Write those that are missing or another release's, durably.

    They are for people: where the disk refuses them (it is full, somebody made a link of one) the element opens all
    the same, and they are tried again at the next opening. DiskFailed when a sync fails, OSError when the drive does
    not take them: it would not take documents either.
    """
    for name, data in explanations().items():
        try:
            if _read(disk, root / name) != data:
                replace(disk, root / name, data, Folders(root).staging / name)
        except OSError as error:
            if error.errno in BROKEN:
                raise
            log = structlog.get_logger("artstore.agent")
            log.warning("explanation_not_written", name=name, reason=error.strerror or str(error))


def _read(disk: Disk, path: Path) -> bytes | None:
    try:
        return disk.read(path)
    except OSError:
        # It is written again; only that says anything of the drive.
        return None
