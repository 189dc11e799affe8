"""Dates in HTTP fields (RFC 9110 section 5.6.7): all three forms are read, nothing that only looks like one. Pure."""

import re
from datetime import UTC, datetime, timedelta

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# A two-digit year that would lie further ahead than this is one of the century before.
AHEAD_YEARS = 50
CENTURY = 100
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = f"(?P<month>{'|'.join(MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = tuple(
    re.compile(form)
    for form in (
        f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        f"{_DAY} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def http_date(text: str, now: datetime) -> datetime | None:
    """Return the time that `text` names, in UTC; None when it is no valid date. `now` settles two-digit years."""
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is not None:
            return _time(match.groupdict(), now)
    return None


def _time(named: dict[str, str], now: datetime) -> datetime | None:
    year, month, second = int(named["year"]), MONTHS.index(named["month"]) + 1, int(named["second"])
    rest = (month, int(named["day"]), int(named["hour"]), int(named["minute"]), second)
    if len(named["year"]) == 2:  # noqa: PLR2004 - the short form
        year += now.year - now.year % CENTURY
        year -= CENTURY if (year - AHEAD_YEARS, *rest) > now.timetuple()[:6] else 0
    if second > 60:  # noqa: PLR2004 - 60 is a leap second
        return None
    try:
        return datetime(year, *rest[:4], tzinfo=UTC) + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return None
