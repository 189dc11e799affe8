"""`artstore get` over bad connections: it goes on where it was, and what gets its name is right."""

import hashlib
import io
from pathlib import Path

import pytest

from infra.cli.client import ArchiveClient
from infra.cli.part_file import PartFile
from infra.cli.receiving import Receiving
from schemas import errors
from tests.unit.cli.archive_double import QUICK, Command, World, as_lines

DATA = hashlib.shake_256(b"a film").digest(4_000_000)
BROKEN_AT = 300_000
ETAG = f'"sha256:{hashlib.sha256(DATA).hexdigest()}"'


@pytest.fixture
def document_id(artstore: Command, tmp_path: Path) -> str:
    (tmp_path / "film.bin").write_bytes(DATA)
    return str(as_lines(artstore("put", tmp_path / "film.bin", "--json").stdout)[0]["document_id"])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "Фильм.bin"


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def leave_behind(target: Path, data: bytes, etag: str | None = ETAG) -> None:
    part_of(target).write_bytes(data)
    if etag is not None:
        target.with_name(f"{target.name}.part.etag").write_text(etag)


def is_alone(target: Path) -> bool:
    """Whether the document lies there, right, and nothing beside it."""
    return target.read_bytes() == DATA and list(target.parent.iterdir()) == [target]


def test_a_connection_that_breaks_far_more_often_than_attempts_are_made_is_no_matter_while_bytes_come(
    artstore: Command, world: World, document_id: str, target: Path
) -> None:
    world.breaks_after = BROKEN_AT
    assert artstore("get", document_id, "-o", target).exit_code == 0
    assert world.ranges == [f"bytes={start}-" for start in range(BROKEN_AT, len(DATA), BROKEN_AT)]
    assert is_alone(target)


def test_where_hardly_anything_comes_the_attempts_are_bounded(
    client: ArchiveClient, world: World, document_id: str
) -> None:
    world.breaks_after = 20_000
    receiving = Receiving(io.BytesIO())
    with pytest.raises(errors.DependencyUnavailable):
        client.download(client.document(document_id), receiving)
    assert receiving.count == 20_000 * QUICK.attempts


def test_what_has_come_is_kept_and_the_next_command_goes_on(
    artstore: Command, world: World, document_id: str, target: Path
) -> None:
    leave_behind(target, DATA[:80_000])
    world.expired_tickets = 2
    result = artstore("get", document_id, "-o", target)
    assert result.exit_code == 1
    assert "80000 of 4000000 bytes are kept; the same command goes on" in result.stderr
    assert part_of(target).read_bytes() == DATA[:80_000]
    assert artstore("get", document_id, "-o", target).exit_code == 0
    assert world.ranges == ["bytes=80000-"]
    assert is_alone(target)


def test_a_download_that_only_lacked_its_name_is_not_fetched_again(
    artstore: Command, world: World, document_id: str, target: Path
) -> None:
    leave_behind(target, DATA)
    assert artstore("get", document_id, "-o", target).exit_code == 0
    assert world.credentials_at_agent == []
    assert is_alone(target)


@pytest.mark.parametrize(
    ("left", "etag"),
    [
        (b"x" + DATA[1:90_000], ETAG),
        (b"x" + DATA[1:], ETAG),
        (DATA + b"more", ETAG),
        (DATA[:90_000], '"sha256:00"'),
        (DATA[:90_000], f"{ETAG}\r\nX-Evil: 1"),
        (DATA[:90_000], ""),
    ],
    ids=["wrong-byte", "whole-with-wrong-byte", "too-long", "of-another-content", "two-lines-of-tag", "empty-tag"],
)
def test_what_an_earlier_run_left_is_not_believed(
    artstore: Command, document_id: str, target: Path, left: bytes, etag: str
) -> None:
    leave_behind(target, left, etag)
    assert artstore("get", document_id, "-o", target).exit_code == 0
    assert is_alone(target)


def test_wrong_bytes_from_the_archive_are_damage_whatever_lay_there(
    artstore: Command, world: World, document_id: str, target: Path
) -> None:
    leave_behind(target, b"x" + DATA[1:90_000])
    world.flipped_bit_in.add("film.bin")
    result = artstore("get", document_id, "-o", target)
    assert result.exit_code == 1
    assert "Content damaged" in result.stderr
    assert list(target.parent.iterdir()) == []


def test_an_expired_ticket_is_replaced_and_one_that_is_refused_at_once_is_an_error(
    artstore: Command, world: World, document_id: str, target: Path
) -> None:
    world.expired_tickets = 2
    result = artstore("get", document_id, "-o", target)
    assert result.exit_code == 1
    assert "Ticket refused" in result.stderr
    assert list(target.parent.iterdir()) == []
    world.expired_tickets = 1
    assert artstore("get", document_id, "-o", target).exit_code == 0
    assert is_alone(target)


def test_a_file_of_that_name_that_is_no_download_is_replaced_only_when_forced(
    artstore: Command, document_id: str, target: Path
) -> None:
    leave_behind(target, b"mine", None)
    result = artstore("get", document_id, "-o", target)
    assert result.exit_code == 1
    assert "is no download" in result.stderr
    assert part_of(target).read_bytes() == b"mine"
    assert artstore("get", document_id, "-o", target, "--force").exit_code == 0
    assert is_alone(target)


def test_two_downloads_do_not_write_into_one_file(artstore: Command, document_id: str, target: Path) -> None:
    leave_behind(target, DATA[:90_000])
    with PartFile(target, force=False):
        result = artstore("get", document_id, "-o", target)
    assert result.exit_code == 1
    assert "another download" in result.stderr
    assert part_of(target).read_bytes() == DATA[:90_000]


def test_a_name_as_long_as_can_be_still_finds_room_for_its_part(
    artstore: Command, world: World, document_id: str, target: Path
) -> None:
    longest = target.with_name("я" * 127)
    world.breaks_after = BROKEN_AT
    assert artstore("get", document_id, "-o", longest).exit_code == 0
    assert is_alone(longest)
