"""A file with twenty different mistakes: each is told with its place and its cure."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .served import Project

MISTAKES = Path(__file__).parent / "mistakes"


@pytest.fixture
def wrong(project: Project) -> Project:
    shutil.copy(MISTAKES / "aplay.toml", project.folder)
    return project


def test_twenty_mistakes_are_twenty_located_errors_and_nothing_is_started(wrong: Project) -> None:
    golden = (MISTAKES / "errors.txt").read_text("utf-8")
    served = wrong.run("serve")
    assert (served.code, served.out, served.err) == (78, "", golden)
    assert not wrong.state_dir.exists()
    checked = wrong.run("check", "-o", "json")
    assert (checked.code, checked.err) == (78, "")
    errors = checked.data["errors"]
    assert len(errors) == 20
    assert len({error["key"] for error in errors}) == 20
    assert [error["source"] for error in errors] == re.findall(r"^(\S+): error", golden, re.M)
    uncured = [it["key"] for it in errors if not it["hint"] and "want" not in it["message"]]
    assert uncured == []


def test_what_the_command_line_says_is_told_first(wrong: Project) -> None:
    ended = wrong.run("check", "--set", "log.format=xml", "-o", "json")
    first = ended.data["errors"][0]
    assert (first["source"], first["key"], first["line"]) == ("--set", "log.format", 0)
    assert len(ended.data["errors"]) == 21
