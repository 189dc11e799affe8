"""Dead letters: what was given up, whole as long as a letter has room for it, and headers of any bytes."""

import pytest

from schemas.dead_letters import dead_letter, text_headers
from schemas.errors import UndecodableRecord
from schemas.topics import BY_NAME, SAGA_INBOX, dead_letters
from tests.unit.stream_processors.doubles import Raw

GIVEN_UP = UndecodableRecord("No frame.")
LIMIT = int(BY_NAME[dead_letters(SAGA_INBOX)].config["max.message.bytes"])


def test_a_letter_holds_the_record_and_says_who_gave_it_up_where_and_why() -> None:
    record = Raw(SAGA_INBOX, 3, 7, b"k", b"rubbish", (("dl_cause", b"forged"), ("from", b"me")))
    letter = dead_letter(record, GIVEN_UP, "us")
    assert (letter.topic, letter.key, letter.value) == (dead_letters(SAGA_INBOX), b"k", b"rubbish")
    assert letter.headers == {
        "from": "me",
        "dl_cause": "undecodable_record",
        "dl_detail": "No frame.",
        "dl_group": "us",
        "dl_source_topic": SAGA_INBOX,
        "dl_source_partition": "3",
        "dl_source_offset": "7",
        "dl_is_cut": "False",
    }


@pytest.mark.parametrize(
    "record",
    [
        Raw(SAGA_INBOX, 0, 0, b"k", b"v" * 50_000_000),
        Raw(SAGA_INBOX, 0, 0, b"k" * 50_000_000, b"v"),
        Raw(SAGA_INBOX, 0, 0, b"k", b"v", (("h", b"\xff" * 1_000_000), ("i", b"1"))),
        Raw(SAGA_INBOX, 0, 0, b"k", b"v", [(f"{n}", b"") for n in range(1_000_000)]),
    ],
    ids=["value", "key", "a header that grows as text", "many headers"],
)
def test_a_letter_that_would_be_larger_than_its_topic_allows_is_cut_and_says_so(record: Raw) -> None:
    letter = dead_letter(record, GIVEN_UP, "us")
    size = sum(len(name.encode()) + len(value.encode()) + 16 for name, value in letter.headers.items())
    assert len(letter.key) + len(letter.value) + size < LIMIT
    assert (letter.headers["dl_is_cut"], letter.headers["dl_source_offset"]) == ("True", "0")


def test_the_largest_record_that_a_topic_takes_is_kept_whole() -> None:
    largest = int(BY_NAME[SAGA_INBOX].config["max.message.bytes"])
    letter = dead_letter(Raw(SAGA_INBOX, 0, 0, b"k", b"v" * largest), GIVEN_UP, "us")
    assert (len(letter.value), letter.headers["dl_is_cut"]) == (largest, "False")


def test_headers_of_any_bytes_are_text_that_a_database_takes() -> None:
    assert text_headers([("a", b"\xff"), ("b\0", b"\0"), ("c", None)]) == {"a": "\ufffd", "b\ufffd": "\ufffd", "c": ""}
