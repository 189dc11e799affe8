"""The small rules of the language: identifiers, retention, permissions, errors, topics."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from schemas import errors
from schemas.identifiers import derive, is_uuid, new_id, time_of
from schemas.permissions import Permission, allowed
from schemas.retention import retained_until

MOMENT = datetime(2028, 2, 29, 12, 0, 0, 987654, UTC)


def test_an_identifier_tells_its_time_to_the_millisecond_and_sorts_by_it() -> None:
    first, second = new_id(MOMENT), new_id(MOMENT + timedelta(milliseconds=1))
    assert time_of(first) == MOMENT.replace(microsecond=987000)
    assert first < second


def test_the_same_cause_names_the_same_effect() -> None:
    assert derive("a", "role", 1) == derive("a", "role", 1)
    assert len({derive("a", "role"), derive("a", "role", 1), derive("a", "other"), derive("b", "role")}) == 4


def test_only_the_lowercase_canonical_form_is_a_uuid() -> None:
    text = new_id(MOMENT)
    assert is_uuid(text)
    assert not any(is_uuid(bad) for bad in (text.upper(), f"{{{text}}}", text.replace("-", ""), "x", ""))


def test_a_derived_identifier_has_no_time() -> None:
    with pytest.raises(ValueError, match="not a UUIDv7"):
        time_of(derive("a", "b"))


def test_retention_ends_after_its_years_and_permanent_never_ends() -> None:
    assert retained_until("permanent", MOMENT) is None
    assert retained_until("years-10", MOMENT) == datetime(2038, 3, 1, 12, 0, 0, 987654, UTC)
    with pytest.raises(KeyError):
        retained_until("years-3", MOMENT)


@pytest.mark.parametrize("role", ["", "ADMIN", "Administrator", "root", "auditor "])
def test_an_unknown_role_may_nothing(role: str) -> None:
    assert not any(allowed(role, permission) for permission in Permission)


def test_roles_grant_what_the_interface_promises() -> None:
    assert all(allowed("administrator", permission) for permission in Permission)
    assert allowed("editor", Permission.UPLOAD)
    assert not allowed("editor", Permission.READ_EVENTS)
    assert not allowed("reader", Permission.UPLOAD)
    assert not allowed("reader", Permission.READ_EVENTS)
    assert allowed("auditor", Permission.READ_EVENTS)
    assert not allowed("auditor", Permission.UPLOAD)


def _classes(root: type[errors.ArtStoreError]) -> Iterator[type[errors.ArtStoreError]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


def test_every_error_has_a_code_of_its_own_a_sentence_and_a_family() -> None:
    classes = [c for c in _classes(errors.ArtStoreError) if c is not errors.ArtStoreError]
    assert len({c.code for c in classes}) == len(classes)
    families = (errors.Rejected, errors.Transient, errors.Corrupted, errors.Malformed)
    for c in classes:
        assert issubclass(c, families)
        assert c().detail.endswith(".")
