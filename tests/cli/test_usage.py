"""The command line itself: help, odd calls, and output that nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from aplay_host import __version__
from aplay_host.cli.main import VERBS, cli

from .served import PATIENCE, Project


def test_help_lists_every_verb_and_every_exit_code(project: Project) -> None:
    for flag in ("--help", "-h"):
        ended = project.run(flag)
        assert (ended.code, ended.err) == (0, "")
        assert all(f"  {verb} " in ended.out for verb in VERBS)
        assert "78 bad configuration" in ended.out


def test_the_version_is_that_of_the_package(project: Project) -> None:
    assert project.run("--version").out == f"aplay-host, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["lost"], ["--lost"], ["plugins"], ["plugins", "lost"], ["ask"], ["-o", "x"]]
)
def test_a_call_that_cannot_be_understood_is_usage(project: Project, arguments: list[str]) -> None:
    ended = project.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: " in ended.err


def test_a_mistake_is_told_in_json_wherever_json_was_asked_for(project: Project) -> None:
    assert project.run("status", "--timeout", "soon", "-o", "json").problem == "bad-request"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("output", ["table", "json"])
def test_output_that_nobody_reads_is_no_reason_for_a_traceback(
    project: Project, unbuffered: str, output: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "aplay_host", "plugins", "list", "-q", "-o", output],
            cwd=project.folder,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=write,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_verbs_are_completed_from_the_table() -> None:
    context = click.Context(cli, info_name="aplay-host")
    found = [item.value for item in cli.shell_complete(context, "s")]
    assert found == ["serve", "status", "show", "send", "start", "stop"]


def test_an_error_never_goes_to_stdout_even_where_stderr_is_closed(project: Project) -> None:
    project.write("")
    closed = f"'{sys.executable}' -m aplay_host status 2>&-"
    done = subprocess.run(
        ["sh", "-c", closed], cwd=project.folder, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (3, b"")


def test_a_working_directory_that_is_gone_is_named(project: Project) -> None:
    gone = project.folder / "gone"
    gone.mkdir()
    script = f"rmdir ../gone; '{sys.executable}' -P -m aplay_host status"
    done = subprocess.run(
        ["sh", "-c", script], cwd=gone, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 78
    assert "the working directory is gone" in done.stderr
