"""Text out of one document: a process of its own, bounded in memory, time and output, fed by standard input."""

import csv
import json
import re
import resource
import sys
from collections.abc import Callable, Mapping
from html.parser import HTMLParser

from storage_agent.charsets import decode

INPUT_BYTES = 1024 * 1024
SECONDS = 10
MEMORY_BYTES = 512 * 1024 * 1024
OUTPUT_BYTES = 8 * INPUT_BYTES

WHOLE, TRUNCATED, CORRUPT = 0, 10, 11

HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object"})
INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "kbd", "mark", "q", "s"}
    | {"samp", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_FORBIDDEN = {code: None for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n\r"}


class Undecodable(ValueError):
    """The bytes are not what their media type says."""


def extract(media_type: str, data: bytes, *, cut: bool) -> str:
    """Return the text in `data`, the first bytes of a document of a type in `EXTRACTORS`; `cut`: it goes on behind.

    Undecodable when the bytes do not have the form of their type.
    """
    text = EXTRACTORS[media_type](data, cut)
    return text.translate(_FORBIDDEN).encode(errors="replace").decode()


def main(media_type: str) -> int:
    """Read a document from standard input, write its text to standard output, return what became of it."""
    _bound()
    data = sys.stdin.buffer.read(INPUT_BYTES)
    cut = bool(sys.stdin.buffer.read(1))
    try:
        text = extract(media_type, data, cut=cut)
    except Undecodable:
        return CORRUPT
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
    return TRUNCATED if cut else WHOLE


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the limit exists and is not kept
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _plain(data: bytes, cut: bool) -> str:  # noqa: FBT001 - all extractors have this shape
    text = decode(data, cut=cut)
    if text is None:
        raise Undecodable
    return text


def _html(data: bytes, cut: bool) -> str:  # noqa: FBT001
    named = _CHARSET.search(data[:4096])
    page = _VisibleText()
    page.feed(_in_charset(data, named[1].decode(), cut=cut) if named else _plain(data, cut))
    page.close()
    return page.text()


def _in_charset(data: bytes, name: str, *, cut: bool) -> str:
    try:
        return data.decode(name)
    except (LookupError, UnicodeError):
        # The page names its charset wrongly, or is cut inside a character.
        return _plain(data, cut)


def _json(data: bytes, cut: bool) -> str:  # noqa: FBT001
    text = _plain(data, cut)
    if not cut:
        _require_json(text)
    return "\n".join(_unescaped(found) for found in _STRING.findall(text))


def _require_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise Undecodable from error
    except RecursionError:
        return  # deeper than the parser goes; its strings can be read all the same


def _unescaped(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal.strip('"')


def _csv(data: bytes, cut: bool) -> str:  # noqa: FBT001
    text = _plain(data, cut).translate(_FORBIDDEN)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(INPUT_BYTES)
    try:
        rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
        return "\n".join("\t".join(cell.strip() for cell in row) for row in rows)
    except csv.Error as error:
        raise Undecodable from error


EXTRACTORS: Mapping[str, Callable[[bytes, bool], str]] = {
    "text/plain": _plain,
    "text/markdown": _plain,
    "text/html": _html,
    "application/json": _json,
    "text/csv": _csv,
}


class _VisibleText(HTMLParser):
    """Collects what a reader of the page sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line at a block; hide what is not text."""
        if tag in HIDDEN:
            self._hidden.append(tag)
        elif tag not in INLINE:
            self._parts.append("\n")
        if not self._hidden and tag == "img":
            self._parts.extend(value for name, value in attrs if name == "alt" and value)

    def handle_endtag(self, tag: str) -> None:
        """End the line of a block; what was hidden is over with its own end."""
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        elif tag not in INLINE:
            self._parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that closes itself: there is nothing in it that could be hidden."""
        if tag not in HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        """Take text that is seen."""
        if not self._hidden:
            self._parts.append(data)

    def text(self) -> str:
        """Return the lines that are not empty, blanks run together."""
        lines = (" ".join(line.split()) for line in "".join(self._parts).splitlines())
        return "\n".join(line for line in lines if line)
