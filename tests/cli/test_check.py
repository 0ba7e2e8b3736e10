"""The verb ``check``: what plugins do while they are imported stays in a child process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .served import PATIENCE, Project

NAMED = 'plugins.paths = ["."]\n[actors."/a"]\nuse = "guest:A"\n'
SOUND = "from aplay_host import Actor\nclass A(Actor): ...\n"


@pytest.fixture
def guest(project: Project) -> Project:
    project.write(NAMED, head="")
    return project


def plant(project: Project, source: str) -> None:
    (project.folder / "guest.py").write_text(source)


def test_a_sound_file_is_told_so_and_starts_nothing(guest: Project) -> None:
    plant(guest, SOUND)
    ended = guest.run("check")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{guest.folder / 'aplay.toml'}: sound\n"
    assert not guest.state_dir.exists()


def test_what_a_plugin_prints_is_not_in_the_answer(guest: Project) -> None:
    plant(guest, SOUND + "import os\nprint('hello')\nos.write(1, b'raw\\n')\n")
    ended = guest.run("check", "-o", "json")
    assert ended.code == 0
    assert ended.data["errors"] == []
    assert sorted(ended.err.split()) == ["hello", "raw"]


def test_plugins_that_do_not_load_are_warnings_because_the_host_would_run(
    project: Project,
) -> None:
    guests = {
        "exits": ("raise SystemExit(5)", "import: SystemExit: 5 (exits.py:1)"),
        "lacks": ("import no_such", 'needs "no_such", not installed (lacks.py:1)'),
        "other": ("A = 3", "other:A"),
        "torn": ("x = (", "torn.py:1"),
    }
    actors = [f'[actors."/{name}"]\nuse = "{name}:A"\n' for name in guests]
    project.write('plugins.paths = ["."]\n' + "".join(actors), head="")
    for name, (source, _) in guests.items():
        (project.folder / f"{name}.py").write_text(source)
    ended = project.run("check")
    assert ended.code == 0
    for line, (name, (_, told)) in zip(ended.err.splitlines(), guests.items(), strict=True):
        assert line.startswith(f'warning: /{name}: "{name}:A" cannot be loaded')
        assert told in line


@pytest.mark.parametrize(
    ("source", "code"),
    [("import os; os._exit(0)", "code 0"), ("import os; os.kill(os.getpid(), 9)", "code -9")],
)
def test_a_plugin_that_ends_the_process_is_told_by_its_code(
    guest: Project, source: str, code: str
) -> None:
    plant(guest, source)
    ended = guest.run("check")
    assert (ended.code, ended.out) == (1, "")
    assert code in ended.err
    assert "--no-import" in ended.err


def test_a_thread_that_a_plugin_leaves_running_is_not_waited_for(guest: Project) -> None:
    wait = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    plant(guest, SOUND + wait)
    assert guest.run("check").code == 0


def test_nothing_in_the_current_directory_is_imported_in_place_of_a_library(
    guest: Project,
) -> None:
    plant(guest, SOUND)
    for name in ("click", "json", "pydantic", "aplay_host"):
        (guest.folder / f"{name}.py").write_text("raise RuntimeError('not me')\n")
    command = Path(sys.executable).with_name("aplay-host")  # -m would begin in this directory
    ended = subprocess.run(
        [command, "check"], cwd=guest.folder, capture_output=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_mistakes_are_the_data_and_the_code_is_78(project: Project) -> None:
    project.write('[actors."/a"]\nuse = "logwatch.tail"\noptions = { path = 3, from = "x" }\n')
    ended = project.run("check", "-o", "json")
    assert (ended.code, ended.err) == (78, "")
    errors = ended.data["errors"]
    keys = {error["key"] for error in errors}
    assert {'actors."/a".options.path', 'actors."/a".options.from'} <= keys
    assert {"code", "key", "line", "column", "end_column", "got", "want", "message", "hint",
            "source"} == set(errors[0])  # fmt: skip
    assert all(error["line"] == 5 for error in errors)


def test_without_importing_names_are_looked_up_and_options_are_not(project: Project) -> None:
    project.write('[actors."/a"]\nuse = "logwatch.tail"\noptions = { path = 3 }\n')
    assert project.run("check", "--no-import").code == 0
    project.write('[actors."/a"]\nuse = "logwatch.tale"\n')
    ended = project.run("check", "--no-import")
    assert (ended.code, ended.err) == (78, "")
    assert 'error: actors."/a".use' in ended.out
    assert "logwatch.tail" in ended.out
