"""Command `account add`: the password is printed once, and never lost with an account that may yet come about."""

import json

from tests.unit.cli.archive_double import Command, World


def test_an_account_is_made_and_its_password_printed_once(artstore: Command, world: World) -> None:
    result = artstore("account", "add", "anna", "--role", "editor", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    (asked,) = world.accounts.values()
    assert (told["login"], told["role"], told["password"]) == ("anna", "editor", asked.password)
    assert asked.full_name == "anna"


def test_a_login_of_the_wrong_form_is_a_sentence_and_code_one(artstore: Command, world: World) -> None:
    result = artstore("account", "add", "anna smith", "--role", "editor")
    assert (result.exit_code, world.accounts) == (1, {})
    assert "/login" in result.stderr


def test_an_unknown_role_is_wrong_usage(artstore: Command) -> None:
    assert artstore("account", "add", "anna", "--role", "owner").exit_code == 2


def test_what_the_archive_refuses_is_told_as_it_says(artstore: Command, world: World) -> None:
    world.account_ends_as = "failed"
    result = artstore("account", "add", "anna", "--role", "editor", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert '"unsigned_request"' in result.stderr


def test_the_password_of_an_account_that_may_yet_come_about_is_not_lost(artstore: Command, world: World) -> None:
    world.account_ends_as = "running"
    result = artstore("account", "add", "anna", "--role", "editor")
    (asked,) = world.accounts.values()
    assert result.exit_code == 1
    assert asked.password in result.stderr
