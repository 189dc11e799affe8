"""JSON Schemas of the sealed files, rendered from their classes; `python -m schemas.json_schemas` writes them anew."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from schemas import attributes, elements

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SEAL = (
    "Seal: the SHA-256, 64 lowercase hex digits, of this file's bytes with these 64 digits written as zeros. "
    "The file is one line of UTF-8 with its keys sorted (RFC 8785) and without a line feed at its end."
)
ATTRIBUTES = "attr.schema.json"
ELEMENT = "element.schema.json"
NAMES = (ATTRIBUTES, ELEMENT)


def rendered() -> dict[str, bytes]:
    """Return each schema's file by its name: JSON Schema 2020-12, indented, UTF-8, a line feed at its end."""
    return {
        ATTRIBUTES: _file(attributes.Attributes, "<document id>.v<version>.attr.json", attributes.SEAL_FIELD),
        ELEMENT: _file(elements.ElementIdentity, "element.json", elements.SEAL_FIELD),
    }


def committed(name: str) -> bytes:
    """Return the committed file of one schema."""
    return files("schemas").joinpath("json", name).read_bytes()


class _Whole(GenerateJsonSchema):
    """Describes a file as it is written, not as it may be read: it has all of its fields, whatever their defaults."""

    def field_is_required(self, *_: object, **__: object) -> bool:
        """Say yes, for every field."""
        return True

    def field_title_should_be_set(self, _: object) -> bool:
        """Say no: a title would be the field's name once more."""
        return False


def _file(model: type[BaseModel], title: str, seal_field: str) -> bytes:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Whole)
    schema["properties"][seal_field] = {"type": "string", "description": SEAL, **attributes.HEX}
    schema["required"].append(seal_field)
    whole: dict[str, Any] = {"$schema": DIALECT, **schema, "title": title}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n"


if __name__ == "__main__":
    for file_name, data in rendered().items():
        (Path(__file__).parent / "json" / file_name).write_bytes(data)
