"""How a host begins, and every way in which it does not."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from aplay_host.control import instance_id

from .served import PATIENCE, Project, end

ECHO = '[actors."/echo"]\nuse = "odd:Odd"\n'


def test_all_mistakes_of_the_file_are_told_on_stderr_and_nothing_is_begun(
    project: Project,
) -> None:
    project.write(
        """
        [host]
        sate_dir = "x"
        [actors."/a"]
        use = "no.such.actor"
        [actors."/b"]
        use = "odd:Odd"
        max_tasks = 0
        """,
        head="",
    )
    ended = project.run("serve")
    assert (ended.code, ended.out) == (78, "")
    assert "host.sate_dir: unknown key" in ended.err
    assert 'actors."/b".max_tasks' in ended.err
    assert 'actors."/a".use' in ended.err
    assert project.left_behind() == set()


@pytest.mark.parametrize("verb", ["serve", "check", "status"])
def test_without_an_aplay_toml_the_code_is_78(project: Project, verb: str) -> None:
    ended = project.run(verb, "-o", "json")
    assert (ended.code, ended.out, ended.problem) == (78, "", "bad-config")


def test_a_file_that_was_named_and_is_not_there_is_told_by_its_name(project: Project) -> None:
    ended = project.run("serve", "-c", "none.toml")
    assert (ended.code, ended.out) == (78, "")
    assert "none.toml, named by -c" in ended.err


def test_a_state_directory_below_a_file_is_78(project: Project) -> None:
    (project.folder / "file").touch()
    project.write('host.state_dir = "file/state"\n' + ECHO)
    ended = project.run("serve")
    assert (ended.code, ended.out) == (78, "")
    assert "file/state cannot be written: Not a directory" in ended.err


def test_a_strict_host_refuses_what_is_bad(project: Project) -> None:
    project.install("acme", "acme = no_such_module:A")
    project.write('[actors."/a"]\nuse = "acme"\n')
    ended = project.run("serve", "--strict")
    assert (ended.code, ended.out) == (1, "")
    assert "acme/acme: import: " in ended.err
    project.write('plugins.strict = true\n[actors."/a"]\nuse = "acme"\n')
    checked = project.run("check", "-o", "json")
    assert checked.code == 78
    (error,) = checked.data["errors"]
    assert error["code"] == "bad-plugin"
    assert error["message"].startswith("acme/acme: import: ")


def test_the_ready_line_may_be_left_unread(project: Project) -> None:
    project.write(ECHO)
    read, write = os.pipe()
    os.close(read)
    try:
        process = project._popen(("serve", "--ready-fd", str(write)), {}, pass_fds=(write,))
    finally:
        os.close(write)
    assert project.run("health", "--wait").code == 0
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "nobody reads fd" in log


def test_a_socket_for_a_long_path_is_in_tmp_and_goes_with_the_host(project: Project) -> None:
    project.write(f'host.state_dir = "{"d" * 100}"\n' + ECHO)
    served = project.serve()
    control = Path(served.ready["control"])
    try:
        identity = instance_id(project.folder / "aplay.toml")
        assert control == Path(f"/tmp/aplay-{os.geteuid()}/{identity}/control.sock")
        assert project.run("ask", "/echo", "1").out == "1\n"
        served.signal(signal.SIGTERM)
        assert served.wait() == 0
        assert not control.exists()
    finally:
        end(served.process)
        control.parent.rmdir()


def test_a_stdout_that_is_closed_does_not_matter_to_a_host(project: Project) -> None:
    project.write(ECHO)
    process = project._popen(("serve",), {})
    assert process.stdout is not None
    process.stdout.close()
    assert project.run("health", "--wait").code == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_the_log_of_the_command_goes_before_that_of_the_file(project: Project) -> None:
    project.write('log.level = "error"\n' + ECHO)
    served = project.serve("--log-level", "info", "--log-format", "console")
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert "INFO    aplay_host: ready, 1 actor, pid" in served.log


def test_the_log_of_a_daemon_is_json_and_names_whose_line_it_is(project: Project) -> None:
    project.write(ECHO)
    served = project.serve("--log-format", "auto")
    served.send("/echo", {"do": "raise", "text": "no"})
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    lines = [json.loads(one) for one in served.log.splitlines()]
    (failed,) = [one for one in lines if one["level"] == "error"]
    known = {"actor": "/echo", "pid": served.pid, "generation": 1, "error.type": "ValueError"}
    assert failed.items() >= known.items()
    assert failed["actor_type"].endswith(":Odd")
    assert failed["exception"].endswith("ValueError: no")
    assert lines[-1]["msg"] == "stopped in order"


def test_a_strict_host_also_wants_the_classes_that_no_package_offers(project: Project) -> None:
    project.write('plugins.strict = true\n[actors."/a"]\nuse = "nowhere:Nothing"\n')
    ended = project.run("serve")
    assert ended.code == 1
    assert '/a: "nowhere:Nothing" cannot be loaded' in ended.err
