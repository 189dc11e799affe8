"""A real agent under strace: whatever names it is given, it writes below its root and nowhere else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.runtime.files import write_json_atomic
from infra.runtime.installation import ensure_installation
from infra.runtime.keys import stored
from infra.runtime.settings_sections import KafkaSettings
from schemas.attributes import Attributes
from schemas.ticket import UploadTicket
from storage_agent.layout import place_of
from tests.agents import a_ring
from tests.campaigns.naming import outside, served_as, told_by
from tests.campaigns.traces import Touched, strace_command, touched
from tests.integration.agent_program import Agent

NOBODY = KafkaSettings(bootstrap_servers="127.0.0.1:1")
# What a program writes besides the element: the keys that it knows, its spans, and nothing at all.
ITS_OWN = ("run", "spans.jsonl")
NOWHERE = Path("/dev/null")


@dataclass(frozen=True)
class Traced:
    """How many names the agent was given, the calls with a path that it made, those that write, and what was wrong."""

    names: int
    calls: int
    writing: int
    faults: list[str]


async def traced(scratch: Path, drawn: Sequence[tuple[str, str]]) -> Traced:
    """Give the names to an agent in a process of its own, without a log, and read afterwards what it did to files."""
    home, output = scratch / "home", scratch / "strace"
    ensure_installation(home / "keys")
    write_json_atomic(home / "run" / "keys-hot.json", stored(a_ring()))
    agent = Agent(home, NOBODY, under=strace_command(output))
    await agent.start(PYTHONDONTWRITEBYTECODE="1")
    faults, bodies = list[str](), set[Path]()
    try:
        for kind, name in drawn:
            ticket = agent.ticket(name.encode(), name)
            place = place_of(ticket.document_id, 1, name)
            bodies.add(agent.root / place.directory / place.body)
            faults += [f"{kind}: {name!r}: {fault}" for fault in await _given(agent, ticket)]
    finally:
        agent.end()
    calls = list(touched(output.read_bytes().splitlines()))
    writing = [call for call in calls if call.writing]
    faults += [f"strace: {fault}" for fault in beyond(home, agent.root, writing)]
    # A trace in which the bodies do not come into their places has seen nothing.
    faults += [f"strace: not seen: {str(path)!r}" for path in sorted(bodies - {call.path for call in writing})]
    return Traced(len(drawn), len(calls), len(writing), faults)


def beyond(home: Path, root: Path, writing: Iterable[Touched]) -> list[str]:
    """Return the paths of writing calls that lie neither below the root nor among what the program keeps itself."""
    kept = [home / name for name in ITS_OWN]
    paths = {call.path for call in writing}
    return sorted(outside(root, (path for path in paths if path != NOWHERE and not {path, *path.parents} & set(kept))))


async def _given(agent: Agent, ticket: UploadTicket) -> list[str]:
    name, data = ticket.filename, ticket.filename.encode()
    put = await agent.put(ticket, data)
    content = await agent.get(agent.content_url(ticket))
    attributes = await agent.get(agent.content_url(ticket, "attributes"))
    if (put.status_code, content.status_code, attributes.status_code) != (200, 200, 200):
        return [f"answered {put.status_code} {put.text}, {content.status_code}, {attributes.status_code}"]
    kept = Attributes.from_sealed(attributes.content).content.original_filename
    told = told_by(content.headers.get("Content-Disposition", ""))
    return [
        *([] if content.content == data else ["other bytes are served"]),
        *([] if kept == name else [f"attr.json tells {kept!r}"]),
        *([] if told == served_as(name) else [f"Content-Disposition tells {told!r}"]),
    ]
