"""Completion, as real shells do it with the scripts of ``completion``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from .served import PATIENCE, Project

TRY = {
    "bash": """
        source <(aplay-host completion bash)
        COMP_WORDS=({words} "{last}"); COMP_CWORD={count}
        _aplay_host_completion aplay-host
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """,
    "zsh": """
        compdef() {{}}
        compadd() {{ print -l -- $completions }}
        _describe() {{ print -l -- ${{completions_with_descriptions%%:*}} }}
        source <(aplay-host completion zsh)
        words=({words} "{last}"); CURRENT=$(({count} + 1))
        _aplay_host_completion
    """,
    "fish": """
        aplay-host completion fish | source
        complete -C '{words} {last}' | string split -f 1 \\t
    """,
}
"""What prints how each shell would complete the last word of a line."""
OPTIONS = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}


class Shell:
    """One shell, in whose path the command is."""

    def __init__(self, name: str, project: Project) -> None:
        self._name = name
        self._project = project
        folder = project.folder / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "aplay-host"
        script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m aplay_host \"$@\"\n")
        script.chmod(0o755)
        self._environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    def complete(self, line: str) -> list[str]:
        """Return what the shell offers for the last word of `line`, in its order."""
        words, _, last = line.rpartition(" ")
        program = TRY[self._name].format(words=words, last=last, count=len(words.split()))
        done = subprocess.run(
            [self._name, *OPTIONS[self._name], program],
            cwd=self._project.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.split()


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, project: Project) -> Shell:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return Shell(request.param, project)


def test_a_shell_completes_verbs_options_addresses_and_plugins(
    shell: Shell, project: Project
) -> None:
    file = project.write('[actors."/w/a"]\nuse = "odd:Odd"\n[actors."/w/b"]\nuse = "odd:Odd"\n')
    project.serve()
    assert set(shell.complete("aplay-host st")) == {"status", "start", "stop"}
    assert shell.complete("aplay-host status --wat") == ["--watch"]
    assert set(shell.complete("aplay-host -o js")) == {"json", "jsonl"}
    assert set(shell.complete("aplay-host plugins sh")) == {"show"}
    assert set(shell.complete("aplay-host show /w")) == {"/w", "/w/a", "/w/b"}
    assert shell.complete(f"aplay-host -c {file} stop /w/a /w/") == ["/w/b"]
    assert "logwatch/logwatch.tail" in shell.complete("aplay-host plugins show logw")
    assert "logwatch" in shell.complete("aplay-host reload --plugin logw")


@pytest.mark.parametrize("line", ["status /", "-c nothing.toml status /", "lost --s", "ask /a 1"])
def test_where_nothing_is_known_nothing_is_said(line: str, project: Project) -> None:
    project.write("")
    assert Shell("bash", project).complete(f"aplay-host {line}") == []


def test_a_host_that_does_not_answer_is_given_up_soon(project: Project) -> None:
    project.write('[actors."/odd"]\nuse = "odd:Odd"\n')
    served = project.serve()
    served.send("/odd", {"do": "block"})
    began = time.monotonic()
    assert Shell("bash", project).complete("aplay-host status /") == []
    assert time.monotonic() - began < 5.0  # without a limit of its own it would be 10 s


def test_the_script_is_the_data_of_the_verb(project: Project) -> None:
    script = project.run("completion", "bash").out
    assert "_APLAY_HOST_COMPLETE=bash_complete" in script
    assert project.run("completion", "bash", "-o", "json").data == script
    assert project.run("completion", "powershell").code == 2
