"""The journal's format: a torn tail is told from damage, whatever byte is cut or changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import JournalDamaged
from storage_agent.entries import Carried, Materialised
from storage_agent.segments import GENESIS, Scan, encode_entry, encode_line, scan
from tests.builders import NOW


def a_segment(sizes: tuple[int, ...] = (1, 2, 1, 3)) -> tuple[bytes, list[int]]:
    """Return a segment of a head and lines of so many entries, and the end of each line."""
    line, digest = encode_line(GENESIS, 1, [encode_entry(Carried(at=NOW, previous=GENESIS))])
    data, ends, number = line, [len(line)], 2
    for size in sizes:
        entries = [Materialised(document_id=f"документ {number + n}", version=1) for n in range(size)]
        line, digest = encode_line(digest, number, [encode_entry(entry) for entry in entries])
        data, number = data + line, number + size
        ends.append(len(data))
    return data, ends


DATA, ENDS = a_segment()


def test_a_whole_segment_is_read_to_its_end() -> None:
    found = scan(DATA)

    assert (found.good_bytes, found.next_number, len(found.lines)) == (len(DATA), 9, 5)


def test_a_torn_tail_is_cut_and_everything_before_it_survives_wherever_it_is_torn() -> None:
    for end in range(ENDS[0], len(DATA) + 1):
        found = scan(DATA[:end])

        assert found.good_bytes == max(border for border in ENDS if border <= end)
        assert len(found.lines) == sum(border <= end for border in ENDS)


def test_a_segment_without_a_whole_head_is_damaged() -> None:
    for end in range(ENDS[0]):
        with pytest.raises(JournalDamaged):
            scan(DATA[:end])


@settings(max_examples=400)
@given(st.integers(0, ENDS[-2] - 1), st.integers(1, 255))
def test_any_changed_byte_before_the_last_line_is_damage_and_nothing_is_cut(place: int, change: int) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= change

    with pytest.raises(JournalDamaged):
        scan(bytes(damaged))


@settings(max_examples=200)
@given(st.integers(ENDS[-2], len(DATA) - 1), st.integers(1, 255))
def test_a_changed_byte_in_the_last_line_is_damage_or_a_torn_tail_and_never_read(place: int, change: int) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= change

    try:
        found = scan(bytes(damaged))
    except JournalDamaged:
        return
    assert found.good_bytes == ENDS[-2]


def test_a_last_line_that_reads_well_and_has_another_digest_is_damage() -> None:
    damaged = DATA[: ENDS[-2]] + DATA[ENDS[-2] :].replace("документ".encode(), "документы".encode(), 1)

    with pytest.raises(JournalDamaged):
        scan(damaged)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_garbage_behind_the_last_line_is_a_torn_tail(garbage: bytes) -> None:
    assert scan(DATA + garbage).good_bytes == len(DATA)


@pytest.mark.parametrize("line", range(1, len(ENDS) - 1))
def test_a_missing_line_is_damage(line: int) -> None:
    with pytest.raises(JournalDamaged):
        scan(DATA[: ENDS[line - 1]] + DATA[ENDS[line] :])


def test_two_exchanged_lines_are_damage() -> None:
    one, two = DATA[ENDS[0] : ENDS[1]], DATA[ENDS[1] : ENDS[2]]

    with pytest.raises(JournalDamaged):
        scan(DATA[: ENDS[0]] + two + one + DATA[ENDS[2] :])


def test_a_line_of_a_later_release_is_not_cut_off_but_reported() -> None:
    found: Scan = scan(DATA)
    line, _ = encode_line(found.digest, found.next_number, [b'{"kind":"of a later release"}'])

    with pytest.raises(JournalDamaged, match="form"):
        scan(DATA + line)


def test_the_chain_can_be_checked_with_nothing_but_sha256() -> None:
    import hashlib  # noqa: PLC0415 - the point is that nothing else is needed

    first, second = DATA.split(b"\n")[:2]
    assert hashlib.sha256(first[:64] + second[65:]).hexdigest().encode() == second[:64]
