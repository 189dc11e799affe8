"""The rules of the house, as tests: sizes, sentences, names, reachability, one writer per topic."""

import ast
import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from schemas.topics import BY_NAME, TOPICS

ROOT = Path(__file__).parent.parent
ROOMS = ("schemas", "producers", "stream_processors", "projections", "api_gateway", "storage_agent", "infra")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
BANNED_NAMES = {"utils", "core", "common", "helpers", "manager", "base", "misc"}
# The one place of each process that may catch everything: its supervisor, and Faust's one guarded handler.
# The two supervisors; and the gate hands whatever a question to the disk ended with to who asked it.
BROAD_EXCEPT_ALLOWED = {
    "infra/runtime/lifecycle.py",
    "stream_processors/runtime/guard.py",
    "storage_agent/gate.py",
}
# Programs that are started by name rather than imported.
ENTRY_POINTS = {
    "infra.cli.app",
    "api_gateway.app",
    "storage_agent.app",
    "storage_agent.hatchery",
    "stream_processors.app",
    "projections.app",
    "projections.loaders",
    "api_gateway.openapi",
    "infra.stack.tether",
    "infra.stack.resolve_jars",
    "schemas.release",
    "schemas.json_schemas",
    "producers.integrator",
}
TEXT_SUFFIXES = {".py", ".ts", ".mjs", ".html", ".scss", ".md", ".toml", ".lock", ".json", ".sql", ".avsc", ""}
CACHES = {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "__pycache__"}
NOT_OURS = CACHES | {".git", ".venv", ".artstore", "node_modules", ".angular", "dist"}
# In two pieces each, so that this file does not name them itself.
NEEDLES = (
    ("pypi", ".org"),
    ("files.python", "hosted"),
    ("maven", ".org"),
    ("npmjs", "."),
    ("deb.", "debian"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
)


def product_files() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def all_files() -> list[Path]:
    return product_files() + sorted((ROOT / "tests").rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Facts:
    """What the rules ask about one file. Trees are not kept: there are hundreds of them, and each is large."""

    lines: int
    docstring: str
    begins_with_it: bool
    functions: Mapping[str, int]
    classes: Sequence[str]
    has_global: bool
    catches_everything: bool
    imports: Sequence[str]


@functools.cache
def facts_of(path: Path) -> Facts:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return Facts(
        lines=len(text.splitlines()),
        docstring=ast.get_docstring(tree) or "",
        begins_with_it=text.startswith('"""'),
        functions={f"{node.name}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1 for node in functions},
        classes=[node.name for node in nodes if isinstance(node, ast.ClassDef)],
        has_global=any(isinstance(node, ast.Global) for node in nodes),
        catches_everything=any(_is_broad(node) for node in nodes if isinstance(node, ast.ExceptHandler)),
        imports=list(_imports(nodes)),
    )


def _is_broad(handler: ast.ExceptHandler) -> bool:
    names = ast.walk(handler.type) if handler.type else ()
    return handler.type is None or any(
        isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"} for n in names
    )


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {relative(path): facts_of(path).lines for path in all_files()}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_fifty_lines() -> None:
    long = {
        f"{relative(path)}:{function}": length
        for path in all_files()
        for function, length in facts_of(path).functions.items()
        if length > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_every_module_begins_with_one_sentence_that_says_what_it_is_for() -> None:
    silent = []
    for path in all_files():
        facts = facts_of(path)
        if not facts.docstring.splitlines() or not facts.begins_with_it:
            silent.append(relative(path))
    assert silent == []


def test_nothing_is_called_utils_or_service() -> None:
    bad = [relative(path) for path in all_files() if BANNED_NAMES & {path.stem, *path.relative_to(ROOT).parts}]
    classes = [
        f"{relative(path)}:{name}"
        for path in all_files()
        for name in facts_of(path).classes
        if re.search(r"(Service|Manager|Helper|Utils)$", name)
    ]
    assert bad + classes == []


def test_no_function_writes_a_global() -> None:
    assert [relative(path) for path in all_files() if facts_of(path).has_global] == []


def test_only_supervisors_catch_everything() -> None:
    broad = {relative(path) for path in product_files() if facts_of(path).catches_everything}
    assert broad - BROAD_EXCEPT_ALLOWED == set()


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_module_is_reached_from_an_entry_point() -> None:
    paths = {_module_name(path): path for path in product_files()}
    waiting, seen = [name for name in ENTRY_POINTS if name in paths], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        parents = [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]
        waiting += [found for found in (*facts_of(paths[name]).imports, *parents) if found in paths]
    assert sorted(set(paths) - seen) == []


@pytest.mark.parametrize("name", [_module_name(path) for path in product_files()])
def test_importing_a_module_works_and_does_nothing_else(name: str) -> None:
    import_module(name)


def test_the_rooms_names_are_ours_alone() -> None:
    others = packages_distributions()
    assert {name for room in ROOMS for name in others.get(room, ["artstore"])} == {"artstore"}


def test_every_topic_has_a_writer_and_a_dead_letter_topic_for_what_its_readers_give_up() -> None:
    assert all(topic.writers for topic in TOPICS)
    assert [t.name for t in TOPICS if not t.name.endswith(".dlq.v1") and f"{t.name}.dlq.v1" not in BY_NAME] == []


def test_the_files_that_the_architecture_names_exist() -> None:
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    needles = [f"{a}{b}" for a, b in NEEDLES]
    found = [
        f"{relative(path)}: {needle}"
        for path in _texts()
        for needle in needles
        if needle in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert found == []


def _texts() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        # What is not ours is not even looked into: it is many times as much.
        folders[:] = [name for name in folders if name not in NOT_OURS]
        paths = (Path(folder, name) for name in names if name not in NOT_OURS)
        yield from (path for path in paths if path.suffix in TEXT_SUFFIXES and path.is_file())
