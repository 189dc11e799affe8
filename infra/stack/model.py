"""The one model of what runs on a machine: components in the order of their start, and what each needs before it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from signal import Signals

from schemas.errors import ConfigurationInvalid


class Kind(StrEnum):
    """What a component is to the launcher."""

    SERVER = "server"  # given by address, else embedded
    STEP = "step"  # done once at each `up`, and finished
    PROGRAM = "program"  # one of ours


@dataclass(frozen=True)
class Component:
    """One part of the stack.

    `needs` are ready before it starts. A step is taken when its last need is chosen (`with_servers`) or when a
    chosen program needs it. `stop_seconds` bounds the time between the signal to stop and the kill.
    """

    name: str
    kind: Kind
    needs: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    with_servers: bool = False

    @property
    def signal(self) -> Signals:
        """The signal that asks it to stop."""
        return Signals[f"SIG{self.stop_signal}"]


_GROUND = ("kafka", "valkey", "database", "topics", "keys")

COMPONENTS: tuple[Component, ...] = (
    Component("kafka", Kind.SERVER, stop_seconds=40),
    Component("postgres", Kind.SERVER, stop_signal="INT", stop_seconds=40),  # INT: clients are sent away
    Component("valkey", Kind.SERVER, stop_seconds=10),
    Component("database", Kind.STEP, needs=("postgres",), with_servers=True),
    Component("topics", Kind.STEP, needs=("kafka",)),
    Component("keys", Kind.STEP),
    Component("processor", Kind.PROGRAM, needs=_GROUND),
    Component("projector", Kind.PROGRAM, needs=_GROUND),
    Component("agent-hot", Kind.PROGRAM, needs=_GROUND),
    Component("agent-vault", Kind.PROGRAM, needs=_GROUND),
    Component("gateway", Kind.PROGRAM, needs=(*_GROUND, "processor", "projector", "agent-hot", "agent-vault")),
)

PROCESSES: tuple[Component, ...] = tuple(component for component in COMPONENTS if component.kind is not Kind.STEP)
"""What runs for as long as the stack is up, in the order of its start."""


def chosen(names: Collection[str]) -> tuple[Component, ...]:
    """Return the named servers and programs with the steps that they ask for, in the order of their start.

    A server that a chosen program needs is taken too: by address or embedded, something has to answer.
    """
    known = {component.name for component in COMPONENTS if component.kind is not Kind.STEP}
    strangers = sorted(set(names) - known)
    if strangers:
        message = f"Unknown component {strangers[0]!r}: ARTSTORE_STACK__SERVICES takes {', '.join(sorted(known))}."
        raise ConfigurationInvalid(message)
    programs = [component for component in COMPONENTS if component.kind is Kind.PROGRAM and component.name in names]
    ground = {"postgres"} if programs else set()
    ground.update(need for component in programs for need in component.needs if need in _GROUND)
    taken = set(names) | ground
    return tuple(component for component in COMPONENTS if component.name in taken or _comes_along(component, taken))


def _comes_along(component: Component, taken: set[str]) -> bool:
    return component.with_servers and set(component.needs) <= taken


def waves(components: tuple[Component, ...]) -> tuple[tuple[Component, ...], ...]:
    """Group the components so that each needs only what stands in earlier groups; stop in the reverse order."""
    names, placed, groups = {component.name for component in components}, set[str](), list[tuple[Component, ...]]()
    rest = list(components)
    while rest:
        group = tuple(component for component in rest if set(component.needs) & names <= placed)
        groups.append(group)
        placed.update(component.name for component in group)
        rest = [component for component in rest if component not in group]
    return tuple(groups)
