"""A library that repeats itself is heard once per interval, and what was left out is counted."""

import logging

from infra.runtime.repeats import INTERVAL_SECONDS, Repeats


def a_record(name: str = "aiokafka.conn", message: str = "no broker at %s", *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, values, None)


def test_the_same_line_passes_once_per_interval_and_then_says_how_many_were_left_out() -> None:
    moments = iter([0.0, 1.0, 2.0, INTERVAL_SECONDS + 0.1])
    repeats = Repeats(("aiokafka",), lambda: next(moments))
    records = [a_record("aiokafka.conn", "no broker at %s", n) for n in range(4)]
    assert [repeats.filter(record) for record in records] == [True, False, False, True]
    assert vars(records[3])["left_out"] == 2


def test_other_lines_and_our_own_always_pass() -> None:
    repeats = Repeats(("aiokafka",), lambda: 0.0)
    assert repeats.filter(a_record(message="one"))
    assert repeats.filter(a_record(message="another"))
    assert repeats.filter(a_record(name="aiokafka.other", message="one"))
    assert all(repeats.filter(a_record(name="artstore.agent", message="ours")) for _ in range(3))
