"""Names that people, programs and attackers give to files, drawn by kind from chance."""

import random
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

BYTES_MAX = 255
LETTERS_MAX = 300

CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
RIGHT_TO_LEFT = "אבגדהוזחטיכלמנסעפצקרשתابتثجحخدذرزسشصضطظعغفقكلمنهويפֿ"
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
JOINED = (
    *(
        "👩\u200d👩\u200d👧\u200d👦",
        "🏳\ufe0f\u200d🌈",
        "👍🏽",
        "🇷🇺",
        "1\ufe0f\u20e3",
        "❤\ufe0f\u200d🔥",
        "🧑🏿\u200d🚀",
        "👍",
    ),
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
)
COMBINING = "\u0300\u0301\u0306\u0308\u0323\u0327\u0338\u034f\u0488\u05b8\u0651\u093f\u0e34\u20dd\ufe20"
COMPOSED = (
    "Ёлка",
    "йод",
    "café",
    "Ångström",
    "ﬁn",
    "Ǆ",
    "각",
    "한글",
    "ｆｕｌｌ",
    "²",
    "ſt",
    "İ",
    "ß",
    "\u1e9b\u0323",
    "\u2126",
)
FORMS: Sequence[Literal["NFC", "NFD", "NFKC", "NFKD"]] = ("NFC", "NFD", "NFKC", "NFKD")
CONTROLS = "\n\r\t\b\x1b\x7f\x85\u2028\u2029\x01\x1f\x9b"
CLIMBS = (
    *(
        "../",
        "..\\",
        "/",
        "\\",
        "%2e%2e%2f",
        "..%c0%af",
        "....//",
        "..;/",
        "./",
        "//",
        "~/",
        "C:\\",
        "\\\\?\\",
        "\\\\host\\",
    ),
    *(
        "file:///",
        "etc/passwd",
        "..",
        ".",
        "..\0/",
        "$HOME/",
        "`id`",
        "$(id)",
        "\u2025/",
        "\uff0e\uff0e\uff0f",
        "\u2215",
    ),
)
DEVICES = (
    *("CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "LPT9", "COM\u00b9", "CONIN$", "CONOUT$", "CLOCK$"),
    *("$MFT", "desktop.ini", "Thumbs.db", ".DS_Store", "lost+found", "Icon\r"),
)
TAKEN = (
    *("attr.json", "SHA256SUMS", "element.json", "element.lock", "README.txt", "MANIFEST", "journal", "staging"),
    *(
        "01a20f68-1234-7abc-8def-0123456789ab.v1.attr.json",
        "v1.attr.json",
        ".attr.json",
        "attr.json.tmp",
        "x.attr.json",
    ),
)
# A file system that compares without these takes a name with them for the one without.
IGNORED = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\ufe0f\u180e\u2064\U000e0061"
EXTENSIONS = ("", ".pdf", ".tar.gz", ".PDF", ".документ", ".p7m.sig", ".")
TRAPS = (
    *'/\\.:\0\n\t*?"<>|\x7f\x85\u2028\u202e\u2066\u200b\u200d\ufeff _~$',
    *("..", "../", "..\\", "👩\u200d👩\u200d👧", "е\u0308", "attr.json", "CON", "NUL.txt", ".", "%2e%2e%2f", "-rf"),
    *("עברית", "\U000e0041", "ё" * 130, "👍" * 70, "a" * 255, ".pdf", ".tar.gz", ". "),
)
RANGES = ((0x20, 0x7F), (0x400, 0x460), (0, 0x250), (0x590, 0x700), (0x4E00, 0x9FFF), (0xE000, 0x110000))


def soup(chance: random.Random) -> str:
    """Return a name of traps, of letters of some script, or of both."""
    first, last = chance.choice(RANGES)
    letters = [chr(chance.randrange(first, last)) for _ in range(chance.choice((0, 3, 20, LETTERS_MAX)))]
    traps = chance.choices(TRAPS, k=chance.choice((0, 1, 5, 30)))
    pieces = letters + traps
    chance.shuffle(pieces)
    return "".join(pieces)


def cyrillic(chance: random.Random) -> str:
    """Return a name of as many bytes as most file systems allow, or nearly, in letters of two bytes."""
    extension = chance.choice(EXTENSIONS)
    size = BYTES_MAX - chance.choice((0, 0, 0, 1, 2, 15)) - len(extension.encode())
    letters = "".join(chance.choices(CYRILLIC, k=size // 2))
    return letters + "a" * (size % 2) + extension


def joined(chance: random.Random) -> str:
    """Return pictures of several characters each, which a cut may not tear."""
    return _mixed(chance, JOINED, 30) + chance.choice(EXTENSIONS)


def right_to_left(chance: random.Random) -> str:
    """Return letters that run to the left, and marks that turn the direction round."""
    return _mixed(chance, (*RIGHT_TO_LEFT, *DIRECTIONS, *DIRECTIONS, "fdp.exe", "abc"), 90) + chance.choice(EXTENSIONS)


def combining(chance: random.Random) -> str:
    """Return letters with marks above and below, a few or dozens."""
    marks = chance.choice((1, 3, 40))
    return "".join(
        letter + "".join(chance.choices(COMBINING, k=chance.randint(0, marks)))
        for letter in chance.choices(CYRILLIC + RIGHT_TO_LEFT, k=chance.randint(1, 12))
    )


def twins(chance: random.Random) -> str:
    """Return a name in one of its normal forms: others of the same look come in the others."""
    return unicodedata.normalize(
        chance.choice(FORMS), " ".join(chance.choices(COMPOSED, k=2)) + chance.choice(EXTENSIONS)
    )


def climbing(chance: random.Random) -> str:
    """Return a path that would lead elsewhere."""
    return _mixed(chance, CLIMBS, 20)


def nul(chance: random.Random) -> str:
    """Return a name with NUL bytes in it."""
    return _mixed(chance, ("\0", "a", "ё", ".txt", "/", "\0.pdf"), 12) + "\0"


def control(chance: random.Random) -> str:
    """Return a name that does something to a terminal, a log or a header."""
    return _mixed(chance, (*CONTROLS, "\r\nSet-Cookie: a=b", "\x1b[2J", '"; filename="x', "%0d%0a", "ё", "a"), 20)


def device(chance: random.Random) -> str:
    """Return a name that some system keeps for itself."""
    name = chance.choice(DEVICES)
    name = chance.choice((name, name.lower(), name.title()))
    return name + chance.choice(("", ".txt", ".", " ", ":", ". .", "::$DATA", ".tar.gz", " .txt"))


def ends(chance: random.Random) -> str:
    """Return a name that begins or ends as not every system keeps it."""
    edges = (".", " ", "\u00a0", "\u3000", "-", "~", "\u200d", "\ufeff")
    middle = _mixed(chance, ("ё", "a", " ", "."), chance.choice((0, 3, 200)))
    return _mixed(chance, edges, 5) + middle + _mixed(chance, edges, 5)


def extension(chance: random.Random) -> str:
    """Return a name whose extension is longer than what it extends."""
    letters = "".join(chance.choices(CYRILLIC + "abc", k=chance.choice((14, 15, 31, 32, 100, 300))))
    return chance.choice(("", "a", "отчёт", "ё" * 120)) + "." * chance.choice((1, 1, 2)) + letters


def taken(chance: random.Random) -> str:
    """Return a name that is another file's, or is taken for it where letters and marks are not told apart."""
    name = chance.choice((*TAKEN, *("attr.json",) * 10))
    changes: Sequence[Callable[[str], str]] = (
        str.upper,
        str.title,
        lambda text: text.replace("s", "\u017f"),
        lambda text: "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text),
        lambda text: _strewn(chance, text),
        lambda text: _strewn(chance, text.upper()),
        lambda text: text,
    )
    return chance.choice(changes)(name)


def half_a_character(chance: random.Random) -> str:
    """Return a name that is no text: half of a pair stands alone in it."""
    whole = chance.choice(tuple(KINDS.values()))(chance)[:40]
    place = chance.randint(0, len(whole))
    return whole[:place] + chr(chance.randrange(0xD800, 0xE000)) + whole[place:]


KINDS: Mapping[str, Callable[[random.Random], str]] = {
    "255 bytes of Cyrillic": cyrillic,
    "joined emoji": joined,
    "right to left": right_to_left,
    "combining": combining,
    "normal forms": twins,
    "climbing": climbing,
    "NUL": nul,
    "controls": control,
    "devices": device,
    "beginnings and ends": ends,
    "long extensions": extension,
    "names that are taken": taken,
    "soup": soup,
}


def draw(seed: int, first: int, count: int) -> list[tuple[str, str]]:
    """Return kinds and names, one of each kind in turn; each is drawn from the seed and its number alone."""
    kinds = list(KINDS.items())
    drawn = []
    for number in range(first, first + count):
        kind, name = kinds[number % len(kinds)]
        drawn.append((kind, name(random.Random(f"{seed} {number}"))))  # noqa: S311 - a seed, not a secret
    return drawn


def _mixed(chance: random.Random, pieces: Sequence[str], most: int) -> str:
    return "".join(chance.choices(pieces, k=chance.randint(0, most)))


def _strewn(chance: random.Random, text: str) -> str:
    """Return the text with marks between its letters that nobody sees."""
    places = {chance.randint(0, len(text)) for _ in range(chance.randint(1, 3))}
    pieces = [chance.choice(IGNORED) + letter if place in places else letter for place, letter in enumerate(text)]
    return "".join(pieces) + (chance.choice(IGNORED) if len(text) in places else "")
