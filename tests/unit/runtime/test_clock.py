"""The manual clock stands still until told, and both clocks speak UTC."""

from datetime import UTC, datetime, timedelta, timezone

from infra.runtime.clock import ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_advanced() -> None:
    clock = ManualClock(datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=3))))
    assert clock.now() == datetime(2026, 11, 24, 9, tzinfo=UTC)
    clock.advance(1.5)
    assert clock.now() == datetime(2026, 11, 24, 9, 0, 1, 500_000, tzinfo=UTC)
    assert clock.monotonic() == 1.5


def test_a_manual_clock_never_goes_back() -> None:
    clock = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    clock.advance(-5)
    assert clock.monotonic() == 0


def test_the_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() >= first
