"""Passwords of the embedded servers: made once, kept readable by the owner only."""

import secrets
from pathlib import Path

from infra.runtime.files import write_private

PASSWORD = "password"  # noqa: S105 - a file's name


def kept_password(path: Path) -> str:
    """Return the password kept in `path`, making it at the first call (hex digits, safe inside an address)."""
    if not path.exists():
        write_private(path, secrets.token_hex(24).encode())
    return path.read_text(encoding="ascii").strip()
