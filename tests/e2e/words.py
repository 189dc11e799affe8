"""What the interface says, out of its own dictionaries: tests name sentences by key, in either language."""

import re
from collections.abc import Mapping
from pathlib import Path

DICTIONARIES = Path(__file__).parents[2] / "ui" / "src" / "app" / "language"
FILES = {"en": "english.ts", "ru": "russian.ts"}
ENTRY = re.compile(r"^  '([\w.]+)':\s*'((?:[^'\\]|\\.)*)',$", re.MULTILINE)


def said(language: str, key: str) -> str:
    """Return the sentence, as far as it is the same for everybody: before the first thing that is put into it."""
    return _dictionary(language)[key].split("{")[0].strip()


def _dictionary(language: str) -> Mapping[str, str]:
    text = (DICTIONARIES / FILES[language]).read_text(encoding="utf-8")
    return dict(ENTRY.findall(text))
