"""The operator's checkpoint: an element that no agent holds is opened, put in order, listed and closed."""

from pathlib import Path

from infra.runtime.clock import Clock
from infra.runtime.settings_sections import AgentSettings
from schemas.elements import ElementIdentity
from schemas.errors import ConfigurationInvalid
from storage_agent.element import IDENTITY
from storage_agent.files import Disk, LocalDisk
from storage_agent.opening import open_documents


async def checkpoint(
    root: Path, settings: AgentSettings, clock: Clock, disk: Disk | None = None
) -> tuple[ElementIdentity, int]:
    """Make the plain files in `root` a complete backup; return whose, and how many folders had no list before.

    It is what an agent does when it starts and stops, without time running out. ElementBusy while an agent holds the
    element, ConfigurationInvalid where there is none; SealBroken, JournalDamaged, DiskFailed.
    """
    disk = disk or LocalDisk()
    # Opening makes an element where there is none: a mistyped path must not.
    if disk.size(root / IDENTITY) is None:
        msg = f"There is no element in {root}: it has no {IDENTITY}."
        raise ConfigurationInvalid(msg)
    async with open_documents(root, settings, clock, disk) as documents:
        await documents.settle()
        return documents.identity, await documents.complete_manifests()
