"""Snippets: the piece of a text or a description around the words that were asked for, in its own letters."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from projections.words import normal

MARK = "**"
START, STOP = "\ue000", "\ue001"  # private letters: the normal form has none of them
HEADLINE_OPTIONS = f"StartSel={START}, StopSel={STOP}, MaxWords=30, MinWords=15, ShortWord=2"
STEM_CHARACTERS_MIN = 3

_WORD = re.compile(r"'(\w+)'")
_EITHER_YE = {"е": "её"}


def words_of(query: str) -> tuple[str, ...]:
    """Return the stems inside a query in PostgreSQL's own notation, without those that it excludes."""
    return tuple(dict.fromkeys(_WORD.findall(re.sub(r"!'\w+'", "", query))))


def plain_words(query: str) -> tuple[str, ...]:
    """Return the stems, each as a query, of a plain list of at least two words; empty for any other query."""
    words = tuple(dict.fromkeys(query.split(" & ")))
    return words if len(words) > 1 and all(_WORD.fullmatch(word) for word in words) else ()


def pattern_of(stems: Iterable[str]) -> str:
    """Return a PostgreSQL pattern of words that begin as the stems do, in any letters.

    A stem is nearly always the beginning of its word; its last letter may differ (study, studi).
    """
    return rf"\m({'|'.join(_beginning(stem) for stem in stems)})"


def may_hold(words: str, stems: Iterable[str]) -> bool:
    """Tell whether a word of this normal form may begin as one of the stems does; True when there is no stem."""
    beginnings = [_head(normal(stem)) for stem in stems]
    return bool(words) and (not beginnings or any(beginning in words for beginning in beginnings))


def marked(headline: str, original: str) -> str | None:
    """Return the piece of `original` that `headline` was cut from, its hits between marks; None without a hit.

    `headline` comes from the normal form of `original`, which has a character for each of its characters.
    """
    if START not in headline:
        return None
    parts = re.split(f"[{START}{STOP}]", headline)
    at = normal(original).find("".join(parts))
    if at < 0:
        return _joined(parts)
    ends = [at]
    for part in parts:
        ends.append(ends[-1] + len(part))
    return _joined([original[start:end] for start, end in pairwise(ends)])


def beginning(text: str, characters: int = 160) -> str:
    """Return the first words of `text` on one line."""
    line = " ".join(text[: characters + 1].split())
    return line if len(text) <= characters else f"{line.rpartition(' ')[0] or line}…"


def _joined(parts: Sequence[str]) -> str:
    # Every second part is a hit.
    text = "".join(f"{MARK}{part}{MARK}" if number % 2 else part for number, part in enumerate(parts))
    return " ".join(text.split())


def _beginning(stem: str) -> str:
    return "".join(_either(letter) for letter in _head(stem))


def _head(stem: str) -> str:
    # The last letter of a stem may differ from that of its word.
    return stem[: max(STEM_CHARACTERS_MIN, len(stem) - 1)]


def _either(letter: str) -> str:
    small = _EITHER_YE.get(letter, letter)
    return f"[{small}{small.upper()}]" if letter.isalpha() and len(small.upper()) == len(small) else letter
