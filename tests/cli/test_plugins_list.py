"""The verb ``plugins list`` where no host runs; beside one it is with the other answers."""

from __future__ import annotations

import pytest

from .served import Project

REMARK = "no host is running: states are from metadata only\n"


def states(project: Project, *arguments: str) -> dict[str, str]:
    ended = project.run("plugins", "list", "-o", "json", *arguments)
    assert ended.code == 0, ended
    assert ended.document["host"] is None
    return {row["id"]: row["state"] for row in ended.data}


def test_without_an_aplay_toml_all_that_is_installed_is_listed(project: Project) -> None:
    found = states(project)
    assert found["logwatch/logwatch.count"] == found["counter/counter"] == "found"
    people = project.run("plugins", "list")
    assert people.err == REMARK
    assert people.out.splitlines()[0].split() == ["ID", "DOOR", "VERSION", "STATE", "NOTE"]
    assert project.run("plugins", "list", "-q").err == ""


def test_without_a_host_the_file_says_what_is_disabled(project: Project) -> None:
    project.write('plugins.disable = ["counter"]\n', head="")
    found = states(project)
    assert (found["counter/counter"], found["logwatch/logwatch.tail"]) == ("disabled", "found")


def test_a_file_with_mistakes_is_no_reason_not_to_list(project: Project) -> None:
    project.write('plugins.disable = ["counter", 3]\nplugins.nonsense = 1\n', head="")
    assert states(project)["counter/counter"] == "disabled"


@pytest.mark.parametrize("text", [None, "= no toml"])
def test_a_file_that_was_named_has_to_be_there_and_be_toml(
    project: Project, text: str | None
) -> None:
    if text is not None:
        project.write(text, head="")
    ended = project.run("plugins", "list", "-c", "aplay.toml")
    assert (ended.code, ended.out) == (78, "")


def test_a_broken_plugin_is_listed_with_its_reason_and_not_imported(project: Project) -> None:
    project.install("acme", "x = acme_evil")
    (project.folder / "site-packages" / "acme_evil.py").write_text("import os; os._exit(9)")
    ended = project.run("plugins", "list", "-o", "json")
    (row,) = [row for row in ended.data if row["dist"] == "acme"]
    assert (row["state"], row["editable"]) == ("broken", False)
    assert set(row["reason"]) == {"phase", "type", "message", "place"}
    assert row["reason"]["type"] == "bad-target"
