"""Some kilobytes on the log that unpack to half a gibibyte: a dead letter, and no program grows by it or stops."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.runtime.kafka import partition_for
from infra.runtime.settings import Settings
from producers.publisher import KafkaPublisher
from producers.uploads import request_upload
from schemas.topics import BY_NAME, SAGA_EVENT, SAGA_INBOX, dead_letters
from tests.bombs import GZIP, LZ4, ZSTD, a_bomb, put_whole
from tests.builders import an_upload_request
from tests.hostile.poison import stranger
from tests.integration.processor_program import Program, Tail, tail_of

LETTERS = dead_letters(SAGA_INBOX)
UNPACKED = 512 << 20
GROWN_AT_MOST = 160 << 20
STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell how large a process has been")
async def test_batches_that_unpack_to_half_a_gibibyte_are_buried_and_neither_fill_the_memory_nor_stop_anything(
    servers: Settings, program: Program, publisher: KafkaPublisher
) -> None:
    await program.await_ready()
    before = most_bytes(program)
    request = an_upload_request(now=datetime.now(UTC))
    saga_id = request.meta.aggregate_id
    partition = partition_for(saga_id.encode(), BY_NAME[SAGA_INBOX].partitions)
    async with tail_of(servers, SAGA_EVENT, LETTERS) as tail, stranger(servers.kafka) as producer:
        # LZ4 is left with 255 to one, and a topic takes one mebibyte.
        bombs = [a_bomb(UNPACKED, ZSTD), a_bomb(UNPACKED, GZIP), a_bomb(UNPACKED // 4, LZ4)]
        places = [await put_whole(producer, bomb, SAGA_INBOX, partition) for bomb in bombs]
        await request_upload(publisher, request)
        # Two topics are read side by side: the step behind the bombs may be seen before the last letter about them.
        await tail.until(
            lambda seen: (
                any(message.meta.aggregate_id == saga_id for message in seen) and len(letters(tail)) >= len(places)
            ),
            seconds=90,
        )
    told = letters(tail)
    assert [int(headers["dl_source_offset"]) for _, headers in told] == places
    assert {headers["dl_cause"] for _, headers in told} == {b"undecodable_record"}
    assert all(value.startswith(b"A batch of 1 records is not read: ") for value, _ in told)
    assert most_bytes(program) - before < GROWN_AT_MOST


def letters(tail: Tail) -> list[tuple[bytes, dict[str, bytes]]]:
    return [(value, headers) for topic, value, headers in tail.values if topic == LETTERS]


def most_bytes(program: Program) -> int:
    """Return how much memory the program has had at once since it began."""
    assert program.running is not None
    lines = Path(f"/proc/{program.running.pid}/status").read_text(encoding="ascii").splitlines()
    [line] = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
