"""What an open element consists of: the parts that documents, answers and the opening share."""

from dataclasses import dataclass, field

from infra.runtime.clock import Clock
from schemas.elements import ElementIdentity
from storage_agent.files import Disk
from storage_agent.gate import DiskGate
from storage_agent.journal import Journal
from storage_agent.layout import Folders
from storage_agent.locks import DocumentLocks
from storage_agent.memory import Memory
from storage_agent.outbox import Outbox
from storage_agent.placing import Placer
from storage_agent.proofs import Proofs
from storage_agent.reserve import Reserve
from storage_agent.resumable import ResumableUploads
from storage_agent.settling import Settler
from storage_agent.staging import Stagings
from storage_agent.suspects import Suspects


@dataclass(frozen=True)
class Parts:
    """The parts of one open element."""

    disk: Disk
    gate: DiskGate
    clock: Clock
    folders: Folders
    identity: ElementIdentity
    memory: Memory
    journal: Journal
    reserve: Reserve
    outbox: Outbox
    stagings: Stagings
    resumables: ResumableUploads
    placer: Placer
    settler: Settler
    proofs: Proofs
    locks: DocumentLocks = field(default_factory=DocumentLocks)
    suspects: Suspects = field(default_factory=Suspects)
