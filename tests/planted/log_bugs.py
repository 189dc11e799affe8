"""The planted bugs about a log that is not what it was: cut off, made anew, or full of what strangers wrote."""

from tests.planted.planting import Bug

FOLD = "tests/unit/stream_processors/test_fold.py"
RECORDS = "tests/unit/runtime/test_kafka_records.py"
RETELLING = "tests/unit/storage_agent/test_retelling.py"

LOG_BUGS = (
    Bug(
        "an acknowledgement believed for ever",
        "What the log acknowledged and lost since is not told again: no view ever hears of those documents.",
        "storage_agent/retelling.py",
        "        if not lost:\n            return\n",
        "        if lost is not None:\n            return\n",
        (
            f"{RETELLING}::test_a_log_that_lost_its_end_is_told_everything_again_and_only_once",
            f"{RETELLING}::test_a_log_made_anew_in_which_another_event_stands_in_that_place_has_lost_it",
            "tests/integration/test_lost_tail.py::test_an_agent_alone_tells_a_log_that_was_cut_what_it_has_lost",
        ),
    ),
    Bug(
        "another event in its place",
        "A log made anew has some event where the last acknowledged one stood, and is believed to have that one.",
        "storage_agent/retelling.py",
        "    return bool(record.offset == landed.offset) and event_id == landed.event_id\n",
        "    return bool(record.offset == landed.offset) and bool(event_id)\n",
        (f"{RETELLING}::test_on_kafka_the_one_record_in_each_place_is_read",),
    ),
    Bug(
        "a newer release's event skipped",
        "Sagas are decided without what a newer release has done with them.",
        "stream_processors/fold.py",
        "            if isinstance(error, UnknownSchema) and claims_to_be_ours(record):\n",
        "            if isinstance(error, NotImplementedError):\n",
        (f"{FOLD}::test_a_record_that_a_newer_release_wrote_stops_the_processor_which_says_where_it_stands",),
    ),
    Bug(
        "a stranger stops all sagas",
        "Five bytes on the saga topic, and no saga is decided any more.",
        "stream_processors/fold.py",
        "            if isinstance(error, UnknownSchema) and claims_to_be_ours(record):\n",
        "            if isinstance(error, UnknownSchema):\n",
        (f"{FOLD}::test_a_strangers_record_of_an_unknown_schema_becomes_a_dead_letter_and_stops_nothing",),
    ),
    Bug(
        "a dead letter too large",
        "A record that no dead letter has room for is tried again for ever, and nothing behind it is read.",
        "schemas/dead_letters.py",
        "    kept_value = value[: LETTER_BYTES_MAX - len(kept_key)]\n",
        "    kept_value = value\n",
        (
            (
                "tests/unit/schemas/test_dead_letters.py::"
                "test_a_letter_that_would_be_larger_than_its_topic_allows_is_cut_and_says_so"
            ),
        ),
    ),
    Bug(
        "a header's name stops a reader",
        "A record whose header is named by bytes that are no text is met again at every start.",
        "infra/runtime/kafka_records.py",
        "        except UnicodeDecodeError:\n",
        "        except NotImplementedError:\n",
        ("tests/unit/runtime/test_kafka_records.py::test_a_header_name_of_any_bytes_hides_no_record",),
    ),
    Bug(
        "a batch that vanishes",
        "What is too large to be unpacked is passed over, and nobody is ever told.",
        "infra/runtime/kafka_records.py",
        "            yield self._unread(count)\n            return\n",
        "            return\n",
        (
            f"{RECORDS}::test_a_batch_that_unpacks_beyond_the_bound_is_one_record_that_says_so_and_hides_no_other",
            f"{RECORDS}::test_a_batch_of_more_records_than_any_reader_holds_is_one_that_says_so",
        ),
    ),
)
