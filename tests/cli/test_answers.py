"""What a verb prints: the JSON of the contract, or text for people; nothing when it fails."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from .served import Ended, Project, Served

TREE = """
    [actors."/odd"]
    use = "odd:Odd"
    [actors."/bad"]
    use = "odd:NoStart"
    required = false
    [actors."/count"]
    use = "logwatch.count"
    [actors."/w/a"]
    use = "odd:Odd"
    [actors."/w/b"]
    use = "odd:Odd"
    [actors."/tight"]
    use = "odd:Odd"
    mailbox = { capacity = 1 }
    [actors."/patient"]
    use = "odd:Odd"
    mailbox = { capacity = 1, overflow = "wait" }
"""
ROW = {
    "address", "type", "plugin", "state", "held", "required", "generation", "since", "restarts",
    "pending", "in_hand", "mailbox", "counters", "last_error", "children",
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


Answer = Callable[..., Ended]


@pytest.fixture(scope="module")
def served(shared: Project) -> Served:
    shared.write(TREE)
    return shared.serve()


@pytest.fixture(scope="module")
def answer(shared: Project, served: Served) -> Answer:
    """Run a command whose answer stays the same, once for all tests."""
    kept: dict[tuple[str, ...], Ended] = {}

    def answer(*arguments: str) -> Ended:
        if arguments not in kept:
            kept[arguments] = shared.run(*arguments)
        return kept[arguments]

    return answer


def test_the_ready_line_says_where_the_host_is(shared: Project, served: Served) -> None:
    assert served.ready == {
        "event": "ready",
        "pid": served.pid,
        "control": str(shared.state_dir / "run" / "control.sock"),
        "metrics": None,
    }


# ---- JSON ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "schema", "code"),
    [
        (["status"], "aplay.status/1", 0),
        (["status", "/bad"], "aplay.status/1", 3),
        (["tree"], "aplay.tree/1", 0),
        (["show", "odd"], "aplay.show/1", 0),
        (["show", "/bad"], "aplay.show/1", 0),
        (["send", "/w/*", "1", "--yes"], "aplay.send/1", 0),
        (["ask", "odd", '{"é": [1, null]}'], "aplay.ask/1", 0),
        (["health"], "aplay.health/1", 0),
        (["health", "--startup"], "aplay.health/1", 0),
        (["plugins", "list"], "aplay.plugins.list/1", 0),
    ],
)
def test_every_answer_of_a_host_has_the_same_frame(
    shared: Project,
    served: Served,
    answer: Answer,
    arguments: list[str],
    schema: str,
    code: int,
) -> None:
    ended = answer(*arguments, "-o", "json")
    assert (ended.code, ended.err) == (code, "")
    assert list(ended.document) == ["schema", "host", "at", "data", "next"]
    assert ended.document["schema"] == schema
    assert ended.document["next"] is None
    assert TIME.fullmatch(ended.document["at"])
    host = ended.document["host"]
    assert list(host) == [
        "name", "id", "boot", "pid", "version", "state", "generation", "config", "pending_restart",
        "banner",
    ]  # fmt: skip
    assert host["pid"] == served.pid
    assert host["state"] == "running"
    assert host["config"] == str(shared.folder / "aplay.toml")


def test_a_check_has_the_same_frame_without_a_host(shared: Project, served: Served) -> None:
    ended = shared.run("check", "-o", "json")
    assert list(ended.document) == ["schema", "host", "at", "data", "next"]
    assert ended.document["schema"] == "aplay.check/1"
    assert ended.document["host"] is None
    assert set(ended.data) == {"file", "errors", "warnings"}


def test_status_is_a_row_for_each_actor(answer: Answer) -> None:
    rows = answer("status", "-o", "json").data
    assert [row["address"] for row in rows] == [
        "/odd", "/bad", "/count", "/w", "/w/a", "/w/b", "/tight", "/patient"
    ]  # fmt: skip
    for row in rows:
        assert set(row) == ROW
        assert set(row["counters"]) == {"accepted", "handled", "failed", "dead"}
        assert set(row["mailbox"]) == {"kind", "capacity", "oldest_s"}
        assert TIME.fullmatch(row["since"])
        assert row["generation"] == 1
        settled = sum(row["counters"][name] for name in ("handled", "failed", "dead"))
        assert row["counters"]["accepted"] == settled + row["pending"] + row["in_hand"]
    by = {row["address"]: row for row in rows}
    assert by["/odd"]["mailbox"] == {"kind": "memory", "capacity": 10_000, "oldest_s": 0.0}
    assert by["/tight"]["mailbox"] == {"kind": "memory", "capacity": 1, "oldest_s": 0.0}
    assert (by["/odd"]["type"], by["/odd"]["plugin"]) == ("odd:Odd", None)
    assert (by["/w"]["type"], by["/w"]["plugin"]) == ("group", None)
    assert (by["/count"]["type"], by["/count"]["plugin"]) == ("logwatch/logwatch.count", "logwatch")
    assert by["/w"]["children"] == ["/w/a", "/w/b"]
    assert (by["/odd"]["required"], by["/bad"]["required"]) == (True, False)
    assert (by["/odd"]["state"], by["/bad"]["state"]) == ("running", "failed")
    assert set(by["/bad"]["last_error"]) == {"type", "text", "where", "at"}
    assert by["/bad"]["last_error"]["text"] == "no such device"


def test_a_tree_is_nested(answer: Answer) -> None:
    top = answer("tree", "-o", "json").data
    assert top["address"] == "/"
    assert [child["address"] for child in top["children"]] == [
        "/odd", "/bad", "/count", "/w", "/tight", "/patient"
    ]  # fmt: skip
    inner = top["children"][3]
    assert set(inner) == {"address", "state", "held", "type", "pending", "children"}
    assert [child["address"] for child in inner["children"]] == ["/w/a", "/w/b"]
    assert answer("tree", "/w", "-o", "json").data == inner


def test_send_tells_what_became_of_each(answer: Answer) -> None:
    ended = answer("send", "/w/*", "1", "--yes", "-o", "json")
    assert ended.data["accepted"] == 2
    assert [set(result) for result in ended.data["results"]] == [
        {"address", "ok", "message_id", "problem"}
    ] * 2


def test_ask_has_address_reply_and_time(answer: Answer) -> None:
    data = answer("ask", "odd", '{"é": [1, null]}', "-o", "json").data
    assert data == {"address": "/odd", "reply": {"é": [1, None]}, "took_s": data["took_s"]}
    assert 0 <= data["took_s"] < 5


def test_health_has_a_status_and_its_checks(answer: Answer) -> None:
    data = answer("health", "-o", "json").data
    assert data["status"] == "degraded"
    assert [set(check) for check in data["checks"]] == [
        {"name", "ok", "critical", "detail", "since"}
    ] * 2
    assert [(check["name"], check["ok"]) for check in data["checks"]] == [
        ("host", True),
        ("/bad", False),
    ]


def test_the_list_of_plugins_says_what_the_contract_wants(answer: Answer) -> None:
    rows = {row["id"]: row for row in answer("plugins", "list", "-o", "json").data}
    for row in rows.values():
        assert {"id", "door", "version", "state", "reason", "editable"} <= set(row)
        assert row["door"] in ("actor", "plugin")
        assert row["reason"] is None
    assert rows["logwatch/logwatch.count"]["state"] == "active"
    assert rows["logwatch/logwatch.count"]["actors"] == ["/count"]
    assert rows["logwatch/logwatch.tail"]["state"] == "found"


def test_options_may_stand_before_and_after_the_verb(shared: Project, served: Served) -> None:
    file = str(shared.folder / "aplay.toml")
    before = shared.run("-o", "json", "-c", file, "--timeout", "5s", "tree", "/w")
    after = shared.run("tree", "/w", "-o", "json", "-c", file, "--timeout", "5s")
    assert before.data == after.data
    assert shared.run("-o", "json", "tree", "/w", "-o", "table").out.startswith("/w  running")
    between = shared.run("plugins", "-o", "json", "list")
    assert between.document["schema"] == "aplay.plugins.list/1"


# ---- text ----------------------------------------------------------------------------------


def test_status_is_a_table_and_the_newest_errors(shared: Project, served: Served) -> None:
    ended = shared.run("status", "/bad", "/w/**")
    host, header, *rows, error = ended.out.splitlines()
    name, *facts = host.split("  ")
    assert name == shared.folder.name
    assert [facts[0], facts[1]] == ["degraded", f"pid {served.pid}"]
    assert re.fullmatch(r"up \d+ (s|min)", facts[2])
    assert facts[3:] == ["generation 1", "aplay.toml"]
    assert header.split() == [
        "ADDRESS", "STATE", "PENDING", "HANDLED", "FAILED", "RESTARTS", "SINCE", "MAILBOX", "TYPE"
    ]  # fmt: skip
    assert [row.split()[0] for row in rows] == ["/bad", "/w", "/w/a", "/w/b"]
    assert error == "/bad: last error RuntimeError: no such device"
    assert ended.code == 3


def test_a_tree_is_drawn(shared: Project, served: Served) -> None:
    assert shared.run("tree", "/w").out.splitlines() == [
        "/w  running  group",
        "├─ a  running  odd:Odd",
        "└─ b  running  odd:Odd",
    ]


def test_a_drawing_that_the_terminal_lacks_letters_for_is_still_printed(
    shared: Project, served: Served
) -> None:
    ended = shared.run("tree", "/w", PYTHONIOENCODING="ascii")
    assert ended.code == 0
    assert ended.out.splitlines()[1].endswith(" a  running  odd:Odd")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_any_text_that_is_replied_comes_out_as_json(
    shared: Project, served: Served, encoding: str
) -> None:
    message = r'"é 漢 \ud800 \u2028 \u001b"'
    ended = shared.run("ask", "/odd", message, PYTHONIOENCODING=encoding)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == json.loads(message)


def test_the_text_of_an_error_cannot_steer_the_terminal(shared: Project, served: Served) -> None:
    message = json.dumps({"do": "raise", "text": "\x1b[2J\rgone\x9b"})
    told = shared.run("ask", "/w/a", message).err
    assert r"ValueError: \x1b[2J\rgone\x9b" in told
    assert r"ValueError: \x1b[2J\rgone\x9b" in shared.run("status", "/w/a").out
    shared.run("ask", "/w/a", json.dumps({"do": "raise", "text": "a\n/forged  running"}))
    assert r"ValueError: a\n/forged  running" in shared.run("status", "/w/a").out


def test_a_message_comes_from_a_file_or_from_stdin_as_well(shared: Project, served: Served) -> None:
    (shared.folder / "message.json").write_text('{"n": 1}')
    assert shared.run("ask", "/odd", "@message.json").out == '{"n": 1}\n'
    assert shared.run("ask", "/odd", "-", stdin='{"n": 2}').out == '{"n": 2}\n'


def test_send_says_nothing_on_stdout(shared: Project, served: Served) -> None:
    ended = shared.run("send", "/odd", "1")
    assert (ended.code, ended.out, ended.err) == (0, "", "accepted by 1\n")
    assert shared.run("send", "/odd", "1", "-q").err == ""


def test_health_says_in_words_what_is_wrong(shared: Project, served: Served) -> None:
    assert shared.run("health").out == "degraded\n  /bad is failed: no such device\n"


# ---- failures ------------------------------------------------------------------------------

RAISE = '{"do": "raise", "text": "no"}'
WAIT = '{"do": "wait"}'


@pytest.mark.parametrize(
    ("code", "problem", "arguments"),
    [
        (1, "handler-failed", ["ask", "/odd", RAISE]),
        (2, "bad-request", ["ask", "/odd", "no json"]),
        (2, "bad-request", ["ask", "/odd", "NaN"]),
        (2, "bad-request", ["ask", "/odd", "[" * 100_000]),
        (2, "bad-request", ["ask", "/odd"]),
        (2, "bad-request", ["ask", "/o dd", "1"]),
        (2, "bad-request", ["ask", "/w/*", "1"]),
        (4, "timeout", ["ask", "/w/b", WAIT, "--timeout", "100ms"]),
        (5, "no-such-actor", ["ask", "/nobody", "1"]),
        (7, "actor-failed", ["ask", "/bad", "1"]),
        (2, "bad-request", ["send", "/odd", "no json"]),
        (2, "bad-request", ["send", "/w/*", "1"]),
        (5, "no-such-actor", ["send", "/nobody", "1"]),
        (5, "no-such-actor", ["status", "/nobody"]),
        (5, "no-such-actor", ["tree", "/nobody"]),
        (5, "no-such-actor", ["show", "/nobody"]),
        (5, "no-such-actor", ["show", "/"]),
        (2, "bad-request", ["show", "/w/*"]),
        (2, "bad-request", ["show", "/o dd?#"]),
        (2, "bad-request", ["show"]),
        (2, "bad-request", ["tree", "/w/*"]),
        (2, "bad-request", ["status", "--timeout", "soon"]),
        (2, "bad-request", ["no-such-verb"]),
        (7, "host-busy", ["serve"]),
        (2, "bad-request", ["serve", "--ready-fd", "99"]),
    ],
)
def test_a_call_that_fails_has_its_code_and_one_line_of_json_on_stderr(
    shared: Project, served: Served, code: int, problem: str, arguments: list[str]
) -> None:
    ended = shared.run("-o", "json", *arguments)
    assert ended.problem == problem
    assert (ended.code, ended.out) == (code, "")


@pytest.mark.parametrize(
    ("code", "told", "arguments"),
    [
        (1, "/odd failed: ValueError: no", ["ask", "/odd", RAISE]),
        (2, "is no JSON: Expecting value", ["ask", "/odd", "no json"]),
        (4, "no reply from /w/a within 0.1 s", ["ask", "/w/a", WAIT, "--timeout", "0.1"]),
        (7, "/bad cannot answer: it is failed", ["ask", "/bad", "1"]),
    ],
)
def test_a_call_that_fails_tells_people_why_on_stderr(
    shared: Project, served: Served, code: int, told: str, arguments: list[str]
) -> None:
    ended: Ended = shared.run(*arguments)
    assert told in ended.err
    assert (ended.code, ended.out) == (code, "")


def test_an_error_that_cannot_tell_itself_is_a_failure_all_the_same(
    shared: Project, served: Served
) -> None:
    ended = shared.run("ask", "/odd", '{"do": "raise what cannot be told"}')
    assert (ended.code, ended.out) == (1, "")
    assert "/odd failed: Untold" in ended.err


def test_a_message_that_finds_no_room_is_refused(shared: Project, served: Served) -> None:
    served.busy("/tight", {"do": "wait"})
    served.send("/tight", "takes the only place")
    for verb in ("send", "ask"):
        ended = shared.run(verb, "/tight", "1", "-o", "json")
        assert (ended.code, ended.out, ended.problem) == (7, "", "mailbox-full")


def test_a_message_that_waits_for_room_until_its_time_is_over_has_had_no_answer_in_time(
    shared: Project, served: Served
) -> None:
    served.busy("/patient", {"do": "wait"})
    served.send("/patient", "takes the only place")
    for verb in ("send", "ask"):
        ended = shared.run(verb, "/patient", "1", "--timeout", "100ms", "-o", "json")
        assert (ended.code, ended.out, ended.problem) == (4, "", "timeout")


def test_bad_news_that_is_the_data_is_printed_whatever_the_code(answer: Answer) -> None:
    ended = answer("status", "/bad", "-o", "json")
    states: list[Any] = [row["state"] for row in ended.data]
    assert (ended.code, states) == (3, ["failed"])


def test_a_file_that_is_broken_while_its_host_runs_keeps_nobody_from_it(project: Project) -> None:
    file = project.write('[actors."/a"]\nuse = "odd:Odd"\n')
    served = project.serve()
    sound = file.read_text()
    file.write_text(f"{sound}x = \n")
    assert project.run("status", "/a").code == 0
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    ended = project.run("status", "/a")
    assert (ended.code, ended.out) == (78, "")
    assert "not TOML" in ended.err
