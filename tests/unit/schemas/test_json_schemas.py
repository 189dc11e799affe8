"""The JSON Schemas of the sealed files take what is written, and nothing else; every field says what it means."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from schemas.json_schemas import ATTRIBUTES, ELEMENT, committed
from storage_agent.files import LocalDisk
from tests.elements import a_ticket_for, an_element, hours, put
from tests.golden.samples import attributes_sample
from tests.projecting import a_document, next_state

JSON = dict[str, Any]
SCHEMAS = {name: json.loads(committed(name)) for name in (ATTRIBUTES, ELEMENT)}


def is_valid(name: str, instance: JSON) -> bool:
    return jsonschema_rs.Draft202012Validator(SCHEMAS[name]).is_valid(instance)


def a_file() -> JSON:
    return dict(json.loads(attributes_sample().sealed()))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_of_the_dialect_that_it_names(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_says_what_it_means(name: str) -> None:
    silent = [path for path, field in fields(SCHEMAS[name]) if not field.get("description")]
    assert silent == []


def fields(schema: JSON) -> Iterator[tuple[str, JSON]]:
    for title, part in {"": schema, **schema["$defs"]}.items():
        for field, told in part.get("properties", {}).items():
            yield f"{title}.{field}", told


async def test_what_an_element_writes_is_valid(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        for filename in ("Отчёт.txt", "👩‍👩‍👧.pdf", "ж" * 200):
            data = filename.encode()
            await put(documents, a_ticket_for(documents.identity, data, filename=filename), data)
    disk = LocalDisk()
    files = [hour / name for hour in hours(disk, tmp_path) for name in disk.names(hour) if name.endswith("attr.json")]
    assert len(files) == 3
    assert all(is_valid(ATTRIBUTES, json.loads(path.read_bytes())) for path in files)
    assert is_valid(ELEMENT, json.loads((tmp_path / "element.json").read_bytes()))


def test_every_kind_of_attributes_is_valid() -> None:
    document = a_document(title="")
    for attributes in (attributes_sample(), document, next_state(document)):
        assert is_valid(ATTRIBUTES, json.loads(attributes.sealed()))


def test_a_field_of_a_later_release_is_valid_too() -> None:
    file = a_file()
    file["content"]["pages"] = 12
    assert is_valid(ATTRIBUTES, file | {"scanner": "7"})


WRONG: dict[str, Callable[[JSON], object]] = {
    "another form": lambda f: f.update(schema="artstore.attr/2"),
    "no seal": lambda f: f.pop("attr_sha256"),
    "a short seal": lambda f: f.update(attr_sha256=f["attr_sha256"][:-1]),
    "a digest in capitals": lambda f: f["content"].update(sha256=f["content"]["sha256"].upper()),
    "a negative size": lambda f: f["content"].update(size=-1),
    "a size as text": lambda f: f["content"].update(size="12"),
    "version 0": lambda f: f.update(version=0),
    "an id that is none": lambda f: f.update(document_id="7"),
    "an unknown mode": lambda f: f["element"].update(mode_at_write="rwx"),
    "a time as a number": lambda f: f["provenance"].update(created_at=7),
    "tags as text": lambda f: f["description"].update(tags="a"),
    "a custom fact that is a list": lambda f: f["description"]["custom"].update(n=[1]),
    "an actor with more than is known of him": lambda f: f["retention"]["set_by"].update(password="x"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_no_agent_writes_is_not_valid(wrong: str) -> None:
    file = a_file()
    WRONG[wrong](file)
    assert not is_valid(ATTRIBUTES, file)


def test_no_field_may_be_missing() -> None:
    for path in ([], ["content"], ["provenance"], ["description"], ["retention"], ["element"]):
        for field in part_of(a_file(), path):
            file = a_file()
            del part_of(file, path)[field]
            assert not is_valid(ATTRIBUTES, file), (path, field)


def part_of(file: JSON, path: list[str]) -> JSON:
    for name in path:
        file = file[name]
    return file
