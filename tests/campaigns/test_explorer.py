"""A slice of the explorer: workloads of two verbs, every legal state of the disk at every moment, no promise broken."""

import pytest

from tests.campaigns.explorer import Going, Part, parts
from tests.campaigns.exploring import Explorer, Tally
from tests.campaigns.workloads import Verb, Word, words

# Without anybody else on the machine each takes less than half a minute.
pytestmark = pytest.mark.timeout(400)
SHORT = tuple(word for length in (0, 1) for word in words(length))
SEED = 4
DRAWN = 12


def wrong_in(tally: Tally) -> list[str]:
    return [str(violation) for violation in tally.violations[:5]]


def explored(*several: Word, going_on: Going = Going.NONE, whole: bool = False, reserve_bytes: int = 0) -> Tally:
    return Part(several, going_on, reserve_bytes, whole).explore()


def test_no_legal_state_of_a_first_start_or_of_one_verb_breaks_a_promise() -> None:
    tally = explored(*SHORT)
    assert wrong_in(tally) == []
    # As many as there are, and not the three or four that a mistake in the explorer would leave.
    assert tally.states > 500
    assert len(tally.distinct) > 200


def test_no_legal_state_behind_a_segment_that_ends_in_the_middle_of_something_breaks_a_promise() -> None:
    tally = explored(*(word for word in words(2) if word[0] is Verb.ROTATE))
    assert wrong_in(tally) == []


def test_no_legal_state_of_a_verb_right_behind_a_document_breaks_a_promise() -> None:
    tally = explored(*(word for word in words(2) if word[0] is Verb.PUT))
    assert wrong_in(tally) == []


def test_no_legal_state_of_two_verbs_breaks_a_promise() -> None:
    tally = explored(*words(2))
    assert wrong_in(tally) == []
    assert tally.workloads > 200


def test_whatever_a_cut_in_a_first_start_or_in_one_verb_leaves_the_next_verb_and_the_next_cut_break_no_promise() -> (
    None
):
    tally = explored((), (Verb.PUT,), (Verb.TWO,), (Verb.MODE,), going_on=Going.ONE_OF_EACH)
    assert wrong_in(tally) == []
    assert tally.workloads > 150


def test_a_reserve_that_is_never_synced_changes_nothing() -> None:
    assert wrong_in(explored(*SHORT, reserve_bytes=64)) == []


def test_longer_workloads_break_no_promise_either() -> None:
    drawn = [part for part in parts(0, DRAWN, SEED) if part.whole]
    assert len(drawn) == DRAWN
    for part in drawn:
        assert wrong_in(part.explore()) == []


def test_what_a_workload_does_before_its_last_verb_is_what_the_shorter_one_does() -> None:
    for word in ((Verb.TWO, Verb.TELL), (Verb.NOTE, Verb.CUT), (Verb.ROTATE, Verb.PUT, Verb.MODE)):
        together, apart = Explorer(), Explorer()
        together.explore(word, whole=True)
        for end in range(len(word) + 1):
            apart.explore(word[:end])
        assert len(together.tally.distinct) > 20
        assert together.tally.distinct <= apart.tally.distinct


def test_a_workload_is_the_same_at_every_run() -> None:
    first, second = (explored((Verb.TELL, Verb.RACE, Verb.MODE), whole=True) for _ in range(2))
    assert (first.distinct, first.states, first.moments) == (second.distinct, second.states, second.moments)
