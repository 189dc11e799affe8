"""The guarded handler: a record is handled, buried, insisted upon, or ends the process."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.metrics import Metrics
from producers.publisher import MemoryPublisher
from schemas.envelope import Received
from schemas.errors import DatabaseUnavailable, LogUnavailable, Malformed
from schemas.identifiers import derive
from schemas.registry import encode
from schemas.replies import UploadAbandoned
from schemas.requests import DeadlineExpired, Description
from schemas.topics import BY_NAME, SAGA_EVENT, SAGA_INBOX
from stream_processors.fold import Folder, FoldGate
from stream_processors.runtime.guard import HARD_EXIT, Guard
from stream_processors.sagas.admission import VALUE_BYTES_MAX
from stream_processors.sagas.decision import decide
from stream_processors.sagas.saga import Given
from stream_processors.store import MemorySagaStore
from tests.builders import an_upload_request
from tests.unit.stream_processors.doubles import MemoryReader, Raw


@dataclass
class Bench:
    """A guard whose handler follows a script, and what it did."""

    script: list[Exception] = field(default_factory=list)
    handled: list[Received] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    reader: MemoryReader = field(default_factory=MemoryReader)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.released.set()
        gate = FoldGate(Folder(MemorySagaStore(), self.publisher, self.reader))
        self.guard = Guard(self.handle, gate, self.publisher, Metrics(), self.exits.append)

    async def handle(self, batch: Sequence[Received]) -> None:
        await self.released.wait()
        if self.script:
            raise self.script.pop(0)
        self.handled += batch


def an_inbox_record() -> Raw:
    return Raw.holding(an_upload_request(), offset=7, partition=2)


async def test_a_record_is_decoded_folded_for_and_handled() -> None:
    bench = Bench()
    await bench.guard.take([an_inbox_record()])
    assert [received.position.offset for received in bench.handled] == [7]
    assert (bench.reader.opened, bench.exits, bench.publisher.records) == (1, [], [])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: Raw(SAGA_INBOX, 0, 1, raw.key, b"rubbish"),
        lambda raw: Raw(SAGA_INBOX, 0, 1, raw.key, None),
        lambda raw: Raw(SAGA_INBOX, 0, 1, None, raw.value),
        lambda raw: Raw(SAGA_INBOX, 0, 1, raw.key, raw.value[:-1]),
        lambda raw: Raw(SAGA_INBOX, 0, 1, raw.key, b"\x00\x00\x00\xff\xff" + raw.value[5:], (("h", b"\xff"),)),
    ],
    ids=["rubbish", "nothing", "no key", "cut off", "unknown schema"],
)
async def test_what_cannot_be_understood_is_buried_whole_and_life_goes_on(spoil: Callable[[Raw], Raw]) -> None:
    bench, poison = Bench(), spoil(an_inbox_record())
    await bench.guard.take([poison])
    await bench.guard.take([an_inbox_record()])
    (letter,) = bench.publisher.records
    assert letter.topic == f"{SAGA_INBOX}.dlq.v1"
    assert (letter.key, letter.value) == (poison.key or b"", poison.value or b"")
    assert letter.headers["dl_group"] == "artstore-processor"
    assert letter.headers["dl_source_offset"] == "1"
    assert len(bench.handled) == 1


async def test_headers_of_any_bytes_are_no_reason_to_refuse_a_record() -> None:
    bench, raw = Bench(), an_inbox_record()
    await bench.guard.take([replace(raw, headers=(("traceparent", b"\xff"), ("empty", None)))])
    assert (len(bench.handled), bench.publisher.records, bench.exits) == (1, [], [])


async def test_a_message_for_no_saga_or_with_impossible_ids_and_times_is_buried() -> None:
    bench, request = Bench(), an_upload_request()
    odd = request.meta.model_copy(update={"event_id": "not a uuid"})
    far = request.meta.occurred_at.replace(year=9999)
    spoilt = [
        request.model_copy(update={"meta": odd}),
        request.model_copy(update={"deadline_at": far}),
        request.model_copy(update={"deadline_seconds": 2**60}),
        request.model_copy(update={"document_id": "\x00"}),
    ]
    for message in spoilt:
        await bench.guard.take([Raw.holding(message)])
    elsewhere = encode(request)
    await bench.guard.take([Raw(SAGA_EVENT, 0, 0, elsewhere.key, elsewhere.value)])
    assert len(bench.publisher.records) == 5
    assert bench.handled == []


async def test_a_dead_letter_is_insisted_upon_while_the_log_is_away() -> None:
    bench = Bench()
    bench.publisher.fail(2)
    await bench.guard.take([Raw(SAGA_INBOX, 0, 1, b"k", b"rubbish")])
    assert (len(bench.publisher.records), bench.exits) == (1, [])


async def test_what_may_pass_is_tried_again_in_place_and_nothing_is_buried() -> None:
    bench = Bench(script=[LogUnavailable(), TimeoutError(), LogUnavailable()])
    await bench.guard.take([an_inbox_record()])
    assert (len(bench.handled), bench.publisher.records, bench.exits) == (1, [], [])
    assert bench.reader.opened == 1


async def test_after_the_database_was_away_its_partition_is_folded_again() -> None:
    bench = Bench(script=[DatabaseUnavailable()])
    await bench.guard.take([an_inbox_record()])
    assert (len(bench.handled), bench.reader.opened) == (1, 2)


@pytest.mark.parametrize("error", [ValueError("bug"), Malformed("not from the record")], ids=str)
async def test_anything_unexpected_ends_the_process_and_leaves_the_record(error: Exception) -> None:
    bench = Bench(script=[error])
    await bench.guard.take([an_inbox_record()])
    assert (bench.exits, bench.handled, bench.publisher.records) == ([HARD_EXIT], [], [])


async def test_a_cancelled_handler_finishes_its_record_first() -> None:
    bench = Bench()
    bench.released.clear()
    taking = asyncio.create_task(bench.guard.take([an_inbox_record()]))
    await asyncio.sleep(0.01)
    taking.cancel()
    await asyncio.sleep(0.01)
    bench.released.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert (len(bench.handled), bench.exits) == (1, [])


async def test_a_cancelled_handler_that_cannot_finish_ends_the_process_before_its_record_is_committed() -> None:
    bench = Bench()
    bench.guard.last_seconds = 0.05
    bench.released.clear()
    taking = asyncio.create_task(bench.guard.take([an_inbox_record()]))
    await asyncio.sleep(0.01)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert (bench.handled, bench.exits) == ([], [HARD_EXIT])
    bench.released.set()


async def test_a_handler_that_is_cancelled_again_and_again_finishes_its_record_first() -> None:
    bench = Bench()
    bench.released.clear()
    taking = asyncio.create_task(bench.guard.take([an_inbox_record()]))
    for _ in range(3):
        await asyncio.sleep(0.01)
        taking.cancel()
    await asyncio.sleep(0.01)
    assert not taking.done()
    bench.released.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert (len(bench.handled), bench.exits) == (1, [])


async def test_a_message_that_no_saga_could_tell_in_one_record_is_buried() -> None:
    bench, request = Bench(), an_upload_request()
    actor = request.meta.actor.model_copy(update={"full_name": "n" * 700_000})
    large = request.model_copy(update={"meta": request.meta.model_copy(update={"actor": actor})})
    await bench.guard.take([Raw.holding(large)])
    assert (len(bench.publisher.records), bench.handled, bench.exits) == (1, [], [])


@pytest.mark.parametrize("last", [None, "\x01"], ids=["plain", "escaped"])
def test_the_largest_messages_that_a_saga_takes_make_events_that_fit_into_a_record(last: str | None) -> None:
    room = VALUE_BYTES_MAX - 2000
    request = an_upload_request().model_copy(update={"request_sha256": "\x01" * room})
    begun = decide(None, request, Given())
    assert begun is not None
    assert begun.deadline_token is not None
    wordy = request.meta.actor.model_copy(update={"full_name": "n" * room})
    meta = request.meta.model_copy(update={"event_id": derive("a", "deadline"), "actor": wordy})
    expired = decide(begun, DeadlineExpired(meta=meta, token=begun.deadline_token), Given())
    assert expired is not None
    given_up = UploadAbandoned(
        meta=meta.model_copy(update={"event_id": derive("a", "reply")}),
        document_id=request.document_id,
        ticket_id=request.ticket_id,
        last_refusal=(last or "p") * room,
    )
    failed = decide(expired, given_up, Given())
    assert failed is not None
    limit = int(BY_NAME[SAGA_EVENT].config["max.message.bytes"])
    assert max(len(encode(event).value) for event in (begun, expired, failed)) < limit - 4096


@given(st.data())
async def test_no_bytes_whatever_end_the_process(data: st.DataObject) -> None:
    description = Description(custom={"share": 0.5, "pages": 3, "signed": True, "name": "Ё"})
    whole = encode(an_upload_request(description=description)).value
    cut, at = data.draw(st.integers(0, len(whole))), data.draw(st.integers(5, len(whole) - 1))
    noise = data.draw(st.binary(max_size=8))
    spoilt = data.draw(st.sampled_from([whole[:cut], whole[:at] + noise + whole[at + len(noise) :], whole + noise]))
    bench = Bench()
    await bench.guard.take([Raw(SAGA_INBOX, 0, 0, an_inbox_record().key, spoilt)])
    assert bench.exits == []
    assert len(bench.publisher.records) + len(bench.handled) == 1


async def test_poison_in_the_middle_of_a_batch_is_buried_and_the_others_are_handled_together() -> None:
    bench = Bench()
    poison = Raw(SAGA_INBOX, 2, 8, b"k", b"rubbish")
    whole = [Raw.holding(an_upload_request(), offset=n, partition=2) for n in (7, 9)]
    await bench.guard.take([whole[0], poison, whole[1]])
    assert [received.position.offset for received in bench.handled] == [7, 9]
    assert [letter.value for letter in bench.publisher.records] == [b"rubbish"]
    assert bench.exits == []


async def test_an_unexpected_error_in_a_batch_is_looked_for_record_by_record_and_ends_the_process() -> None:
    bench = Bench(script=[ValueError("one of them"), ValueError("the first")])
    await bench.guard.take([Raw.holding(an_upload_request(), offset=n) for n in (7, 8)])
    assert bench.exits == [HARD_EXIT]
