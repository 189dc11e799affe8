"""Golden files: released schemas and bytes never change, and every released byte is still read."""

import json
from pathlib import Path

import pytest
from avro import schema as avro_schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas import json_schemas
from schemas.attributes import Attributes
from schemas.avro import full_name, render
from schemas.registry import BY_TYPE, MESSAGES, decode, released
from schemas.release import unreleased
from schemas.topics import EVENT_TOPICS
from tests.golden.samples import SAMPLES, attributes_sample

RECORDS = Path(__file__).parent / "records"
ATTRIBUTES = Path(__file__).parent / "attributes" / "1.attr.json"


def test_every_class_has_its_newest_schema_committed() -> None:
    assert sorted(unreleased()) == []


def test_schema_ids_are_contiguous_and_never_reused() -> None:
    assert sorted(released()) == list(range(1, len(released()) + 1))


def test_every_message_has_a_sample() -> None:
    assert {type(sample) for sample in SAMPLES} == set(MESSAGES)


@pytest.mark.parametrize("number", sorted(released()))
def test_each_released_record_is_still_read(number: int) -> None:
    files = sorted(RECORDS.glob(f"{number}.*.bin"))
    assert len(files) == 1, "make the record once with: python -m tests.golden.samples"
    message = decode(files[0].read_bytes())
    assert message == next(sample for sample in SAMPLES if type(sample) is type(message))


def test_the_golden_attributes_are_still_read_and_written_byte_for_byte() -> None:
    data = ATTRIBUTES.read_bytes()
    assert Attributes.from_sealed(data).sealed() == data
    assert attributes_sample().sealed() == data


def test_the_json_schemas_of_sealed_files_are_the_classes() -> None:
    assert sorted(json_schemas.rendered()) == sorted(json_schemas.NAMES)
    for name, data in json_schemas.rendered().items():
        assert json_schemas.committed(name) == data, "write them anew with: python -m schemas.json_schemas"


@pytest.mark.parametrize("number", sorted(released()))
def test_schemas_evolve_compatibly_in_both_directions_for_events_and_backward_for_the_rest(number: int) -> None:
    old = released()[number]
    name = f"{old['namespace']}.{old['name']}"
    newest = avro_schema.parse(json.dumps(render(BY_TYPE[name])))
    written = avro_schema.parse(json.dumps(old))
    check = ReaderWriterCompatibilityChecker().get_compatibility  # type: ignore[no-untyped-call]
    assert check(reader=newest, writer=written).compatibility is SchemaCompatibilityType.compatible
    if BY_TYPE[name].topic in EVENT_TOPICS:
        assert check(reader=written, writer=newest).compatibility is SchemaCompatibilityType.compatible


def test_every_message_is_named_once() -> None:
    assert len({full_name(model) for model in MESSAGES}) == len(MESSAGES)
