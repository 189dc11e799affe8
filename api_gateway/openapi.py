"""The OpenAPI document of the HTTP interface, as it is committed for those who write clients."""

import json
import sys
from pathlib import Path
from typing import Any

from api_gateway.app import bare_app

DOCUMENT = Path(__file__).parent.parent / "schemas" / "api" / "openapi.json"


def document() -> dict[str, Any]:
    """Return the document as the code says it now. The version is the product's, which the document need not follow."""
    found = bare_app().openapi()
    return {**found, "info": {**found["info"], "version": "1"}}


def text() -> str:
    """Return the document as it stands in the file."""
    return json.dumps(document(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write the document; a change of it is a change of a promise, and wants to be looked at."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
