"""The questions: several hundred requests with ranges and preconditions, made by combining what each field may hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

from tests.contracts.rfc9110.oracle import DAYS, LONG_DAYS, MONTHS, Line, Resource

EMPTY, ONE, SHORT, LONG = 0, 1, 1000, 1_500_000
STALE = '"sha256:00"'

# Of each field: nothing, and everything that there is to tell apart. Names in braces are filled in for each server.
TAGS = ("", "{etag}", STALE, "W/{etag}", "*", f"{STALE} , W/{{etag}},{{etag}}", f",{STALE},,", "{etag", "{etag} {etag}")
TIMES = ("", "{before}", "{modified}", "{after}", "yesterday", "{modified}, {after}")
DATES = (
    *("{modified850}", "{before850}", "{after850}", "{asctime}", "{asctime_before}", "{asctime_after}"),
    *("{zone}", "{lower}", "{iso}", "{past850}"),
)
IF_RANGES = ("{etag}", STALE, "W/{etag}", "{modified}", "{before}", "{after}", "*", "{etag}, {etag}", "soon", *DATES)
SOME_RANGES = ("bytes=0-0", "bytes=-1", "bytes=0-9,500-509", "bytes=5000000-", "bytes=9-1", "")
ONE_RANGE = (
    *("0-", "0-0", "1-1", "0-1", "0-499", "0-998", "0-999", "0-1000", "1-", "1-0", "500-", "999-", "999-999", "1000-"),
    *(
        "1000-1000",
        "1001-2000",
        "00-00",
        "007-0010",
        "0-99999999999999999999",
        "99999999999999999999-",
        "9-99999999999",
    ),
    *("99999999999999999999-99999999999999999998", "-0", "-00", "-1", "-01", "-2", "-999", "-1000", "-1001"),
    *("-99999999999999999999", "-", "--1", "1--1", "0", "", ",", "a-b", "0-b", "0x0-0x1", "+0-1", "0-1-2", "0 -1"),
    *("0- 1", " 0-1", "0-1 ", "0-1;q=1", "0.0-1", "0-1\t", "*", "0-*"),
)
SEVERAL_RANGES = (
    *("0-0,999-999", "999-999,0-0", "0-9,10-19", "0-9,5-14", "5-14,0-9", "0-9,0-9", "0-0,81-81", "0-0,80-80"),
    *("500-509,0-9,250-259", "0-9,500-509,505-600", "500-,-100", "-100,0-99", "0-,0-0", "0-9,2000-", "2000-,0-9"),
    *("2000-,3000-", "-0,0-9", "-0,2000-", "0-9,9-1", "0-9,", ",0-9", "0-9,,500-509", "0-9 , 500-509", "0-9;500-509"),
    *("0-9,\t500-509", "0-9,a", "0-99,200-299,400-499,600-699", "0-399,500-999", "-1,-2,-3", "-1,0-0,-500"),
    *("0-9,500-509,-5,100-109", "999-,0-", "0-9,1000-,500-509", "700-709,300-309,900-909,100-109"),
)
UNITS = ("BYTES=0-1", "Bytes=0-1", "bytes", "bytes 0-1", "bytes =0-1", "items=0-1", "=0-1", "bytes=bytes=0-1", "0-1")
OF_LONG = (
    *(
        "0-9",
        "-10",
        "100-1400000",
        "0-299999,700000-999999",
        "0-9,1000000-1000009",
        "1499999-",
        "1500000-",
        "0-1499999",
    ),
    *("1400000-,0-99999,700000-700000", "0-1048575", "0-1048576", "262143-262144,524287-786432", "-1500001", "0-0,-1"),
)


@dataclass(frozen=True)
class Case:
    """One request for a document of `size` bytes; fields by line, still with names in braces."""

    size: int
    lines: tuple[Line, ...]
    method: str = "GET"

    def filled(self, resource: Resource) -> list[Line]:
        """Return the lines with the validators that this server has given."""
        return [(name, _filled(value, resource)) for name, value in self.lines]


def cases() -> list[Case]:
    """Return the table, each request once."""
    return list(dict.fromkeys((*_ranges(), *_conditions(), *_if_ranges(), *_repeated(), *_heads())))


def _ranges() -> Iterator[Case]:
    for size, spec in product((EMPTY, ONE, SHORT), ONE_RANGE):
        yield _case(size, Range=f"bytes={spec}")
    for spec in SEVERAL_RANGES:
        yield _case(SHORT, Range=f"bytes={spec}")
    for spec in ("0-0,-1", "-1,5-", "0-,0-", "-0,-0"):
        yield from (_case(size, Range=f"bytes={spec}") for size in (EMPTY, ONE))
    for value in UNITS:
        yield _case(SHORT, Range=value)
    for spec in OF_LONG:
        yield _case(LONG, Range=f"bytes={spec}")
    for count, step in ((63, 200), (64, 200), (65, 200), (64, 1), (200, 1), (65, 1)):
        yield _case(LONG, Range="bytes=" + ",".join(f"{n * step}-{n * step}" for n in range(count)))


def _conditions() -> Iterator[Case]:
    pairs: Sequence[tuple[str, Sequence[str], str, Sequence[str]]] = (
        ("If-Match", TAGS, "If-Unmodified-Since", TIMES),
        ("If-None-Match", TAGS, "If-Modified-Since", TIMES),
        ("If-Match", TAGS[:6], "If-None-Match", TAGS[:6]),
        ("If-Unmodified-Since", TIMES[:5], "If-Modified-Since", TIMES[:5]),
        ("If-Unmodified-Since", TIMES[1:4], "If-None-Match", TAGS[1:5]),
        ("If-None-Match", TAGS[1:5], "Range", SOME_RANGES),
        ("If-Match", TAGS[1:5], "Range", SOME_RANGES),
        ("If-Modified-Since", TIMES[1:4], "Range", SOME_RANGES),
        ("If-Unmodified-Since", TIMES[1:4], "Range", SOME_RANGES),
    )
    for first, values, second, others in pairs:
        for value, other in product(values, others):
            yield _case(SHORT, **{first.replace("-", "_"): value, second.replace("-", "_"): other})
    for name, value in product(("If_Modified_Since", "If_Unmodified_Since"), DATES):
        yield _case(SHORT, **{name: value})


def _if_ranges() -> Iterator[Case]:
    for value, asked in product(IF_RANGES, ("bytes=0-0", "bytes=5000000-")):
        yield _case(SHORT, If_Range=value, Range=asked)
    for value, asked in product(("{etag}", STALE, "{modified}"), SOME_RANGES):
        yield _case(SHORT, If_Range=value, Range=asked)
    for name, value in (("If_None_Match", "{etag}"), ("If_Match", STALE), ("If_Modified_Since", "{modified}")):
        yield _case(SHORT, **{name: value, "If_Range": STALE, "Range": "bytes=0-0"})


def _repeated() -> Iterator[Case]:
    for name in ("If-Match", "If-None-Match"):
        yield Case(SHORT, ((name, STALE), (name, "{etag}")))
        yield Case(SHORT, ((name, STALE), (name, '"other"')))
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        yield Case(SHORT, ((name, "{before}"), (name, "{after}")))
    yield Case(SHORT, (("Range", "bytes=0-0"), ("Range", "bytes=2-3")))
    yield Case(SHORT, (("Range", "bytes=0-0"), ("If-Range", "{etag}"), ("If-Range", "{etag}")))


def _heads() -> Iterator[Case]:
    for field, values in (("Range", SOME_RANGES), ("If-Match", TAGS), ("If-None-Match", TAGS)):
        yield from (Case(SHORT, ((field, value),), "HEAD") for value in values if value)
    for field, value in product(("If-Modified-Since", "If-Unmodified-Since"), TIMES[1:4]):
        yield Case(SHORT, ((field, value),), "HEAD")
    yield from (Case(size, (), method) for size, method in product((EMPTY, ONE, SHORT, LONG), ("GET", "HEAD")))


def _case(size: int, **fields: str) -> Case:
    return Case(size, tuple((name.replace("_", "-"), value) for name, value in fields.items() if value))


def _filled(value: str, resource: Resource) -> str:
    moment, day = resource.modified, timedelta(days=1)
    past = moment.replace(year=moment.year - 40, day=1)
    names = {
        "etag": resource.etag,
        "modified": _fixdate(moment),
        "before": _fixdate(moment - timedelta(seconds=1)),
        "after": _fixdate(moment + day),
        "modified850": _rfc850(moment),
        "before850": _rfc850(moment - day),
        "after850": _rfc850(moment + day),
        # Two digits that name a year 60 years ahead name the one 40 years ago.
        "past850": _rfc850(past),
        "asctime": _asctime(moment),
        "asctime_before": _asctime(moment - day),
        "asctime_after": _asctime(moment + day),
        "zone": _fixdate(moment).replace("GMT", "+0000"),
        "lower": _fixdate(moment).lower(),
        "iso": moment.isoformat(),
    }
    for name, text in names.items():
        value = value.replace(f"{{{name}}}", text)
    return value


def _fixdate(moment: datetime) -> str:
    return f"{DAYS[moment.weekday()]}, {moment.day:02} {MONTHS[moment.month - 1]} {moment.year} {moment:%H:%M:%S} GMT"


def _rfc850(moment: datetime) -> str:
    short = f"{moment.day:02}-{MONTHS[moment.month - 1]}-{moment.year % 100:02}"
    return f"{LONG_DAYS[moment.weekday()]}, {short} {moment:%H:%M:%S} GMT"


def _asctime(moment: datetime) -> str:
    return f"{DAYS[moment.weekday()]} {MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S} {moment.year}"
