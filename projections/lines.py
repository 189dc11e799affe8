"""Rows as the lines that COPY reads: columns with tabs between them, each in the text form of its type."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic_core import to_json

from infra.runtime.postgres import JsonText
from projections.tables import Row, as_moment, json_bytes

NULL = "\\N"


def lines_of(rows: Iterable[Row]) -> bytes:
    """Return a line for each row, without what PostgreSQL does not take: NUL, and halves of surrogate pairs."""
    return "".join(map(_line, rows)).encode("utf-8", "replace")


def _line(row: Row) -> str:
    texts = [value if type(value) is str else _TEXT_OF.get(type(value), _json)(value) for value in row]
    line = "\t".join(texts)
    # Hardly any text holds what has to be escaped, and to look for that in the whole line is far cheaper than in each.
    nulls = texts.count(NULL) and [*row].count(None)
    is_plain = line.count("\t") == len(texts) - 1 and line.count("\\") == nulls
    if is_plain and "\n" not in line and "\r" not in line and "\0" not in line:
        return f"{line}\n"
    escaped = [NULL if value is None else _escaped(text) for value, text in zip(row, texts, strict=True)]
    return "\t".join(escaped) + "\n"


def _escaped(text: str) -> str:
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return text


def _json(value: object) -> str:
    return json_bytes(value).decode()


def _moment(value: datetime) -> str:
    return to_json(value if value.tzinfo else as_moment(value))[1:-1].decode()


_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", ""))

# All else stands in a column of JSON.
_TEXT_OF: Mapping[type, Callable[[Any], str]] = MappingProxyType(
    {
        type(None): lambda _: NULL,
        bool: str,
        int: str,
        bytes: lambda value: f"\\x{value.hex()}",
        datetime: _moment,
        JsonText: JsonText.decode,
    }
)
