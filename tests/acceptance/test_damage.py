"""A document is damaged on the disk: no bad byte is given, everybody can see it, and mending it mends what is seen."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.archive import JSON, PROBLEM, Archive
from tests.damaging import DamagedDocument, damaged_document
from tests.stacks import Stack, eventually

CONTENT = "Опись фонда 7, дело 41: листы 1–12.\n".encode()


@pytest.fixture
def damaged(stack: Stack, archive: Archive) -> Iterator[DamagedDocument]:
    with damaged_document(stack, archive, "повреждённая опись.txt", CONTENT) as document:
        yield document


def test_damage_is_seen_wherever_people_look_and_nowhere_once_the_file_is_back(
    stack: Stack, archive: Archive, damaged: DamagedDocument
) -> None:
    document_id = damaged.document_id
    before = _hot(archive)["damaged"]
    damaged.flip_a_bit()
    refused = archive.content(document_id)
    assert (refused.status_code, refused.headers["Content-Type"]) == (500, PROBLEM)
    assert refused.json()["code"] == "body_damaged"
    eventually(lambda: _integrity(archive, document_id)["state"] == "damaged", 30, "nobody tells of the damage")
    integrity = _integrity(archive, document_id)
    assert (integrity["part"], integrity["reason"], integrity["found_by"]) == ("body", "digest", "read")
    (name,) = integrity["quarantined"]
    assert (stack.root("hot") / "quarantine" / name).read_bytes() != CONTENT
    assert not damaged.body.exists()
    (listed,) = _damages(archive, document_id)
    assert (listed["filename"], listed["element_name"]) == ("повреждённая опись.txt", "hot")
    assert listed["found_at"] == integrity["found_at"]
    eventually(lambda: _hot(archive)["damaged"] == before + 1, 30, "the element does not tell its damage")
    assert document_id in stack.artstore("damages").stdout
    assert f"{before + 1} damaged" in stack.status()["agent-hot"]["reason"]
    stack.await_ready("agent-hot")
    told = _fixity(archive, document_id)
    assert [(each["type"], each["payload"]["reason"]) for each in told] == [("artstore.DocumentDamaged", "digest")]
    assert archive.content(document_id).status_code == 500
    damaged.put_back()
    # To ask for it is to have the agent look again.
    eventually(lambda: archive.content(document_id).status_code == 200, 30, "the mended document is not given")
    assert archive.content(document_id).content == CONTENT
    eventually(lambda: _integrity(archive, document_id)["state"] == "whole", 30, "nobody tells of the mending")
    assert _damages(archive, document_id) == []
    eventually(lambda: _hot(archive)["damaged"] == before, 30, "the element goes on telling its damage")
    first, second = _fixity(archive, document_id)
    assert (second["type"], second["causation_id"]) == ("artstore.DocumentMended", first["event_id"])
    assert json.loads(stack.artstore("stat", document_id, "--json").stdout)["integrity"]["state"] == "whole"


def _integrity(archive: Archive, document_id: str) -> JSON:
    return dict(archive.get(f"/documents/{document_id}").json()["integrity"])


def _damages(archive: Archive, document_id: str) -> list[JSON]:
    return [item for item in archive.get("/damages").json()["items"] if item["document_id"] == document_id]


def _hot(archive: Archive) -> Any:
    return next(item for item in archive.get("/elements").json()["items"] if item["name"] == "hot")


def _fixity(archive: Archive, document_id: str) -> list[JSON]:
    return [event for event in archive.events(document_id=document_id) if event["aggregate_type"] == "fixity"]
