"""Avro schemas out of the message classes: the Python class is the source, its schema is rendered from the fields."""

# The published generators do not take `NewType` identifiers or frozen tuples, so the few shapes that are used here are
# rendered here; anything else is an error when the golden schemas are made, never at run time.

import types
from datetime import datetime
from enum import Enum
from typing import Any, Literal, NewType, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

AvroType = str | dict[str, Any] | list[Any]

NAMESPACE = "artstore"
_PRIMITIVES: dict[Any, AvroType] = {
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null",
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
}


def full_name(model: type[BaseModel]) -> str:
    """Return the Avro full name of a message class, which is also its `type` in the envelope."""
    return f"{NAMESPACE}.{model.__name__}"


def render(model: type[BaseModel]) -> dict[str, Any]:
    """Return the Avro schema of `model`; TypeError for a field of a shape that records may not have."""
    return _record(model, set())


def _record(model: type[BaseModel], seen: set[str]) -> dict[str, Any]:
    seen.add(model.__name__)
    fields = [_field(name, info, seen) for name, info in model.model_fields.items()]
    return {"type": "record", "name": model.__name__, "namespace": NAMESPACE, "fields": fields}


def _field(name: str, info: FieldInfo, seen: set[str]) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": _type(info.annotation, seen)}
    if not info.is_required():
        field["default"] = _default(info.get_default(call_default_factory=True))
    return field


def _default(value: Any) -> Any:  # noqa: ANN401 - a default is any JSON value
    if isinstance(value, bytes):
        return value.decode("latin-1")  # Avro 1.12, "Complex Types": defaults of bytes are code points 0-255
    return list(value) if isinstance(value, tuple) else value


def _type(annotation: Any, seen: set[str]) -> AvroType:  # noqa: ANN401 - annotations have no narrower type
    if isinstance(annotation, NewType):
        return _type(annotation.__supertype__, seen)
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"{NAMESPACE}.{annotation.__name__}" if annotation.__name__ in seen else _record(annotation, seen)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "string"
    return _generic(annotation, seen)


def _generic(annotation: Any, seen: set[str]) -> AvroType:  # noqa: ANN401 - annotations have no narrower type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "string"
    if origin in (Union, types.UnionType):
        # Avro takes a union's default from its first branch, and the default of an optional field here is null.
        return [_type(a, seen) for a in sorted(arguments, key=lambda a: a is not type(None))]
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0], seen)}
    if origin is dict:
        return {"type": "map", "values": _type(arguments[1], seen)}
    msg = f"no Avro shape for {annotation!r}"
    raise TypeError(msg)
