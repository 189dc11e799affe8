"""The interface's own unit tests, and that its client is the one that the OpenAPI document makes."""

from pathlib import Path

from ui.build import UI, install, npm

CLIENT = UI / "src" / "app" / "api" / "schema.ts"


def test_the_interface_passes_its_unit_tests() -> None:
    install()
    npm("test")


def test_the_typed_client_is_made_from_the_committed_document(tmp_path: Path) -> None:
    install()
    made = tmp_path / "schema.ts"
    npm("exec", "--", "openapi-typescript", "../schemas/api/openapi.json", "-o", str(made))
    assert made.read_text(encoding="utf-8") == CLIENT.read_text(encoding="utf-8"), "write it anew with `make client`"
