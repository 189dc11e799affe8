"""What was worked out a moment ago: never for another source, and never more than there is room for."""

from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.recent import Recent

SIZE_MAX = 10


@given(st.lists(st.tuples(st.booleans(), st.text("ab", max_size=12)), max_size=60))
def test_only_a_sources_own_value_is_kept_and_never_more_than_there_is_room_for(steps: list[tuple[bool, str]]) -> None:
    recent: Recent[str, tuple[str]] = Recent(SIZE_MAX)
    kept = set[str]()
    for keeps, source in steps:
        if keeps:
            recent.keep(source, (source,))
            kept.add(source)
        assert recent.get(source) in {None, (source,)} if source in kept else recent.get(source) is None
    held = [source for source in kept if recent.get(source) is not None]
    assert sum(map(len, held)) <= SIZE_MAX
    assert len(held) == len(recent)


def test_what_was_not_asked_for_the_longest_goes() -> None:
    recent: Recent[str, int] = Recent(SIZE_MAX)
    recent.keep("aaaa", 1)
    recent.keep("bbbb", 2)
    assert recent.get("aaaa") == 1
    recent.keep("cccc", 3)
    assert [recent.get(source) for source in ("aaaa", "bbbb", "cccc")] == [1, None, 3]


def test_what_is_larger_than_all_there_may_be_takes_nobodys_place() -> None:
    recent: Recent[str, int] = Recent(SIZE_MAX)
    recent.keep("aaaa", 1)
    recent.keep("b" * 11, 2)
    assert (recent.get("aaaa"), recent.get("b" * 11)) == (1, None)
