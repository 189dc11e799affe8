"""Large files on their way in, against the double: what breaks goes on, and nothing is stored that is not the file."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.cli import deposits
from infra.cli.client import ArchiveClient
from infra.cli.deposits import Deposit
from infra.cli.originals import Original
from infra.cli.sending import Progress, unwatched
from infra.cli.session import Place, open_archive, place_of
from infra.runtime.settings import Settings
from infra.runtime.settings_sections import CommandSettings, GatewaySettings
from schemas import errors
from schemas.api.uploads import UploadBody
from tests.unit.cli.archive_double import PASSWORD, QUICK, World

LIMIT = 100_000
CHUNK = 262_144
DATA = bytes(range(256)) * 4000


@pytest.fixture
def client(gateway: str) -> Iterator[ArchiveClient]:
    with ArchiveClient(gateway, patience=QUICK, resumable_above_bytes=LIMIT) as client:
        client.login("admin", PASSWORD)
        yield client


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(DATA)
    return path


def put(client: ArchiveClient, path: Path, progress: Progress = unwatched) -> Deposit:
    original = Original.read(path)
    body = UploadBody(filename=path.name, size=original.size, sha256=original.sha256)
    return deposits.begin(client, body, str(path), lambda: original, progress)


def _await_bytes(world: World) -> None:
    """Wait until the agent has some of the only upload: what was written to a connection comes a little later."""
    (upload,) = world.by_key.values()
    end = time.monotonic() + 10
    while upload.arriving is None or not upload.arriving.data:
        assert time.monotonic() < end
        time.sleep(0.001)


def stored(world: World) -> bytes | None:
    (document,) = world.committed()
    return document.content


def test_only_a_file_above_the_limit_is_sent_resumably(client: ArchiveClient, world: World, tmp_path: Path) -> None:
    for name, size in (("at.bin", LIMIT), ("above.bin", LIMIT + 1)):
        (tmp_path / name).write_bytes(b"x" * size)
        put(client, tmp_path / name)
    assert (world.puts, world.tus.created) == (["at.bin"], ["above.bin"])
    assert [len(document.content or b"") for document in world.committed()] == [LIMIT + 1, LIMIT]


def test_the_limit_is_ten_megabytes_unless_it_is_set(place: Place, world: World, film: Path) -> None:
    settings = Settings(home=place.home, gateway=GatewaySettings(public_url=place.gateway))
    assert place_of(settings).resumable_above_bytes == 10_000_000
    lower = settings.model_copy(update={"command": CommandSettings(resumable_above_bytes=LIMIT)})
    for one in (settings, lower):
        with open_archive(place_of(one), lambda _: None) as client:
            put(client, film)
        film.write_bytes(DATA[::-1])
    assert (world.puts, world.tus.created) == (["film.bin"], ["film.bin"])


def test_an_upload_goes_on_where_its_connection_broke_however_often_it_does(
    client: ArchiveClient, world: World, film: Path
) -> None:
    world.tus.cuts = [100_000] * 9
    assert len(world.tus.cuts) > 2 * QUICK.resumed_attempts
    put(client, film)
    assert world.tus.patches == [100_000 * number for number in range(10)]
    assert stored(world) == DATA


def test_a_connection_that_never_brings_a_byte_more_ends_the_command(
    client: ArchiveClient, world: World, film: Path
) -> None:
    world.tus.cuts = [100_000, *[0] * 50]
    with pytest.raises(errors.DependencyUnavailable):
        put(client, film)
    assert world.tus.patches == [0, *[100_000] * QUICK.resumed_attempts]


def test_what_a_killed_agent_has_lost_is_sent_again(client: ArchiveClient, world: World, film: Path) -> None:
    world.tus.losses = [400_000, 100_000]
    seen: list[int] = []
    put(client, film, seen.append)
    assert stored(world) == DATA
    assert world.tus.patches == [0, len(DATA) - 400_000, len(DATA) - 100_000]
    assert seen[-1] == len(DATA)
    assert len(DATA) - 400_000 in seen


def test_a_file_whose_last_answer_was_lost_is_not_sent_again(client: ArchiveClient, world: World, film: Path) -> None:
    world.tus.lost_ends = 1
    put(client, film)
    assert world.tus.patches == [0]
    assert stored(world) == DATA


def test_a_command_that_was_killed_goes_on_when_it_is_given_again(
    client: ArchiveClient, world: World, film: Path
) -> None:
    def die(sent: int) -> None:
        if sent > CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(client, film, die)
    _await_bytes(world)
    seen: list[int] = []
    put(client, film, seen.append)
    assert world.tus.created == ["film.bin"]
    assert world.tus.patches[-1] > 0
    assert min(seen) == world.tus.patches[-1]
    assert stored(world) == DATA


def test_an_expired_ticket_is_renewed_and_the_same_upload_goes_on(
    client: ArchiveClient, world: World, film: Path
) -> None:
    world.tus.cuts, world.tus.expires_at_next_cut = [300_000], True
    put(client, film)
    assert len(world.tus.expired_tickets) == 1
    assert (world.tus.created, world.tus.patches) == (["film.bin"], [0, 300_000])
    assert stored(world) == DATA


def test_a_renewed_ticket_that_is_refused_as_well_is_the_end(client: ArchiveClient, world: World, film: Path) -> None:
    world.tus.refused_patches = [errors.InvalidTicket() for _ in range(50)]
    with pytest.raises(errors.InvalidTicket):
        put(client, film)
    assert len(world.tus.refused_patches) == 48


@pytest.mark.parametrize("refusal", [errors.Busy(retry_after_seconds=0), errors.WrongOffset()])
def test_after_what_may_pass_the_agent_is_asked_where_it_is(
    client: ArchiveClient, world: World, film: Path, refusal: errors.ArtStoreError
) -> None:
    world.tus.refused_patches = [refusal]
    put(client, film)
    assert stored(world) == DATA


def test_an_upload_that_the_agent_no_longer_knows_is_begun_anew(
    client: ArchiveClient, world: World, film: Path
) -> None:
    world.tus.forgets = 1
    put(client, film)
    assert world.tus.created == ["film.bin"] * 2
    assert stored(world) == DATA


def test_an_upload_that_was_given_up_is_begun_under_another_operation(
    client: ArchiveClient, world: World, film: Path
) -> None:
    world.tus.refused_patches = [errors.UploadAbandonedError()]
    put(client, film)
    assert len(world.by_key) == 2
    assert stored(world) == DATA


def test_a_refusal_comes_back_as_the_error_it_was(client: ArchiveClient, world: World, film: Path) -> None:
    world.tus.refused_patches = [errors.TypeRefused("An ELF file.")]
    with pytest.raises(errors.TypeRefused, match="An ELF file"):
        put(client, film)


def test_a_large_file_goes_in_pieces(
    client: ArchiveClient, world: World, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.cli.sending.PIECE_BYTES", 300_000)
    seen: list[int] = []
    put(client, film, seen.append)
    assert world.tus.patches == [0, 300_000, 600_000, 900_000]
    assert seen == sorted(seen)
    assert stored(world) == DATA


@pytest.mark.parametrize("limit", [0, 2**40], ids=["by tus", "by PUT"])
@pytest.mark.parametrize("size", [len(DATA), len(DATA) - 1, 0], ids=["rewritten", "cut short", "emptied"])
def test_a_file_that_changes_while_it_is_sent_is_refused_and_not_stored(
    gateway: str, world: World, film: Path, limit: int, size: int
) -> None:
    def change(sent: int) -> None:
        if sent == CHUNK:
            with film.open("r+b") as file:
                file.write(b"changed")
                file.truncate(size)
            os.utime(film, ns=(1, 1))

    with ArchiveClient(gateway, patience=QUICK, resumable_above_bytes=limit) as client:
        client.login("admin", PASSWORD)
        with pytest.raises(errors.Rejected, match=r"film\.bin has changed since it was read"):
            put(client, film, change)
    assert world.committed() == []


def test_a_file_that_has_changed_before_it_is_sent_is_refused(film: Path) -> None:
    original = Original.read(film)
    film.write_bytes(DATA + b"more")
    with pytest.raises(errors.Rejected, match="has changed"):
        list(original.chunks(0, original.size, CHUNK))
