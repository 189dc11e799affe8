"""The pure parts of the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from infra.cli.answers import error_of_response, parsed
from infra.cli.deposits import key_of, media_type_of
from infra.cli.putting import typed
from infra.cli.sending import repr_digest
from infra.cli.terminal import exit_code, local_name
from infra.cli.trails import trail_lines
from schemas import errors
from schemas.api.auth import TokenBody
from schemas.api.events import ActorBody, EventBody


def answer(status: int, body: object | str, **headers: str) -> httpx2.Response:
    request = httpx2.Request("GET", "http://archive/x")
    if isinstance(body, str):
        return httpx2.Response(status, text=body, headers=headers, request=request)
    return httpx2.Response(status, json=body, headers=headers, request=request)


def problem(code: str, status: int) -> dict[str, object]:
    return {"type": "about:blank", "title": "T", "status": status, "detail": "Why.", "code": code, "new_field": 1}


def test_a_problem_becomes_the_error_that_has_its_code() -> None:
    error = error_of_response(answer(422, {**problem("digest_mismatch", 422), "trace_id": "f" * 32}))
    assert type(error) is errors.DigestMismatch
    assert error.detail == f"Why. (trace {'f' * 32})"


@pytest.mark.parametrize(
    ("status", "family"), [(409, errors.Rejected), (503, errors.Transient), (500, errors.Corrupted)]
)
def test_a_code_of_a_later_release_becomes_its_family(status: int, family: type[errors.ArtStoreError]) -> None:
    error = error_of_response(answer(status, problem("of_tomorrow", status)))
    assert type(error) is family
    assert "[of_tomorrow]" in error.detail


def test_an_answer_that_is_no_problem_still_is_an_error_with_its_status() -> None:
    error = error_of_response(answer(502, "<h1>Bad Gateway</h1>", **{"Retry-After": "3"}))
    assert isinstance(error, errors.Transient)
    assert error.retry_after_seconds == 3
    assert "502" in error.detail


def test_another_program_at_the_address_is_recognised() -> None:
    with pytest.raises(errors.Malformed, match="another program"):
        parsed(TokenBody, answer(200, "<html>hello</html>"))


def test_fields_of_a_later_release_are_ignored() -> None:
    body = parsed(TokenBody, answer(200, {"access_token": "t", "expires_in": 9, "refresh_token": "r"}))
    assert body.expires_in == 9


def test_the_digest_header_is_that_of_rfc_9530() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert repr_digest(empty) == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


def test_a_key_depends_on_place_content_and_attempt_alone() -> None:
    keys = {key_of("/a", "0"), key_of("/a", "0"), key_of("/b", "0"), key_of("/a", "1"), key_of("/a", "0", 1)}
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("name", "kind"), [("a.txt", "text/plain"), ("a.md", "text/markdown"), ("a.json", "application/json"), ("a", None)]
)
def test_the_media_type_comes_from_the_ending(name: str, kind: str | None) -> None:
    assert media_type_of(name) == kind


@pytest.mark.parametrize(
    ("written", "meant"),
    [("12", 12), ("-3", -3), ("1.5", 1.5), ("true", True), ("007", "007"), ("1e3", "1e3"), ("nan", "nan"), ("", "")],
)
def test_a_custom_value_is_a_number_only_when_it_reads_back_the_same(written: str, meant: object) -> None:
    assert typed(written) == meant
    assert type(typed(written)) is type(meant)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("отчёт.txt", "отчёт.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("a\x00\nb.txt", "ab.txt"),
        ("..", "document"),
        ("", "document"),
        (".hidden", ".hidden"),
    ],
)
def test_a_name_from_the_archive_is_made_safe_for_this_folder(given: str, name: str) -> None:
    assert local_name(given) == Path(name)


def test_a_long_name_is_cut_between_letters_and_keeps_its_ending() -> None:
    name = str(local_name("ж" * 200 + ".txt"))
    assert name == "ж" * 118 + ".txt"
    assert len(str(local_name("a" + "." + "ж" * 300)).encode()) <= 240


def test_exit_codes_tell_all_none_and_some() -> None:
    assert (exit_code(2, 0), exit_code(0, 2), exit_code(1, 1)) == (0, 1, 3)


def event(name: str, cause: str | None, second: int) -> EventBody:
    return EventBody(
        topic="t",
        partition=0,
        offset=second,
        event_id=name,
        type=name,
        aggregate_type="saga",
        aggregate_id="x",
        aggregate_version=1,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second),
        correlation_id="c",
        causation_id=cause,
        actor=ActorBody(subject="s", login="maria", full_name="Maria"),
        payload={},
    )


def test_a_trail_is_a_forest_of_causes() -> None:
    events = [event("a", None, 0), event("b", "a", 1), event("c", "b", 2), event("d", "a", 3), event("e", "away", 4)]
    shown = [(len(line) - len(line.lstrip()), line.split()[1]) for line in trail_lines(events)]
    assert shown == [(0, "a"), (2, "b"), (4, "c"), (2, "d"), (0, "e")]
