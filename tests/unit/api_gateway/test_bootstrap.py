"""The first start: one key, one administrator, whatever breaks off or happens twice."""

import asyncio
import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from api_gateway.accounts import AccountDesk
from api_gateway.bootstrap import Bootstrap
from api_gateway.keyholder import Keyholder
from api_gateway.ports import Account, MemoryViews
from infra.runtime.clock import ManualClock
from infra.runtime.installation import verify_signature
from producers.publisher import MemoryPublisher
from schemas.envelope import Position, Record
from schemas.events import KeyRegistered, KeyRetired
from schemas.identifiers import KeyId
from schemas.registry import decode
from schemas.requests import AccountRequested, KeyRequested
from schemas.signing import signable
from tests.builders import NOW
from tests.unit.api_gateway.edge import INSTALLATION, cheap_passwords


@dataclass
class Log:
    """The log with a processor and a projector behind it that decide at once; the first request of a saga counts."""

    views: MemoryViews = field(default_factory=MemoryViews)
    keyholder: Keyholder = field(default_factory=lambda: Keyholder(INSTALLATION))
    inner: MemoryPublisher = field(default_factory=MemoryPublisher)
    deaf: bool = False

    async def publish(self, record: Record) -> Position:
        position = await self.inner.publish(record)
        message = decode(record.value)
        assert isinstance(message, AccountRequested | KeyRequested)
        assert verify_signature(INSTALLATION.public, signable(message), message.signature)
        if self.deaf:
            return position
        if isinstance(message, AccountRequested):
            account = Account(
                message.account_id, message.login, message.full_name, message.role, message.sealed_password
            )
            self.views.accounts.setdefault(account.login, account)
        else:
            self.keyholder.take(_registered(message))
        return position

    def requests(self) -> list[AccountRequested | KeyRequested]:
        return [decode(record.value) for record in self.inner.records]  # type: ignore[misc]


def _registered(request: KeyRequested) -> KeyRegistered:
    meta = KeyRegistered.meta_for(
        event_id=request.key_id,
        aggregate_id=request.key_id,
        occurred_at=NOW,
        correlation_id=request.key_id,
        actor=request.meta.actor,
        source="processor",
    )
    return KeyRegistered(
        meta=meta,
        key_id=request.key_id,
        public_jwk=request.public_jwk,
        sealed_private=request.sealed_private,
        active_from=request.active_from,
    )


def bootstrap(log: Log, file: Path, given: str | None = None) -> Bootstrap:
    clock = ManualClock(NOW)
    known = asyncio.Event()
    known.set()
    return Bootstrap(
        views=log.views,
        publisher=log,
        accounts=AccountDesk(log, cheap_passwords(), INSTALLATION, clock),
        installation=INSTALLATION,
        keyholder=log.keyholder,
        keys_known=known,
        clock=clock,
        password_file=file,
        given_password=SecretStr(given) if given else None,
    )


async def is_password(log: Log, password: str) -> bool:
    account = log.views.accounts["admin"]
    hashed = INSTALLATION.unwrap(account.sealed_password, account.account_id).decode()
    return await cheap_passwords().matches(hashed, password)


async def test_the_first_start_makes_a_key_and_an_administrator_whose_password_is_on_disk(tmp_path: Path) -> None:
    log, file = Log(), tmp_path / "admin-password"
    await bootstrap(log, file).complete()
    assert [type(request) for request in log.requests()] == [KeyRequested, AccountRequested]
    assert log.keyholder.signing_key(NOW).private.key_size == 3072
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await is_password(log, file.read_text().strip())
    assert log.views.accounts["admin"].role == "administrator"


async def test_a_second_start_asks_for_nothing(tmp_path: Path) -> None:
    log, file = Log(), tmp_path / "admin-password"
    await bootstrap(log, file).complete()
    before = file.read_text()
    file.unlink()
    await bootstrap(log, file).complete()
    assert len(log.requests()) == 2
    assert not file.exists()
    assert before


async def test_a_start_that_broke_off_is_repeated_with_the_same_ids_and_the_password_on_disk(tmp_path: Path) -> None:
    log, file = Log(), tmp_path / "admin-password"
    file.write_text("kept password\n")
    first, second = bootstrap(log, file), bootstrap(log, file)
    keys = [await start._first_key() for start in (first, second)]
    assert keys[0].key_id == keys[1].key_id
    assert keys[0].meta == keys[1].meta
    await first.complete()
    assert await is_password(log, "kept password")
    assert file.read_text() == "kept password\n"


async def test_a_start_that_finds_all_keys_retired_makes_another_one(tmp_path: Path) -> None:
    log, file = Log(), tmp_path / "admin-password"
    await bootstrap(log, file).complete()
    first = log.keyholder.signing_key(NOW).kid
    meta = KeyRetired.meta_for(
        event_id="retired",
        aggregate_id=first,
        occurred_at=NOW,
        correlation_id="retired",
        actor=log.requests()[0].meta.actor,
        source="processor",
    )
    log.keyholder.take(KeyRetired(meta=meta, key_id=KeyId(first)))
    await bootstrap(log, file).complete()
    assert log.keyholder.signing_key(NOW).kid != first


async def test_a_given_password_is_used_and_not_written(tmp_path: Path) -> None:
    log, file = Log(), tmp_path / "admin-password"
    await bootstrap(log, file, given="given password").complete()
    assert await is_password(log, "given password")
    assert not file.exists()


async def test_a_password_that_lost_against_an_earlier_request_does_not_stay_on_disk(tmp_path: Path) -> None:
    earlier, log, file = Log(), Log(), tmp_path / "admin-password"
    await bootstrap(earlier, tmp_path / "earlier", given="the first one").complete()

    async def publish(record: Record) -> Position:
        log.views.accounts.update(earlier.views.accounts)
        return await Log.publish(log, record)

    log.publish = publish  # type: ignore[method-assign]
    await bootstrap(log, file).complete()
    assert await is_password(log, "the first one")
    assert not file.exists()


async def test_a_log_that_is_away_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    log = Log()
    log.inner.fail(1)
    start = bootstrap(log, tmp_path / "admin-password")
    running = asyncio.create_task(start.run())
    async with asyncio.timeout(10):
        await start.done.wait()
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
