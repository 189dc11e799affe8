"""What a request is answered with: parts that are the document's bytes, whatever stands in the headers."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from storage_agent.conditions import ASKING, Outcome, Validators, asking_fields, judged, names_etag
from storage_agent.http_dates import http_date
from storage_agent.ranges import Span
from storage_agent.selection import Representation, Sending, assembled, decided

NOW = datetime(2026, 11, 27, 12, 0, 9, tzinfo=UTC)
ETAG = '"sha256:aa"'
KNOWN = Validators(ETAG, NOW.replace(second=0))
DOCUMENT = bytes(n * 7 % 251 for n in range(5000))
STORED = Representation("ab" * 32, len(DOCUMENT), "text/plain", KNOWN)

FIELDS = some.dictionaries(some.sampled_from(sorted(ASKING)), some.binary(max_size=60), max_size=5)
TAGS = some.sampled_from(
    [ETAG, f"W/{ETAG}", '"x"', "*", "", ",", '"a,b"', "W/", '"', format_datetime(NOW, usegmt=True)]
)


@given(some.sampled_from(["GET", "HEAD"]), FIELDS, some.integers(0, 5000))
@example("GET", {b"if-none-match": b"\xff", b"if-range": b"\xb2", b"range": b"bytes=\xb2-"}, 0)
def test_no_header_raises_or_leads_outside(method: str, fields: dict[bytes, bytes], size: int) -> None:
    stored = Representation("ab" * 32, size, "text/plain", KNOWN)
    answer = decided(method, asking_fields(fields.items()), stored, NOW)
    if isinstance(answer, Sending):
        spans = [piece for piece in answer.layout if isinstance(piece, Span)]
        assert all(0 <= span.first <= span.last + 1 <= size for span in spans)
        assert sum(span.length for span in spans) <= size
        assert answer.length <= size or len(spans) == 1


@given(some.dictionaries(some.sampled_from(sorted(name.decode() for name in ASKING)), TAGS, max_size=5))
def test_tags_and_dates_in_wrong_fields_do_no_harm(fields: dict[str, str]) -> None:
    assert decided("GET", fields, STORED, NOW) is not None


@given(some.lists(some.tuples(some.integers(0, 5200), some.integers(0, 300)), min_size=1, max_size=20))
def test_parts_are_the_bytes_that_their_heads_name(pairs: list[tuple[int, int]]) -> None:
    asked = "bytes=" + ",".join(f"{first}-{first + more}" for first, more in pairs)
    answer = decided("GET", {"range": asked}, STORED, NOW)
    if not isinstance(answer, Sending):
        assert all(first >= len(DOCUMENT) for first, _ in pairs)
        return
    content = assembled(answer.layout, DOCUMENT)
    assert len(content) == answer.length
    if answer.status == 200 or answer.content_range is not None:
        return
    boundary = answer.content_type.partition("boundary=")[2].encode()
    *parts, end = (b"\r\n" + content).split(b"\r\n--" + boundary)[1:]
    assert end == b"--\r\n"
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        first, last = head.split(b"bytes ")[1].split(b"/")[0].split(b"-")
        assert body == DOCUMENT[int(first) : int(last) + 1]


def test_lines_of_one_field_are_one_list_and_other_fields_are_not_read() -> None:
    raw = [(b"if-match", b'"a"'), (b"cookie", b"x"), (b"if-match", b'"b"')]
    assert asking_fields(raw) == {"if-match": '"a", "b"'}


@pytest.mark.parametrize(
    ("field", "weakly", "strongly"),
    [
        (ETAG, True, True),
        (f'"x", W/{ETAG}', True, False),
        (f'"a,b",,{ETAG} ', True, True),
        ("*", True, True),
        ('"*"', False, False),
        ("x*", False, False),
        (f"{ETAG} {ETAG}", False, False),
        (f"{ETAG}, x", False, False),
        ("sha256:aa", False, False),
        ("", False, False),
    ],
)
def test_tags_are_compared_weakly_or_strongly(field: str, weakly: bool, strongly: bool) -> None:  # noqa: FBT001
    assert (names_etag(field, ETAG, weakly=True), names_etag(field, ETAG, weakly=False)) == (weakly, strongly)


def test_without_a_time_of_the_last_change_dates_say_nothing() -> None:
    old = format_datetime(NOW - timedelta(days=9), usegmt=True)
    for name in ("if-modified-since", "if-unmodified-since"):
        assert judged({name: old}, Validators(ETAG), NOW) is Outcome.ANSWER


@given(some.datetimes(datetime(1977, 1, 1), datetime(2076, 1, 1)))  # noqa: DTZ001 - Hypothesis wants them naive
def test_all_three_forms_of_a_date_are_read(naive: datetime) -> None:
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    fixdate = format_datetime(moment, usegmt=True)
    day, month = f"{moment.day:02}", fixdate.split()[2]
    forms = (
        fixdate,
        f"Sunday, {day}-{month}-{moment:%y %H:%M:%S} GMT",
        f"Sun {month} {moment.day:2} {moment:%H:%M:%S %Y}",
    )
    assert [http_date(form, NOW) for form in forms] == [moment] * 3


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 31 Feb 2026 10:00:00 GMT",
        "Fri, 27 Nov 2026 24:00:00 GMT",
        "Fri, 27 Nov 2026 10:00:61 GMT",
        "Fri, 27 Nov 0000 10:00:00 GMT",
        "fri, 27 nov 2026 10:00:00 gmt",
        "Fri, 27 Nov 2026 10:00:00 +0000",
        "Fri, 27 Nov 2026 10:00:00 GMT ",
        "Fri, ٢٧ Nov 2026 10:00:00 GMT",
        "1795773600",
        "",
    ],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert http_date(text, NOW) is None


def test_a_leap_second_is_the_next_minute() -> None:
    assert http_date("Sat, 31 Dec 2016 23:59:60 GMT", NOW) == datetime(2017, 1, 1, tzinfo=UTC)
