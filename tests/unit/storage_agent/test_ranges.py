"""Ranges, digests and names in HTTP fields, as pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.errors import Malformed
from storage_agent.digests import announced_sha256, digest_value, wants_sha256
from storage_agent.disposition import attachment
from storage_agent.ranges import NEAR_BYTES, RANGES_MAX, Span, Unsatisfiable, coalesced, content_range, spans_of

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (Span(0, 0),)),
        ("bytes=4-", (Span(4, 9),)),
        ("bytes=4-100", (Span(4, 9),)),
        ("bytes=-3", (Span(7, 9),)),
        ("bytes=-100", (Span(0, 9),)),
        ("BYTES=2-3", (Span(2, 3),)),
        ("bytes=,2-3,", (Span(2, 3),)),
        ("bytes=7-7,0-0", (Span(0, 7),)),
        ("bytes=0-" + "9" * 5000, (Span(0, 9),)),
        ("bytes=-" + "9" * 5000, (Span(0, 9),)),
        ("bytes=10-", Unsatisfiable()),
        ("bytes=" + "9" * 5000 + "-", Unsatisfiable()),
        ("bytes=-0,10-20", Unsatisfiable()),
        ("bytes=10-20,3-3", (Span(3, 3),)),
    ],
)
def test_what_is_well_formed_is_honoured(header: str, expected: object) -> None:
    assert spans_of(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "lines=0-1",
        "bytes",
        "bytes=٣-٤",
        "bytes=0--1",
        "bytes=0-1,x",
        "bytes=,",
        "",
    ],
)
def test_what_is_malformed_means_the_whole(header: str) -> None:
    assert spans_of(header, 10) is None


def test_so_many_ranges_are_honoured_and_no_more() -> None:
    specs = [f"{n * 100}-{n * 100}" for n in range(RANGES_MAX + 1)]
    found = spans_of("bytes=" + ",".join(specs[:-1]), 10**6)
    assert isinstance(found, tuple)
    assert len(found) == RANGES_MAX
    assert spans_of("bytes=" + ",".join(specs), 10**6) is None


def test_of_an_empty_document_no_byte_can_be_had() -> None:
    assert spans_of("bytes=0-0", 0) == Unsatisfiable()
    assert spans_of("bytes=-5", 0) is None


def test_spans_that_are_near_are_one_in_the_place_of_the_first() -> None:
    near, apart = Span(20 + NEAR_BYTES, 300), Span(500, 509)
    assert coalesced([apart, near, Span(10, 20)]) == (apart, Span(10, 300))
    assert coalesced([near, Span(10, 19)]) == (near, Span(10, 19))


@given(some.text(max_size=40), some.integers(0, 1000))
def test_no_header_leads_outside_the_document(text: str, size: int) -> None:
    found = spans_of(f"bytes={text}", size)
    assert not isinstance(found, tuple) or all(0 <= span.first <= span.last < size for span in found)


POSITIONS = some.one_of(some.just(""), some.integers(0, 1200).map(str))


@given(some.lists(some.tuples(POSITIONS, POSITIONS), min_size=1, max_size=9), some.integers(1, 1000))
def test_all_that_is_asked_for_is_sent_once_and_little_else(pairs: list[tuple[str, str]], size: int) -> None:
    found = spans_of("bytes=" + ",".join(f"{first}-{last}" for first, last in pairs), size)
    if not isinstance(found, tuple):
        return
    sent = [n for span in found for n in range(span.first, span.last + 1)]
    asked = {n for first, last in pairs for n in sliced(first, last, size)}
    assert len(sent) == len(set(sent)) <= size
    assert asked <= set(sent)
    assert len(set(sent) - asked) <= len(pairs) * NEAR_BYTES
    assert {span.first for span in found} <= asked >= {span.last for span in found}


def sliced(first: str, last: str, size: int) -> range:
    """Return the positions that a range names, by Python's own slices."""
    if not first:
        return range(size)[-int(last) :] if int(last) else range(0)
    return range(size)[int(first) : int(last) + 1 if last else None]


def test_content_range_names_the_part_or_the_size() -> None:
    assert content_range(Span(2, 4), 10) == "bytes 2-4/10"
    assert content_range(None, 10) == "bytes */10"


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        (None, True),
        ("sha-256=10", True),
        ("sha-256=0", False),
        ("sha-512=3, sha-256=0", False),
        ("sha-512=10", True),
        ("sha-256=1,sha-256=0", False),
        ("sha-256=11", True),
        ("sha-256=0, nonsense", True),
        ("", True),
    ],
)
def test_a_digest_is_sent_unless_it_is_given_no_weight(wish: str | None, sent: bool) -> None:  # noqa: FBT001
    assert wants_sha256(wish) is sent


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
