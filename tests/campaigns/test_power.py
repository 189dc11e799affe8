"""A slice of the campaign of power cuts on real file systems, and proof that it sees a durability step left out."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.drives import MAKE, MEMORY, Flush, a_drive, lacking
from tests.campaigns.power import Campaign

CUTS = 50
SEED = 20
SECONDS = 250
NEGLECT_CUTS = 24
KINDS = list(MAKE)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if (why := lacking(found)) is not None:
        pytest.skip(f"power cuts on {found} were NOT tried: it {why}")
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="artstore-power-") as name:
        yield Path(name)


def test_a_drive_that_is_cut_off_forgets_what_was_not_synced_and_leaves_no_mount_behind(
    kind: str, folder: Path
) -> None:
    with a_drive(kind, folder) as drive:
        (drive.place / "synced").write_bytes(b"kept")
        drive.unmount()
        drive.mount()
        (drive.place / "written").write_bytes(b"lost")
        drive.cut(Flush.NOTHING)
        with pytest.raises(OSError, match="Input/output"):
            (drive.place / "more").write_bytes(b"never")
        drive.unmount()
        drive.mount()
        assert (drive.place / "synced").read_bytes() == b"kept"
        assert not (drive.place / "written").exists()
    assert drive.device not in Path("/proc/self/mounts").read_text(encoding="utf-8").split()
    assert list(folder.iterdir()) == []


@pytest.mark.timeout(300)
def test_fifty_power_cuts_lose_nothing_acknowledged_and_leave_nothing_half_done(kind: str, folder: Path) -> None:
    tally = Campaign(folder, kind, SEED, CUTS, SECONDS).run()
    assert [str(fault) for fault in tally.faults] == []
    assert tally.deaths == CUTS
    assert tally.acknowledged > CUTS // 2, "there was next to nothing to lose"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", ["body", "attributes", "journal"])
def test_a_durability_step_that_is_left_out_is_seen_by_power_cuts(kind: str, folder: Path, step: str) -> None:
    campaign = Campaign(folder, kind, SEED, NEGLECT_CUTS, SECONDS, step)
    assert campaign.run().faults, f"{NEGLECT_CUTS} cuts did not miss the syncs of {step}"
