"""Words as they are indexed and asked for: one normal form on both sides, equal in length to what it came from."""

import re
import unicodedata

QUERY_CHARACTERS_MAX = 500
CONFIGURATION = "pg_catalog.russian"  # it stems words in Latin letters as English ones

# The stemmer takes the end of these nouns for that of a reflexive verb: опись, рукопись, летопись, подпись would be
# other words than описи, рукописи. An archive cannot do without them, so they enter it in the form that it knows.
_DEED = re.compile(r"пись\b")
_NOT_A_WORD = re.compile(r"[\W_]")
_NOT_A_QUERY = re.compile(r'(?<![\s"])-|-(?![\w"])|[^\w"-]|_')


def composed(text: str) -> str:
    """Return `text` with letters and their accents in one (NFC), as people type them."""
    return unicodedata.normalize("NFC", text)


def normal(text: str) -> str:
    """Return the words of `text` in small letters, ё as е, all else as spaces: one character for each character.

    The letters are folded here and not by the database, whose own idea of a letter depends on how it was created.
    """
    return _folded(_NOT_A_WORD.sub(" ", text))


def normal_query(text: str) -> str:
    """Return what was asked in the same form; quoted phrases, `or` and a leading minus keep their meaning."""
    head = composed(text[: 2 * QUERY_CHARACTERS_MAX].replace("\0", " "))[:QUERY_CHARACTERS_MAX]
    asked = _NOT_A_QUERY.sub(" ", f" {head} ").encode("utf-8", "replace").decode()
    return " ".join(_folded(asked).split())


def _folded(text: str) -> str:
    small = _small(text).replace("ё", "е")
    return _DEED.sub("писи", small) if "пись" in small else small


def _small(text: str) -> str:
    small = text.lower()
    if len(small) == len(text):
        return small
    # A few letters become two when they are made small; they stay as they are.
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
