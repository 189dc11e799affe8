"""The figures of the data plane for people: a table for each README, made of what a run has written.

python -m tests.benchmarks.readme FILE
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.downloading import PER_SECOND, RATE
from tests.benchmarks.figures import RAW
from tests.benchmarks.ground import Sizes
from tests.benchmarks.ingest import CPU as CPU_OF_SMALL
from tests.benchmarks.ingest import P99
from tests.benchmarks.uploading import CPU as CPU_OF_LARGE
from tests.benchmarks.uploading import IN_PLACE, RECEIPT
from tests.benchmarks.whole_path import OURS

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- bytes -->\n", "<!-- /bytes -->\n"
FIGURES = (RECEIPT, IN_PLACE, RATE, PER_SECOND, P99, CPU_OF_LARGE, CPU_OF_SMALL)


@dataclass(frozen=True)
class Language:
    """Words of a README, and how it writes numbers."""

    file: str
    head: str
    intro: str
    words: Mapping[str, str]
    numbers: Mapping[int, int]

    def said(self, text: str) -> str:
        for known, word in self.words.items():
            text = text.replace(known, word)
        return text

    def number(self, value: float) -> str:
        text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        return text.translate(self.numbers)


ENGLISH = Language(
    file="README.md",
    head="| what | ArtStore | beside it |",
    intro=(
        "Bytes, straight at the agent, by `make bench ARGS='{arguments}'`: uploads until they are in place and synced,"
        " in brackets until the receipt; then the processor time of the server ([all lines]({file})):"
    ),
    words={
        "1 connections": "1 connection",
        RAW: "raw receiver",
        "ours, passed on": "nginx passing on the agent's bytes",
    },
    numbers={},
)
RUSSIAN = Language(
    file="README.ru.md",
    head="| что | ArtStore | рядом |",
    intro=(
        "Байты, прямо у агента, `make bench ARGS='{arguments}'`: загрузка, пока документ не лежит на месте и не"
        " синхронизирован, в скобках до квитанции; затем время процессора сервера ([все строки]({file})):"
    ),
    words={
        "upload ": "загрузка ",
        "download ": "скачивание ",
        "read by link": "чтение по ссылке",
        "read by ticket in the header": "чтение с билетом в заголовке",
        "first read": "первое чтение",
        "read again": "повторное чтение",
        " by Range of ": " по Range из ",
        "one PUT": "одним PUT",
        "PATCHes of": "PATCH по",
        "parallel parts": "параллельные части",
        "over TLS": "по TLS",
        "ours, passed on": "сквозь nginx",
        "1 connections": "1 соединение",
        "4 connections": "4 соединения",
        "32 connections": "32 соединения",
        "connections": "соединений",
        " of ": " из ",
        "files": "файлов",
        "MiB": "МиБ",
        "KiB": "КиБ",
        " MB": " МБ",
        "per second": "в секунду",
        " s per GiB": " с на ГиБ",
        " s per 1000": " с на 1000",
        "not on this machine": "нет на этой машине",
        "raw": "сырой приёмник",
        " ms": " мс",
        "/s": "/с",
    },
    numbers={ord(","): ord(" "), ord("."): ord(",")},
)


def block(told: Mapping[str, Any], file: str, language: Language) -> str:
    """Return the text between the two marks: a sentence and a table, a row for each case of the data plane."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for line in told["lines"]:
        if line["what"] in FIGURES and line["case"].startswith(("upload ", "download ", "read ")):
            figures.setdefault(line["case"], {}).setdefault(line["who"], {})[line["what"]] = line["median"]
    rows = [_row(case, who, told["absent"], language) for case, who in figures.items() if OURS in who]
    usual = vars(Sizes())
    sizes = (f"--{name.replace('_', '-')} {size}" for name, size in told["sizes"].items() if size != usual[name])
    arguments = " ".join((f"--rounds {told['rounds']}", *sizes))
    arguments += " --seaweedfs" if told["seaweedfs"] else ""
    arguments += f' --only "{told["only"]}"' if told["only"] else ""
    return "\n".join(
        [language.intro.format(arguments=arguments, file=file), "", language.head, "|---|---|---|", *rows, ""]
    )


def _row(case: str, figures: Mapping[str, Mapping[str, float]], absent: Sequence[str], language: Language) -> str:
    others = [who for who in (RAW, *sorted(set(figures) - {OURS, RAW})) if who in figures]
    # The raw peer of a download is nginx.
    names = {RAW: RAW if case.startswith("upload ") else "nginx"}
    beside = [f"{language.said(names.get(who, who))} {_figures(figures[who], language)}" for who in others]
    gone = [each.removeprefix(f"{case}: ") for each in absent if each.startswith(f"{case}: ")]
    beside += [language.said(each.replace(": ", " ", 1)) for each in gone]
    return f"| {language.said(case)} | {_figures(figures[OURS], language)} | {'; '.join(beside)} |"


def _figures(values: Mapping[str, float], language: Language) -> str:
    def told(what: str) -> str:
        return language.number(values[what])

    if IN_PLACE in values:
        said = f"{told(IN_PLACE)} ({told(RECEIPT)}) MiB/s, {told(CPU_OF_LARGE)} s per GiB"
    elif RATE in values:
        said = f"{told(RATE)} MiB/s, {told(CPU_OF_LARGE)} s per GiB"
    else:
        said = f"{told(PER_SECOND)} per second, p99 {told(P99)} ms, {told(CPU_OF_SMALL)} s per 1000"
    return language.said(said)


def main(file: Path) -> None:
    """Write both tables in their places."""
    told = json.loads(file.read_text(encoding="utf-8"))
    for language in (ENGLISH, RUSSIAN):
        path = ROOT / language.file
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        _, mark, after = rest.partition(END)
        assert mark, f"{language.file} has no place for the table"
        name = file.resolve().relative_to(ROOT).as_posix()
        path.write_text(f"{before}{BEGIN}{block(told, name, language)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
