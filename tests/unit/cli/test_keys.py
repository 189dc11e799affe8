"""Commands `keys` and `keys retire`: what is in use, what is retired, and the one in use only when it is meant."""

import json

from tests.unit.cli.archive_double import Command, World


def test_keys_are_listed_with_what_is_in_use_and_what_is_retired(artstore: Command) -> None:
    assert artstore("keys", "retire", "old").exit_code == 0
    lines = artstore("keys").stdout.splitlines()
    assert [(line.split()[0], line.split("  ")[2].split()[0]) for line in lines] == [("new", "in"), ("old", "retired")]
    told = json.loads(artstore("keys", "--json").stdout)
    assert [(key["kid"], key["in_use"], key["retired_at"] is None) for key in told] == [
        ("new", True, True),
        ("old", False, False),
    ]


def test_the_key_in_use_is_retired_only_when_that_is_meant(artstore: Command, world: World) -> None:
    refused = artstore("keys", "retire", "new")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "signs now" in refused.stderr
    assert world.keys["new"].retired_at is None
    assert artstore("keys", "retire", "new", "--replace").exit_code == 0
    assert world.keys["new"].retired_at is not None


def test_a_key_that_nobody_knows_is_a_sentence_and_code_one(artstore: Command) -> None:
    refused = artstore("keys", "retire", "other", "--json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert '"not_found"' in refused.stderr
