"""Secrets taken out of what is told: of log lines and of span attributes, by key and inside text."""

import functools
import re
from collections.abc import Mapping

MASK = "***"

_SECRET_KEY = re.compile(r"password|secret|token|authorization|ticket|private", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\w://[^\s/:@]*:)[^\s/@]+@")
# No text that is shorter holds a bearer token: `Basic`, a space, eight letters.
BEARER_LETTERS_MIN = 14
# Keys are names in the code, and few.
KEYS_KEPT = 1024

_PARAMETER = re.compile(r"\b(\w*(?:password|secret|token|authorization|ticket|private)\w*=)[^&\s\"']+", re.IGNORECASE)


def redacted(key: str, value: object) -> object:
    """`value` as it may be told under `key`: masked under a secret's name, else with secrets cut out of its text.

    Counts and flags (`token_count: 3`) stay: a number or a truth value is no secret.
    """
    if value is None or isinstance(value, int | float):
        return value
    if _is_secret(key):
        return MASK
    return redacted_text(value) if isinstance(value, str) else _inside(value)


def redacted_text(text: str) -> str:
    """`text` without bearer tokens, passwords in addresses, and secret parameters of a query."""
    # Every value of every line comes by here, and few hold what a pattern cannot do without: a bearer, two words.
    if len(text) >= BEARER_LETTERS_MIN and len(text.split(None, 1)) > 1:
        text = _BEARER.sub(rf"\1 {MASK}", text)
    if "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    return _PARAMETER.sub(rf"\1{MASK}", text) if "=" in text else text


@functools.lru_cache(KEYS_KEPT)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _inside(value: object) -> object:
    match value:
        case str():
            return redacted_text(value)
        case Mapping():
            return {key: redacted(str(key), item) for key, item in value.items()}
        case list() | tuple():
            return [_inside(item) for item in value]
        case _:
            return value
