"""The compose file: what the model says, no more and no less; its passwords are made once and nobody else's to read."""

import json
import re
from pathlib import Path

from infra.stack.compose import COMPOSE_FILE, TOOL, compose_text, write_compose
from infra.stack.model import COMPONENTS, Kind

GOLDEN = Path(__file__).parent.parent.parent.parent / "infra" / "stack" / "docker" / COMPOSE_FILE


def sections(text: str, depth: int) -> dict[str, str]:
    """Split block mappings of one depth into name and body: our own file needs no whole YAML reader."""
    found = re.split(rf"^{'  ' * depth}([\w-]+):", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def services() -> dict[str, dict[str, str]]:
    bodies = sections(sections(compose_text(), 0)["services"], 1)
    return {name: sections(body, 2) for name, body in bodies.items()}


def test_the_committed_compose_file_is_what_the_model_gives() -> None:
    assert GOLDEN.read_text(encoding="utf-8") == compose_text()


def test_every_component_is_a_service_that_waits_for_what_it_needs_and_stops_as_the_model_says() -> None:
    made = services()
    assert list(made) == [*(component.name for component in COMPONENTS), TOOL]
    for component in COMPONENTS:
        service = made[component.name]
        assert tuple(sections(service.get("depends_on", ""), 3)) == component.needs
        assert json.loads(service["stop_signal"]) == component.signal.name
        assert json.loads(service["stop_grace_period"]) == f"{component.stop_seconds}s"


def test_only_gateway_and_agents_are_reached_from_outside_and_by_default_from_this_machine_only() -> None:
    published = {name: json.loads(service["ports"]) for name, service in services().items() if "ports" in service}
    assert set(published) == {"gateway", "agent-hot", "agent-vault"}
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for ports in published.values() for port in ports)


def test_our_containers_have_no_capability_and_write_into_volumes_and_memory_alone() -> None:
    ours = {TOOL, *(component.name for component in COMPONENTS if component.kind is not Kind.SERVER)}
    made = services()
    assert all(json.loads(made[name]["cap_drop"]) == ["ALL"] for name in ours)
    assert all(json.loads(made[name]["read_only"]) for name in ours)
    assert all(json.loads(made[name]["tmpfs"]) == ["/tmp"] for name in ours)  # noqa: S108 - in a container


def test_who_may_write_keys_and_elements() -> None:
    mounts = {name: json.loads(service.get("volumes", "[]")) for name, service in services().items()}
    assert {name for name, found in mounts.items() if "keys:/var/lib/artstore/keys" in found} == {"keys", "gateway"}
    for element in ("hot", "vault"):
        written = f"{element}:/var/lib/artstore/elements/{element}"
        assert {name for name, found in mounts.items() if written in found} == {f"agent-{element}"}
        assert {name for name, found in mounts.items() if f"{written}:ro" in found} == {TOOL}


def test_everything_that_goes_on_running_says_whether_it_is_healthy_and_is_waited_for() -> None:
    made = services()
    lasting = {component.name for component in COMPONENTS if component.kind is not Kind.STEP}
    assert {name for name, service in made.items() if "healthcheck" in service} == lasting
    asked = [re.findall(r'condition: "(\w+)"', service.get("depends_on", "")) for service in made.values()]
    assert {each for found in asked for each in found} == {"service_healthy", "service_completed_successfully"}


def test_the_operators_command_line_comes_last_so_that_up_ends_when_the_gateway_is_ready() -> None:
    tool = services()[TOOL]
    assert sections(sections(tool["depends_on"], 3)["gateway"], 4) == {"condition": ' "service_healthy"\n'}
    assert json.loads(tool["command"]) == ["--help"]
    assert not {"restart", "ports"} & set(tool)


def test_no_password_stands_in_the_file() -> None:
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "GIVEN", compose_text())
    found = re.findall(r"PASSWORD: \"([^\"]*)|requirepass\", \"([^\"]*)|://\w*:([^@/\s]+)@", text)
    assert {next(filter(None, groups)) for groups in found} == {"GIVEN"}
    assert len(found) > len(COMPONENTS)


def test_passwords_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "docker"
    file = write_compose(folder)
    before = (folder / ".env").read_text(encoding="utf-8")
    variables = dict(line.split("=", 1) for line in before.splitlines())
    assert variables["ADMIN_PASSWORD"] == (folder / "admin-password").read_text(encoding="utf-8")
    assert len(set(variables.values())) == len(variables)
    assert file.read_text(encoding="utf-8") == compose_text()
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}
    write_compose(folder)
    assert (folder / ".env").read_text(encoding="utf-8") == before
