"""An independent checker of element folders: standard library only, none of the product's code."""

import hashlib
import json
import re
import sys
from pathlib import Path

LIST = "SHA256SUMS"


def seal_holds(data: bytes, field: str) -> bool:
    """Tell whether the SHA-256 in `field` is that of `data` with zeros in its place."""
    digest = str(json.loads(data)[field])
    zeroed = data.replace(f'"{field}":"{digest}"'.encode(), f'"{field}":"{"0" * 64}"'.encode(), 1)
    return hashlib.sha256(zeroed).hexdigest() == digest


def examine(path: Path) -> tuple[Path | None, str | None]:
    """Return the body that an attribute file speaks of, and what is wrong with the two."""
    try:
        content = json.loads(path.read_bytes())["content"]
        body = path.parent / str(content["stored_name"])
        if not seal_holds(path.read_bytes(), "attr_sha256"):
            return body, f"{path}: seal broken"
        with body.open("rb") as file:
            right = hashlib.file_digest(file, "sha256").hexdigest() == content["sha256"]
        return body, None if right and body.stat().st_size == content["size"] else f"{body}: damaged"
    except (OSError, ValueError, KeyError) as error:
        return None, f"{path}: {error!r}"


def verify(root: Path) -> list[str]:
    """Return all that is wrong in the element at `root`: seals, bodies, and bodies that no attributes speak of."""
    files = {
        path
        for path in root.rglob("*")
        if path.is_file() and path.name != LIST and re.match(r"\d{4}$", path.relative_to(root).parts[0])
    }
    examined = [examine(path) for path in sorted(files) if path.name.endswith(".attr.json")]
    alone = {path for path in files if not path.name.endswith(".attr.json")} - {body for body, _ in examined}
    element = (
        [] if seal_holds((root / "element.json").read_bytes(), "element_sha256") else ["element.json: seal broken"]
    )
    return element + [fault for _, fault in examined if fault] + [f"{path}: no attributes" for path in sorted(alone)]


if __name__ == "__main__":
    sys.exit("\n".join(fault for root in sys.argv[1:] for fault in verify(Path(root))) or None)
