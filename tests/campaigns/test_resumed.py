"""A slice of the campaign of broken uploads."""

from pathlib import Path

import pytest

from tests.campaigns.resumed import BREAKS, KILLS, MEBIBYTE, Campaign

SEED = 8


@pytest.mark.timeout(300)
async def test_an_upload_through_disconnects_and_kills_is_one_document_byte_for_byte(tmp_path: Path) -> None:
    tally = await Campaign(tmp_path / "home", 48 * MEBIBYTE, SEED).run()
    assert tally.faults == []
    assert (sum(tally.breaks.values()), tally.breaks["kill"]) == (BREAKS + KILLS, KILLS)
    assert tally.documents == 1
