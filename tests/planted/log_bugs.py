"""The planted bugs about a log that is not what it was: cut off, made anew, or full of what strangers wrote."""

from tests.planted.planting import Bug

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
)
