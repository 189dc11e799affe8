"""The HTTP client against the double: streams, retries, redirects, proofs."""

import io
from pathlib import Path

import pytest

from infra.cli import deposits
from infra.cli.client import ArchiveClient
from infra.cli.originals import Original
from infra.cli.receiving import Receiving
from infra.cli.transport import Patience
from schemas import errors
from schemas.api.documents import DocumentBody
from schemas.api.uploads import UploadBody
from tests.unit.cli.archive_double import PASSWORD, QUICK, World


def put(client: ArchiveClient, path: Path, data: bytes) -> DocumentBody:
    path.write_bytes(data)
    original = Original.read(path)
    body = UploadBody(filename=path.name, size=len(data), sha256=original.sha256, media_type="text/plain")
    deposit = deposits.begin(client, body, str(path), lambda: original)
    deposits.finish(client, deposit, 5)
    return client.document(deposit.document_id)


def test_a_file_goes_in_and_comes_out_byte_for_byte(client: ArchiveClient, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    document = put(client, tmp_path / "a.bin", data)
    into = io.BytesIO()
    client.download(document, Receiving(into))
    assert into.getvalue() == data


def test_an_empty_file_goes_in_and_comes_out(client: ArchiveClient, tmp_path: Path) -> None:
    into = io.BytesIO()
    client.download(put(client, tmp_path / "empty", b""), Receiving(into))
    assert into.getvalue() == b""


def test_progress_counts_the_bytes_that_have_gone(client: ArchiveClient, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 600_000)
    seen: list[int] = []
    original = Original.read(path)
    body = UploadBody(filename="a.bin", size=600_000, sha256=original.sha256)
    deposits.begin(client, body, "a", lambda: original, seen.append)
    assert seen == [0, 262_144, 524_288, 600_000]


def test_a_busy_agent_is_asked_again_after_the_time_it_names(
    client: ArchiveClient, world: World, tmp_path: Path
) -> None:
    world.refused_puts = [errors.Busy(retry_after_seconds=0), errors.LogUnavailable(retry_after_seconds=0)]
    assert put(client, tmp_path / "a.txt", b"text").size == 4
    assert world.puts == ["a.txt"]


def test_a_refusal_is_not_repeated_and_comes_back_as_the_error_it_was(
    client: ArchiveClient, world: World, tmp_path: Path
) -> None:
    world.refused_puts = [errors.TypeRefused("An ELF file.")]
    with pytest.raises(errors.TypeRefused, match="An ELF file"):
        put(client, tmp_path / "a.txt", b"text")
    assert world.puts == []


def test_a_broken_download_goes_on_where_it_broke(client: ArchiveClient, world: World, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    document = put(client, tmp_path / "a.bin", data)
    world.broken_downloads = 2
    into = io.BytesIO()
    client.download(document, Receiving(into))
    assert into.getvalue() == data
    assert world.ranges == ["bytes=512000-", "bytes=768000-"]


def test_the_token_never_reaches_the_agent(client: ArchiveClient, world: World, tmp_path: Path) -> None:
    client.download(put(client, tmp_path / "a.txt", b"text"), Receiving(io.BytesIO()))
    assert world.credentials_at_agent == [""]


def test_a_flipped_bit_is_reported_as_damage(client: ArchiveClient, world: World, tmp_path: Path) -> None:
    document = put(client, tmp_path / "a.txt", b"text")
    world.flipped_bit_in.add("a.txt")
    with pytest.raises(errors.BodyDamaged, match=document.document_id):
        client.download(document, Receiving(io.BytesIO()))


def test_lists_are_followed_over_their_cursors(client: ArchiveClient, tmp_path: Path) -> None:
    names = [f"{number}.txt" for number in range(16)]
    for name in names:
        put(client, tmp_path / name, b"the same word")
    assert [document.filename for document in client.documents()] == names[::-1]
    assert {hit.filename for hit in client.search("words")} == set()
    assert {hit.filename for hit in client.search("word")} == set(names)


def test_an_expired_token_is_renewed_once_and_the_call_goes_on(gateway: str, world: World) -> None:
    with ArchiveClient(gateway, patience=QUICK) as other:
        renew = lambda: other.login("admin", PASSWORD).access_token  # noqa: E731
        with ArchiveClient(gateway, "stale", renew=renew, patience=QUICK) as client:
            assert list(client.documents()) == []
    assert world.logins == 1


def test_without_renewal_an_expired_token_is_an_error(gateway: str) -> None:
    with ArchiveClient(gateway, "stale", patience=QUICK) as client, pytest.raises(errors.Unauthenticated):
        list(client.documents())


def test_a_wrong_password_says_so(gateway: str) -> None:
    with ArchiveClient(gateway, patience=QUICK) as client, pytest.raises(errors.InvalidCredentials):
        client.login("admin", "wrong")


def test_a_silent_address_says_which_and_what_to_do() -> None:
    patience = Patience(attempts=2, seconds=2.0, first_pause_seconds=0.01)
    with (
        ArchiveClient("http://127.0.0.1:9", "token", patience=patience) as client,
        pytest.raises(errors.DependencyUnavailable, match=r"http://127.0.0.1:9 does not answer.*artstore up"),
    ):
        client.document("x")


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "ftp://a", "http://", "http://[::1"])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match="is no address"):
        ArchiveClient(address)


def test_waiting_ends_with_the_step_at_which_the_operation_stands(
    client: ArchiveClient, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "slow.txt"
    path.write_bytes(b"text")
    world.silent_after = "slow.txt"
    original = Original.read(path)
    body = UploadBody(filename="slow.txt", size=4, sha256=original.sha256)
    deposit = deposits.begin(client, body, "slow", lambda: original)
    with pytest.raises(errors.ViewsBehind, match="running at step content"):
        deposits.finish(client, deposit, 0.2)


def test_a_failed_operation_raises_what_it_failed_with_and_a_second_try_takes_another_key(
    client: ArchiveClient, world: World, tmp_path: Path
) -> None:
    world.failing_names.add("late.txt")
    with pytest.raises(errors.UploadAbandonedError, match=r"Too late\. \(trace abab"):
        put(client, tmp_path / "late.txt", b"text")
    world.failing_names.clear()
    assert put(client, tmp_path / "late.txt", b"text").filename == "late.txt"
    assert len(world.by_key) == 2


def test_an_abandoned_upload_is_begun_anew(client: ArchiveClient, world: World, tmp_path: Path) -> None:
    world.refused_puts = [errors.UploadAbandonedError()]
    assert put(client, tmp_path / "a.txt", b"text").size == 4
    assert len(world.by_key) == 2
