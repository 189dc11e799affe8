"""The supervisor's configuration, read by the supervisor's own parser, and what is known of its processes."""

import contextlib
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from infra.stack.layout import Layout
from infra.stack.locking import held
from infra.stack.model import PROCESSES
from infra.stack.supervisor import ProcessState, find_supervisor, forget_supervisor, supervisord_conf
from schemas.errors import DependencyUnavailable


@pytest.mark.parametrize("name", ["plain", "with space", "100%(x)s", "Дом 📁"])
def test_a_home_of_any_name_survives_the_supervisors_own_parser(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    layout = Layout(home)
    layout.log.mkdir(parents=True)
    layout.run.mkdir()
    layout.supervisor_settings.write_text(supervisord_conf(layout, tmp_path / "s", PROCESSES), encoding="utf-8")
    options = ServerOptions()
    options.configfile = str(layout.supervisor_settings)
    with contextlib.chdir(home):  # where the supervisor runs
        options.process_config(do_usage=False)
    programs = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert set(programs) == {component.name for component in PROCESSES}
    gateway = programs["gateway"]
    assert gateway.command.endswith(" run/gateway.launch.json")
    assert home / gateway.stdout_logfile == layout.log_of("gateway")
    assert (gateway.autostart, gateway.startretries > 1_000_000, gateway.stopasgroup) == (False, True, True)
    assert (programs["postgres"].stopsignal, programs["postgres"].stopasgroup) == (2, False)


def a_state(name: str) -> ProcessState:
    return ProcessState("kafka", name, 1, 2, "")


def test_each_state_of_the_supervisor_means_exactly_one_thing_or_passes() -> None:
    meanings = {
        name: (a_state(name).runs, a_state(name).waits, a_state(name).rests)
        for name in ("STARTING", "RUNNING", "BACKOFF", "STOPPED", "EXITED", "FATAL", "STOPPING")
    }
    assert meanings == {
        "STARTING": (True, False, False),
        "RUNNING": (True, False, False),
        "BACKOFF": (False, True, False),
        "STOPPED": (False, False, True),
        "EXITED": (False, False, True),
        "FATAL": (False, False, True),
        "STOPPING": (False, False, False),
    }


def test_a_home_without_a_supervisor_has_none_to_find_or_to_forget(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert find_supervisor(layout) is None
    forget_supervisor(layout)


def test_only_one_command_at_a_time_changes_a_home(tmp_path: Path) -> None:
    lock, at_work = tmp_path / "lock", "another is at work"
    with held(lock, 1, "-"), pytest.raises(DependencyUnavailable, match=at_work), held(lock, 0.2, at_work):
        pytest.fail("both held it")
    with held(lock, 0.2, at_work):
        pass
