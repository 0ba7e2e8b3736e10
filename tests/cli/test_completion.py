"""Completion, as real shells do it with the scripts of ``completion``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from .served import PATIENCE, Project

BEGIN = {
    "bash": "source <(aplay-host completion bash)",
    "zsh": """
        compdef() {}
        compadd() { print -l -- $completions }
        _describe() { print -l -- ${completions_with_descriptions%%:*} }
        source <(aplay-host completion zsh)
    """,
    "fish": "aplay-host completion fish | source",
}
TRY = {
    "bash": """
        COMP_WORDS=({words} "{last}"); COMP_CWORD={count}; COMPREPLY=()
        _aplay_host_completion aplay-host
        echo "${{COMPREPLY[@]}}" / end
    """,
    "zsh": """
        words=({words} "{last}"); CURRENT=$(({count} + 1))
        _aplay_host_completion; echo / end
    """,
    "fish": "complete -C '{words} {last}' | string split -f 1 \\t; echo / end",
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

    def complete(self, *lines: str) -> list[str]:
        """Return what the shell offers for the last word of each line, with a space between."""
        parts = [f"aplay-host {line}".rpartition(" ") for line in lines]
        tries = [
            TRY[self._name].format(words=words, last=last, count=len(words.split()))
            for words, _, last in parts
        ]
        done = subprocess.run(
            [self._name, *OPTIONS[self._name], "\n".join([BEGIN[self._name], *tries])],
            cwd=self._project.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.stderr == ""
        return [" ".join(sorted(it.split())) for it in done.stdout.split("/ end\n")[:-1]]


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
    assert shell.complete("st", "status --wat", "-o js", "show /w", f"-c {file} stop /w/a /w/") == [
        "start status stop",
        "--watch",
        "json jsonl",
        "/w /w/a /w/b",
        "/w/b",
    ]
    in_group, offered, loaded = shell.complete(
        "plugins sh", "plugins show logw", "reload --plugin logw"
    )
    assert in_group == "show"
    assert "logwatch/logwatch.tail" in offered
    assert "logwatch " in loaded


def test_where_nothing_is_known_nothing_is_said(project: Project) -> None:
    project.write("")
    lines = ("status /", "-c nothing.toml status /", "lost --x", "ask /a 1")
    assert Shell("bash", project).complete(*lines) == [""] * 4


def test_a_host_that_does_not_answer_is_given_up_soon(project: Project) -> None:
    project.write('[actors."/odd"]\nuse = "odd:Odd"\n')
    served = project.serve()
    served.block("/odd")
    began = time.monotonic()
    assert Shell("bash", project).complete("status /") == [""]
    assert time.monotonic() - began < 5.0  # without a limit of its own it would be 10 s


def test_the_script_is_the_data_of_the_verb(project: Project) -> None:
    script = project.run("completion", "bash").out
    assert "_APLAY_HOST_COMPLETE=bash_complete" in script
    assert project.run("completion", "bash", "-o", "json").data == script
    assert project.run("completion", "powershell").code == 2
