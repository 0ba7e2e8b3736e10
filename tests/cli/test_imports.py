"""What a command imports, and so how fast it is and what it works beside."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .served import PATIENCE, Project

PROGRAM = """
import atexit, sys
atexit.register(lambda: open("modules", "w").write("\\n".join(sys.modules)))
sys.argv[0] = "aplay-host"
from aplay_host.cli import main
main()
"""
HEAVY = {"msgspec", "pydantic", "starlette", "uvicorn", "pluggy", "prometheus_client", "rich"}
GUESTS = {"logwatch", "counter", "odd"}


@pytest.fixture(scope="module")
def running(shared: Project) -> Project:
    shared.write('[actors."/odd"]\nuse = "odd:Odd"\n[actors."/count"]\nuse = "logwatch.count"\n')
    shared.serve()
    return shared


def imported(project: Project, *arguments: str, **environ: str) -> set[str]:
    """Return the modules that a command has imported when it ends."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=project.folder,
        env=os.environ | environ,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended
    return set((project.folder / "modules").read_text().split())


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_help_imports_no_verb_and_nothing_heavy(project: Project) -> None:
    modules = imported(project, "--help")
    assert {name for name in modules if name.startswith("aplay_host.cli.verbs")} == set()
    assert packages(modules) & (HEAVY | GUESTS) == set()
    assert packages(modules) & {"asyncio", "http", "tomli"} == set()


def test_the_help_of_a_group_imports_no_verb_of_it(project: Project) -> None:
    modules = imported(project, "plugins", "--help")
    assert "aplay_host.cli.verbs.plugins_list" not in modules
    assert packages(modules) & (HEAVY | GUESTS) == set()


@pytest.mark.parametrize("words", ["aplay-host s", "aplay-host ", "aplay-host plugins "])
def test_completing_a_verb_imports_none(project: Project, words: str) -> None:
    count = str(words.count(" "))
    environ = {"_APLAY_HOST_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    modules = imported(project, **environ)
    verbs = {name for name in modules if name.startswith("aplay_host.cli.verbs.")}
    assert verbs <= {"aplay_host.cli.verbs.plugins"}
    assert packages(modules) & (HEAVY | GUESTS) == set()


def test_the_help_of_any_verb_imports_nothing_heavy() -> None:
    program = "import sys, click; from aplay_host.cli.main import VERBS, cli; "
    program += "[cli.get_command(click.Context(cli), verb) for verb in VERBS]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    modules = set(done.stdout.decode().split())
    assert "aplay_host.cli.verbs.serve" in modules
    assert packages(modules) & (HEAVY | GUESTS | {"http"}) == set()


def test_listing_plugins_without_a_host_imports_none_of_them(project: Project) -> None:
    assert packages(imported(project, "plugins", "list")) & (HEAVY | GUESTS) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["tree"],
        ["show", "/odd"],
        ["health"],
        ["ask", "/odd", "1"],
        ["send", "/odd", "1"],
        ["plugins", "list"],
        ["dead", "list"],
    ],
)
def test_a_command_to_a_host_imports_no_server_no_models_and_no_plugin(
    running: Project, arguments: list[str]
) -> None:
    assert packages(imported(running, *arguments)) & (HEAVY | GUESTS) == set()


def test_every_verb_but_serve_works_beside_a_plugin_that_kills_who_imports_it(
    running: Project,
) -> None:
    (running.folder / "logwatch.py").write_text("import os; os._exit(9)")
    assert packages(imported(running, "status")) & GUESTS == set()
