"""Text or not, and in which encoding: pure rules; Russian 8-bit encodings are told apart by their letters."""

import codecs
import re
from itertools import pairwise

from charset_normalizer import from_bytes

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CYRILLIC_ENCODINGS = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
# The most frequent pairs of letters in Russian prose: together about two of five pairs that a text consists of.
_PAIRS = (
    "ст но то на ен ни ра во ко ро го по ал пр ре ов не ли ос ть ер от ол ет ва ор та ел ом ан ло ри ве "
    "ле де ка ла ти те да ме до ль ес за об ит ин ог ой ск ая ий ия ие ам ат му ми мо ки ил ыл вс со се "
    "бы чт эт"
)
CYRILLIC_PAIRS = frozenset(_PAIRS.split(" "))
PAIRS_SHARE_MIN = 0.2
SAMPLE_BYTES = 64 * 1024
ASCII_END = 0x80
_CYRILLIC_WORD = re.compile("[\u0400-\u045f]+")

_ALLOWED_CONTROLS = frozenset(b"\t\n\x0b\x0c\r\x1b")
_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in _ALLOWED_CONTROLS)
# Letters of the 8-bit encodings in use stand almost all in the upper quarter; Ё and ё stand apart.
_PLAUSIBLE = bytes({*_ALLOWED_CONTROLS, *range(0x20, 0x7F), *range(0xC0, 0x100), 0xA8, 0xB8, 0xA3, 0xB3})
PLAUSIBLE_SHARE_MIN = 0.85
FAMILIAR_SHARE_MIN = 0.9


def is_text(head: bytes, *, cut: bool) -> bool:
    """Tell whether `head` is text in UTF-8, UTF-16, UTF-32 or an 8-bit encoding; `cut`: more bytes follow it."""
    return unicode_encoding(head, cut=cut) is not None or is_eight_bit_text(head)


def decode(data: bytes, *, cut: bool) -> str | None:
    """Return the text in `data` without its byte order mark, or None when no encoding fits; `cut` as in `is_text`."""
    encoding = unicode_encoding(data, cut=cut)
    if encoding is not None:
        return decoded(data, encoding, cut=cut)
    if any(data.count(code) for code in _CONTROLS):
        return None
    sample = data[:SAMPLE_BYTES]
    encoding = _cyrillic(sample) or _guessed(sample)
    return data.decode(encoding, "replace") if encoding else None


def unicode_encoding(data: bytes, *, cut: bool) -> str | None:
    """Return the name of the Unicode encoding that `data` is in, by its mark or by its form, or None."""
    marked = next((name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked is not None:
        return marked if decoded(data, marked, cut=cut) is not None else None
    if not any(data.count(code) for code in _CONTROLS) and decoded(data, "utf-8", cut=cut) is not None:
        return "utf-8"
    return next((name for name in ("utf-16-le", "utf-16-be") if _is_familiar(decoded(data, name, cut=cut))), None)


def is_eight_bit_text(data: bytes) -> bool:
    """Tell whether `data` has no control characters and almost only bytes that letters have in 8-bit encodings."""
    if any(data.count(code) for code in _CONTROLS):
        return False
    plausible = len(data) - len(data.translate(None, _PLAUSIBLE))
    return plausible >= PLAUSIBLE_SHARE_MIN * len(data)


def decoded(data: bytes, encoding: str, *, cut: bool) -> str | None:
    """Decode strictly, or return None; when `cut`, a character torn at the end is left out."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final=not cut)
    except UnicodeDecodeError:
        return None


def _is_familiar(text: str | None) -> bool:
    """UTF-16 without a mark decodes almost anything, so nearly all of it has to be Latin or Cyrillic."""
    if not text:
        return False
    familiar = sum(char in "\t\n\r" or " " <= char < "\u0180" or "\u0400" <= char < "\u0460" for char in text)
    return "\x00" not in text and familiar >= FAMILIAR_SHARE_MIN * len(text)


def _cyrillic(sample: bytes) -> str | None:
    """Return the Cyrillic encoding in which `sample` has the most frequent pairs, or None when it has few in all."""
    pairs = sum(left >= ASCII_END and right >= ASCII_END for left, right in pairwise(sample))
    hits, name = max(((_hits(sample.decode(name, "replace")), name) for name in CYRILLIC_ENCODINGS), key=_first)
    return name if pairs and hits >= PAIRS_SHARE_MIN * pairs else None


def _first(score: tuple[int, str]) -> int:
    return score[0]


def _hits(text: str) -> int:
    """Count frequent pairs of letters; a word in mixed case is how one encoding looks when it is read as another."""
    hits = 0
    for word in _CYRILLIC_WORD.findall(text):
        tail = word[1:]
        if word.isupper() or not tail or tail.islower():
            hits += sum(left + right in CYRILLIC_PAIRS for left, right in pairwise(word.lower()))
        else:
            hits -= 1
    return hits


def _guessed(sample: bytes) -> str | None:
    best = from_bytes(sample).best()
    return best.encoding if best is not None else None
