"""Retention classes, and until when each keeps a document."""

from datetime import UTC, datetime

PERMANENT = "permanent"
YEARS = {"years-5": 5, "years-10": 10, "years-75": 75}
RETENTION_CLASSES = (PERMANENT, *YEARS)


def retained_until(retention_class: str, start: datetime) -> datetime | None:
    """Return the end of retention (None: for ever); KeyError for an unknown class. 29 February ends on 1 March."""
    if retention_class == PERMANENT:
        return None
    year = start.year + YEARS[retention_class]
    try:
        return start.replace(year=year)
    except ValueError:
        return datetime(year, 3, 1, start.hour, start.minute, start.second, start.microsecond, UTC)
