"""What the options of every verb do to what is printed: forms, colours, remarks, parts."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import click
import pytest

from aplay_host.cli.connection import UnixConnection
from aplay_host.cli.main import VERBS, cli
from aplay_host.cli.options import COMMON_OPTIONS, Common
from aplay_host.cli.output import colored, names, table

from .served import PATIENCE, Project, Served, until
from .terminal import OnTerminal

TREE = """
    [actors."/a"]
    use = "odd:Odd"
    [actors."/w/a"]
    use = "odd:Odd"
    [actors."/w/b"]
    use = "odd:Odd"
    [actors."/bad"]
    use = "odd:NoStart"
    required = false
"""
COLOR = "\x1b["


@pytest.fixture(scope="module")
def served(shared: Project) -> Served:
    shared.write(TREE)
    return shared.serve()


def body_of(served: Served, path: str) -> bytes:
    connection = UnixConnection(Path(served.ready["control"]), PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def on_terminal(project: Project, *arguments: str, **environ: str) -> OnTerminal:
    return OnTerminal(project.folder, *arguments, environ=environ)


# ---- forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["status", "/a"], "/v1/actors?address=/a"),
        (["status", "--limit", "2", "--from", "/a"], "/v1/actors?limit=2&from=/a"),
        (["tree", "--depth", "1"], "/v1/tree?depth=1"),
        (["show", "/a"], "/v1/actors/a"),
        (["health"], "/readyz"),
        (["plugins", "list"], "/v1/plugins"),
        (["plugins", "show", "logwatch"], "/v1/plugins/logwatch"),
    ],
)
def test_json_is_the_body_of_the_answer(
    shared: Project, served: Served, arguments: list[str], path: str
) -> None:
    printed = shared.run(*arguments, "-o", "json").out
    body = body_of(served, path).decode() + "\n"
    moment = json.loads(printed)["at"]
    expected = body.replace(json.loads(body)["at"], moment)
    if arguments[0] == "show":  # tells ages in words
        printed, expected = (text.partition('"why"')[0] for text in (printed, expected))
    assert printed == expected


def test_jsonl_is_a_line_of_json_for_each_row(shared: Project, served: Served) -> None:
    lines = shared.run("status", "-o", "jsonl").out.splitlines()
    rows = shared.run("status", "-o", "json").data
    assert [json.loads(line) for line in lines] == rows
    (line,) = shared.run("ask", "/a", "[1, 2]", "-o", "jsonl").out.splitlines()
    assert json.loads(line)["reply"] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["status"], "/a\n/w\n/w/a\n/w/b\n/bad\n"),
        (["status", "/w/*"], "/w/a\n/w/b\n"),
        (["tree", "/w"], "/w\n/w/a\n/w/b\n"),
        (["show", "a"], "/a\n"),
        (["send", "/w/*", "1", "--yes"], "/w/a\n/w/b\n"),
        (["ask", "a", "1"], "/a\n"),
        (["start", "/w/**"], "/w\n/w/a\n/w/b\n"),
        (["health"], "host\n/bad\n"),
        (["reload", "--dry-run"], ""),
        (["check"], ""),
    ],
)
def test_names_are_addresses_alone(
    shared: Project, served: Served, arguments: list[str], printed: str
) -> None:
    ended = shared.run("-o", "name", "-q", "--timeout", "30s", *arguments)
    if arguments[0] == "start":
        assert (ended.code, ended.out) == (2, "")
        ended = shared.run("-o", "name", *arguments, "--yes")
    assert ended.out == printed


def test_names_of_plugins_are_their_ids(shared: Project, served: Served) -> None:
    ids = [row["id"] for row in shared.run("plugins", "list", "-o", "json").data]
    assert shared.run("plugins", "list", "-o", "name").out.splitlines() == ids


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (None, []),
        ({"plan": None, "error": {"code": "x"}}, []),
        ({"plan": {"cells": [{"address": "/a"}], "changed": ["x.py"]}}, ["/a"]),
        ([{"dist": "d", "errors": [{"id": "d/x"}]}], ["d"]),
        ({"errors": [{"key": "host.name"}, {"key": None}]}, ["host.name"]),
        ({"matched": 2, "failed": [{"id": 7}]}, ["7"]),
    ],
)
def test_what_identifies_a_row_is_found_in_any_answer(answer: Any, found: list[str]) -> None:
    assert list(names(answer)) == found


@pytest.mark.parametrize("output", ["table", "jsonl", "name"])
def test_a_call_that_fails_prints_nothing_on_stdout_in_any_form(
    shared: Project, served: Served, output: str
) -> None:
    for arguments in (["status", "/nobody"], ["start", "/bad"]):
        ended = shared.run("-o", output, *arguments)
        assert ended.code != 0
        assert ended.out == ""
        assert ended.err.startswith("{") == output.startswith("json")


def test_a_restart_that_is_due_is_told_with_the_state(project: Project) -> None:
    project.write(
        '[actors."/again"]\nuse = "odd:Odd"\non_error = "restart"\n'
        "backoff = { initial = 60, max = 60, jitter = 0 }\n"
    )
    served = project.serve()
    served.send("/again", {"do": "raise", "text": "no"})
    until(lambda: served.row("/again")["state"] == "restarting")
    line = project.run("status").out.splitlines()[2]
    assert re.match(r"/again +restarting 1/5, (59|60) s  ", line)
    assert project.run("show", "/again", "-o", "json").data["next_restart"]["most"] == 5
    assert "next_restart" not in project.run("status", "-o", "json").data[0]


# ---- parts ---------------------------------------------------------------------------------


def test_a_list_is_whole_and_has_no_next_unless_it_is_cut_off(
    shared: Project, served: Served
) -> None:
    everything = shared.run("status", "-o", "json").document
    assert (len(everything["data"]), everything["next"]) == (5, None)
    assert shared.run("status", "--limit", "5", "-o", "json").document["next"] is None
    seen: list[str] = []
    begin: list[str] = []
    while True:
        part = shared.run("status", "--limit", "2", *begin, "-o", "json").document
        seen += [row["address"] for row in part["data"]]
        if part["next"] is None:
            break
        begin = ["--from", part["next"]]
    assert seen == [row["address"] for row in everything["data"]]


def test_a_list_that_is_cut_off_says_so_on_stderr(shared: Project, served: Served) -> None:
    assert shared.run("status", "--limit", "1").err == "there are more, from /w on\n"
    assert shared.run("status", "--limit", "1", "-q").err == ""


@pytest.mark.parametrize(
    "arguments", [["--limit", "0"], ["--limit", "x"], ["--from", "/nobody"], ["--from", ""]]
)
def test_a_part_that_there_is_not_is_a_mistake(
    shared: Project, served: Served, arguments: list[str]
) -> None:
    ended = shared.run("status", *arguments)
    assert (ended.code, ended.out) == (2, "")


def test_a_tree_is_as_deep_as_was_asked(shared: Project, served: Served) -> None:
    assert shared.run("tree", "--depth", "0", "-o", "name").out == "/\n"
    assert shared.run("tree", "--depth", "1", "-o", "name").out == "/\n/a\n/w\n/bad\n"
    assert len(shared.run("tree", "--depth", "9", "-o", "name").out.splitlines()) == 6


def test_ten_thousand_rows_are_all_there(project: Project) -> None:
    project.write('[actors."/crowd"]\nuse = "odd:Crowd"\noptions = { size = 10_000 }\n')
    project.serve()
    ended = project.run("status", "-o", "name")
    assert len(set(ended.out.splitlines())) == 10_001
    document = project.run("status", "--limit", "9000", "-o", "json").document
    assert (len(document["data"]), document["next"]) == (9000, "/crowd/8999")


# ---- colours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environ", "colored"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
        (["--color", "never"], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_a_terminal_gets_colours_unless_somebody_objects(
    shared: Project, served: Served, arguments: list[str], environ: dict[str, str], colored: bool
) -> None:
    outer = {} if "NO_COLOR" in environ else {"NO_COLOR": ""}
    terminal = on_terminal(shared, "status", *arguments, **(outer | environ))
    assert terminal.end() == 0
    assert (COLOR in terminal.shown) is colored


def test_nobody_else_gets_colours_but_for_the_asking(shared: Project, served: Served) -> None:
    for arguments in (["status"], ["tree"], ["health"], ["plugins", "list"]):
        plain = shared.run(*arguments).out
        assert COLOR not in plain
        coloured = shared.run(*arguments, "--color", "always").out
        assert COLOR in coloured
    assert COLOR not in shared.run("status", "--color", "always", "-o", "json").out
    assert COLOR in shared.run("status", "/nobody", "--color", "always").err


def test_a_state_has_the_colour_of_its_first_word() -> None:
    assert colored("failed ") == "\x1b[31mfailed \x1b[0m"
    assert colored("stopped (held)") == "\x1b[33mstopped (held)\x1b[0m"
    assert colored("held by nobody") == "held by nobody"


def test_colours_do_not_widen_a_column() -> None:
    rows = [("failed", 1), ("running", 2)]
    plain = list(table(("STATE", "N"), rows))
    painted = list(table(("STATE", "N"), rows, tint=colored))
    assert painted == [plain[0], "\x1b[31mfailed \x1b[0m  1", "\x1b[32mrunning\x1b[0m  2"]


# ---- remarks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "/a", "1"],
        ["status", "--limit", "1"],
        ["-c", "elsewhere.toml", "plugins", "list"],
    ],
)
def test_a_quiet_call_remarks_nothing(
    shared: Project, served: Served, arguments: list[str]
) -> None:
    (shared.folder / "elsewhere.toml").write_text('host.state_dir = "none"\n')
    assert shared.run(*arguments).err != ""
    assert shared.run(*arguments, "-q").err == ""


def test_a_verbose_call_tells_whom_it_asked(shared: Project, served: Served) -> None:
    (line,) = shared.run("tree", "-v").err.splitlines()
    assert line.startswith("GET /v1/tree?root=%2F: 200 in ")
    assert f"pid {served.pid}, {shared.folder / 'aplay.toml'}, " in line


def test_every_verb_has_the_options_of_every_verb() -> None:
    context = click.Context(cli, obj=Common())
    wanted = {flag for option in COMMON_OPTIONS for flag in flags(click.Command("x"), option)}
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        found = {flag for option in command.params for flag in option.opts}
        assert found >= wanted | {"-c"}, verb


def flags(command: click.Command, option: Any) -> list[str]:
    def nothing() -> None: ...

    (made,) = click.command("x")(option(nothing)).params
    return made.opts


# ---- acting --------------------------------------------------------------------------------


def test_a_pattern_that_names_several_is_asked_about_on_a_terminal(project: Project) -> None:
    project.write(TREE)
    served = project.serve()
    terminal = on_terminal(project, "stop", "/w/*")
    terminal.until("stop 2 actors? [y/N]")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "nothing done" in terminal.shown
    assert served.row("/w/a")["state"] == "running"
    terminal = on_terminal(project, "stop", "/w/*")
    terminal.until("stop 2 actors? [y/N]")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert served.row("/w/a")["state"] == "stopped"


def test_without_waiting_the_state_is_told_as_it_is(project: Project) -> None:
    project.write('[actors."/slow"]\nuse = "odd:Odd"\nstop_timeout = 60\n')
    served = project.serve()
    served.busy("/slow", {"do": "wait"})
    ended = project.run("stop", "/slow", "--no-wait", "-o", "json")
    assert (ended.code, ended.data["results"][0]["state"]) == (0, "stopping")
    waited = project.run("stop", "/slow", "--timeout", "100ms", "-o", "json")
    assert (waited.code, waited.out, waited.problem) == (4, "", "timeout")


def test_ctrl_c_ends_a_call_with_130(project: Project) -> None:
    project.write(TREE)
    served = project.serve()
    terminal = on_terminal(project, "ask", "/a", '{"do": "wait"}')
    while served.row("/a")["in_hand"] == 0:
        assert os.waitpid(terminal.pid, os.WNOHANG) == (0, 0)
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "interrupted; what was sent already stays sent" in terminal.shown


# ---- watching ------------------------------------------------------------------------------


def test_a_watched_status_is_shown_anew_in_place_until_ctrl_c(
    shared: Project, served: Served
) -> None:
    terminal = OnTerminal(
        shared.folder, "status", "/w/**", "--watch", lines=5, environ={"NO_COLOR": "1"}
    )
    terminal.until("… and 2 more lines")
    first = terminal.shown
    terminal.until("… and 2 more lines\x1b[K\n\x1b[J\x1b[?7h\x1b[H")
    assert terminal.shown.startswith(first)
    assert "/w/b" not in terminal.shown
    terminal.type("\x03")
    assert terminal.end() == 130


def test_a_watched_host_may_go_away_and_come_back(project: Project) -> None:
    project.write(TREE)
    served = project.serve()
    terminal = on_terminal(project, "status", "--watch", NO_COLOR="1")
    terminal.until("/w/b")
    os.kill(served.pid, 9)
    served.wait()
    terminal.until("no host is running")
    terminal.shown = ""
    project.serve()
    terminal.until("/w/b")
    terminal.type("\x03")
    assert terminal.end() == 130


@pytest.mark.parametrize("output", ["table", "json"])
def test_watching_wants_a_terminal(shared: Project, served: Served, output: str) -> None:
    ended = shared.run("status", "--watch", "-o", output)
    assert (ended.code, ended.out) == (2, "")
    assert "--watch wants a terminal" in ended.err
