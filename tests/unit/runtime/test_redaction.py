"""No secret is told: by its key, inside a text, or deep inside a value."""

import pytest

from infra.runtime.redaction import MASK, redacted, redacted_text


@pytest.mark.parametrize("key", ["password", "client_secret", "access_token", "Authorization", "ticket", "private_key"])
def test_a_value_under_a_secrets_name_is_masked(key: str) -> None:
    assert redacted(key, "abc") == MASK


def test_numbers_flags_and_nothing_stay_under_any_name() -> None:
    assert redacted("access_token_seconds", 900) == 900
    assert redacted("has_password", True) is True  # noqa: FBT003 - the value that a log line carries
    assert redacted("ticket", None) is None


def test_secrets_deep_inside_are_masked() -> None:
    told = redacted("request", {"login": "anna", "body": [{"password": "x"}, "redis://:pw@h:1/0"]})
    assert told == {"login": "anna", "body": [{"password": MASK}, "redis://:***@h:1/0"]}


def test_a_bearer_token_inside_a_text_is_masked() -> None:
    assert redacted_text("sent Authorization: Bearer eyJhbGciOi.J9.x-_y") == "sent Authorization: Bearer ***"


def test_a_ticket_in_a_query_is_masked_and_the_rest_stays() -> None:
    url = "http://h:1/documents/5?range=1&ticket=eyJ.abc.def&x=2"
    assert redacted_text(url) == "http://h:1/documents/5?range=1&ticket=***&x=2"


def test_a_password_in_an_address_is_masked() -> None:
    assert (
        redacted_text("cannot reach postgresql://user:p4ss@h:5432/db") == "cannot reach postgresql://user:***@h:5432/db"
    )


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Договор № 5: basic access, see https://h/a?b=c"
    assert redacted_text(text) == text
