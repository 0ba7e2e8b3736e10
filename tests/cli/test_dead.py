"""The verbs ``dead list``, ``show``, ``replay`` and ``drop``."""

from __future__ import annotations

import pytest

from .served import Project, Served

TREE = """
    [actors."/odd"]
    use = "odd:Odd"
    [actors."/small"]
    use = "odd:Odd"
    mailbox = { capacity = 1, overflow = "drop_oldest" }
"""


@pytest.fixture(scope="module")
def served(shared: Project) -> Served:
    shared.write(TREE)
    served = shared.serve()
    assert shared.run("stop", "/small").code == 0
    return served


@pytest.fixture
def letters(shared: Project, served: Served) -> list[str]:
    """Three letters to /small, the newest first; one message waits there."""
    shared.run("dead", "drop", "--address", "/**", "--yes")
    for number in range(4):
        served.send("/small", {"n": number, "name": "\x1b[2Jx"})
    return [row["id"] for row in shared.run("dead", "list", "-o", "json").data][:3]


def listed(project: Project) -> list[str]:
    return [row["id"] for row in project.run("dead", "list", "-o", "json").data]


def test_the_list_is_a_table_and_its_json_can_be_cut(shared: Project, letters: list[str]) -> None:
    out = shared.run("dead", "list").out.splitlines()
    assert out[0].split() == ["ID", "ADDRESS", "REASON", "AGE", "KEPT", "TYPE", "ERROR"]
    *row, _, _, kept, type_name = out[1].split()
    assert (row, kept, type_name) == ([letters[0], "/small", "dropped"], "no", "dict")
    cut = shared.run("dead", "list", "--limit", "1", "--cause", "dropped", "-o", "json")
    assert [row["id"] for row in cut.data] == letters[:1]
    assert (cut.document["schema"], cut.document["next"]) == ("aplay.dead.list/1", letters[1])
    assert "there are more" in shared.run("dead", "list", "--limit", "1").err
    assert shared.run("dead", "list", "--address", "/odd", "-o", "json").data == []


def test_one_letter_is_shown_with_what_is_in_it(shared: Project, letters: list[str]) -> None:
    out = shared.run("dead", "show", letters[0]).out
    assert '{"n": 2, "name": "\\u001b[2Jx"}' in out
    assert "reason    dropped" in out
    assert shared.run("dead", "show", letters[0], "-o", "json").data["payload"]["n"] == 2
    unknown = shared.run("dead", "show", "m/9", "-o", "json")
    assert (unknown.code, unknown.out) == (5, "")


def test_several_that_a_filter_chooses_want_a_yes(shared: Project, letters: list[str]) -> None:
    for verb in ("replay", "drop"):
        ended = shared.run("dead", verb, "--cause", "dropped")
        assert ended.code == 2
        assert f"say --yes to {verb} " in ended.err
        assert shared.run("dead", verb, "--yes").code == 2
        assert shared.run("dead", verb, letters[0], "--cause", "dropped").code == 2
    assert shared.run("dead", "drop", "--cause", "dropped", "--yes").err.startswith("dropped ")
    assert shared.run("dead", "drop", "--cause", "dropped", "--yes").code == 5


def test_a_replay_tells_how_many_were_accepted(
    shared: Project, served: Served, letters: list[str]
) -> None:
    assert shared.run("start", "/small").code == 0
    before = served.row("/small")["counters"]["handled"]
    ended = shared.run("dead", "replay", *letters[:2], "--rate", "20", "-o", "json")
    assert ended.data == {"matched": 2, "done": 2, "failed": []}
    assert served.ask("/small", "last") == "last"
    assert served.row("/small")["counters"]["handled"] == before + 3
    assert set(letters[:2]).isdisjoint(listed(shared))
    assert shared.run("stop", "/small").code == 0


def test_a_letter_that_is_refused_is_a_problem_and_kept(project: Project) -> None:
    project.write('[actors."/a"]\nuse = "odd:Odd"\n[actors."/b"]\nuse = "odd:Odd"')
    served = project.serve()
    assert project.run("stop", "/a").code == 0
    served.send("/a", 1)
    project.write('[actors."/b"]\nuse = "odd:Odd"')
    assert project.run("reload", "--config").code == 0
    (letter,) = listed(project)
    ended = project.run("dead", "replay", letter, "-o", "json")
    assert (ended.code, ended.out, ended.problem) == (5, "", "no-such-actor")
    assert "replayed 0 of 1, the others are kept" in ended.err
    assert listed(project) == [letter]
