"""What a message says, as JSON for people: sealed files opened, bytes as base64, secrets never shown."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from schemas.envelope import Message
from schemas.sealing import parsed

SECRET = "***"  # noqa: S105 - stands in the place of one


def payload_of(message: Message, *, but: str = "meta") -> dict[str, Any]:
    """Return the fields of the message's own type, all `but` one; its envelope is told apart."""
    fields = message.model_dump(mode="python", exclude={"meta", but})
    return {name: SECRET if _is_secret(name) else _SPECIAL.get(name, _plain)(value) for name, value in fields.items()}


def _is_secret(name: str) -> bool:
    # Only names that messages and sagas give; a person may call a field of a document whatever they like.
    return name.startswith("sealed_") or name == "signature"


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case _:
            return value


def _opened(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Show a JSON text as what it says; anything else as it is."""
    if not isinstance(value, str | bytes):
        return _plain(value)
    try:
        return parsed(value)
    except (ValueError, RecursionError):
        return _plain(value)


def _state(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Show a saga's own state, which may hold what its request held, without the secrets."""
    return _masked(_opened(value))


def _masked(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    match value:
        case dict():
            return {name: SECRET if _is_secret(name) else _masked(item) for name, item in value.items()}
        case list():
            return [_masked(item) for item in value]
        case _:
            return value


def _outputs(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Show of a saga's outputs only what they are and where they go: they stand in the log themselves."""
    outputs: Any = value
    return [
        {"topic": output["topic"], "type": output["headers"].get("ce_type"), "id": output["headers"].get("ce_id")}
        for output in outputs
    ]


_SPECIAL: Mapping[str, Callable[[object], Any]] = MappingProxyType(
    {"attr": _opened, "identity": _opened, "state": _state, "problem": _opened, "outputs": _outputs}
)
