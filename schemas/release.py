"""Releasing schemas: compare the classes with the committed `.avsc` files and write those that are new."""

import json
from pathlib import Path

from schemas.avro import render
from schemas.registry import MESSAGES, newest_ids, released


def unreleased() -> dict[str, str]:
    """Return type -> schema text for each class whose schema differs from its newest committed one."""
    newest = newest_ids()
    changed = {}
    for model in MESSAGES:
        schema = json.loads(json.dumps(render(model)))
        if released().get(newest.get(model.type_name(), 0)) != schema:
            changed[model.type_name()] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    return changed


def release(folder: Path) -> list[str]:
    """Write each unreleased schema under the next free id; return the names of the files made."""
    number = max(released(), default=0)
    made = []
    for type_name, text in unreleased().items():
        number += 1
        name = f"{number}.{type_name}.avsc"
        (folder / name).write_text(text, encoding="utf-8")
        made.append(name)
    return made
