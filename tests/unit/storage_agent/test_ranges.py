"""Ranges, tags, digests and names in HTTP fields, as pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.errors import Malformed
from storage_agent.digests import announced_sha256, digest_value
from storage_agent.disposition import attachment
from storage_agent.ranges import Span, Unsatisfiable, content_range, names_etag, wanted

ETAG = '"sha256:aa"'
SHA = "ab" * 32


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=0-9", Span(0, 9)),
        ("bytes=4-", Span(4, 9)),
        ("bytes=4-100", Span(4, 9)),
        ("bytes=-3", Span(7, 9)),
        ("bytes=-100", Span(0, 9)),
        ("BYTES = 2-3", Span(2, 3)),
        ("bytes=,2-3,", Span(2, 3)),
        ("bytes=0-" + "9" * 5000, Span(0, 9)),
        ("bytes=-" + "9" * 5000, Span(0, 9)),
        ("bytes=10-", Unsatisfiable()),
        ("bytes=10-20", Unsatisfiable()),
        ("bytes=" + "9" * 5000 + "-", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
    ],
)
def test_one_well_formed_range_is_honoured(header: str, expected: object) -> None:
    assert wanted(header, None, ETAG, 10) == expected


@pytest.mark.parametrize(
    "header",
    ["bytes=5-4", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes", "bytes=٣-٤", "bytes=0--1", ""],
)
def test_what_is_malformed_or_several_means_the_whole(header: str) -> None:
    assert wanted(header, None, ETAG, 10) is None


def test_of_an_empty_document_no_byte_can_be_had() -> None:
    assert wanted("bytes=0-0", None, ETAG, 0) == Unsatisfiable()
    assert wanted("bytes=-5", None, ETAG, 0) is None


@pytest.mark.parametrize(
    ("condition", "honoured"),
    [(ETAG, True), (f"W/{ETAG}", False), ('"other"', False), ("Tue, 24 Nov 2026 10:00:00 GMT", False), ("*", False)],
)
def test_if_range_honours_the_same_strong_tag_only(condition: str, honoured: bool) -> None:  # noqa: FBT001
    assert (wanted("bytes=0-1", condition, ETAG, 10) is not None) is honoured


@given(some.text(max_size=40), some.integers(0, 1000))
def test_no_header_leads_outside_the_document(text: str, size: int) -> None:
    found = wanted(f"bytes={text}", None, ETAG, size)
    assert not isinstance(found, Span) or 0 <= found.first <= found.last < size


@given(some.integers(0, 50), some.integers(0, 50), some.integers(1, 40))
def test_a_range_means_what_slicing_means(first: int, more: int, size: int) -> None:
    data = bytes(range(size))
    found = wanted(f"bytes={first}-{first + more}", None, ETAG, size)
    expected = data[first : first + more + 1]
    got = data[found.first : found.last + 1] if isinstance(found, Span) else b""
    assert got == expected


def test_content_range_names_the_part_or_the_size() -> None:
    assert content_range(Span(2, 4), 10) == "bytes 2-4/10"
    assert content_range(None, 10) == "bytes */10"


@pytest.mark.parametrize(
    ("header", "named"),
    [(ETAG, True), (f'"x", W/{ETAG}', True), ("*", True), ('"x"', False), (None, False), ("sha256:aa", False)],
)
def test_if_none_match_compares_weakly(header: str | None, named: bool) -> None:  # noqa: FBT001
    assert names_etag(header, ETAG) is named


def test_a_digest_is_read_as_it_is_written() -> None:
    assert announced_sha256(digest_value(SHA)) == SHA
    assert announced_sha256(f"sha-512=:YWJj:, {digest_value(SHA)};q=1", None) == SHA
    assert announced_sha256("sha-512=:YWJj:") is None
    assert announced_sha256(None, None) is None


@pytest.mark.parametrize("field", ["sha-256=abc", "sha-256=:YQ==:", "sha-256=:%%:", "sha-256", ""])
def test_an_unreadable_digest_is_malformed(field: str) -> None:
    with pytest.raises(Malformed):
        announced_sha256(field)


def test_two_digests_that_differ_are_malformed() -> None:
    with pytest.raises(Malformed):
        announced_sha256(digest_value(SHA), digest_value("cd" * 32))


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("report_1.pdf", 'attachment; filename="report_1.pdf"'),
        ("Акт 1.pdf", "attachment; filename=\"___ 1.pdf\"; filename*=UTF-8''%D0%90%D0%BA%D1%82%201.pdf"),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("../etc/passwd", "attachment; filename=\".._etc_passwd\"; filename*=UTF-8''.._etc_passwd"),
        ("a\r\nX-Evil: 1", "attachment; filename=\"a__X-Evil: 1\"; filename*=UTF-8''a%0D%0AX-Evil%3A%201"),
        ("📜.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%F0%9F%93%9C.txt"),
    ],
)  # fmt: skip
def test_a_name_survives_the_header_in_both_forms(filename: str, expected: str) -> None:
    assert attachment(filename) == expected


@given(some.text(min_size=1, max_size=60))
def test_no_name_breaks_the_header(filename: str) -> None:
    value = attachment(filename)
    assert value.isascii()
    assert value.isprintable()
