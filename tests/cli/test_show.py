"""The verb ``show``: what an operator reads first, and what is below it."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime

import pytest

from aplay_host.cli.output import clock

from .served import Project, Served, until

TREE = """
    [actors."/odd"]
    use = "odd:Odd"
    [actors."/stops"]
    use = "odd:Odd"
    on_error = "stop"
    mailbox = { capacity = 4 }
    [actors."/parse"]
    use = "logwatch.parse"
    options = { to = "/odd" }
    [actors."/bad"]
    use = "odd:NoStart"
    required = false
    [actors."/w/a"]
    use = "odd:Odd"
"""


@pytest.fixture(scope="module")
def served(shared: Project) -> Served:
    shared.write(TREE)
    return shared.serve()


def facts(out: str) -> dict[str, str]:
    """Return the facts by their labels."""
    return dict(re.findall(r"^(\w[\w ]{0,9}\w) {2,}(\S.*)$", out, re.MULTILINE))


def test_the_headline_comes_first_and_then_the_command_that_helps(
    shared: Project, served: Served
) -> None:
    ended = shared.run("show", "/bad")
    assert (ended.code, ended.err) == (0, "")
    headline, command, empty = ended.out.splitlines()[:3]
    assert re.fullmatch(
        r"/bad failed [^,]+, and its budget allows no restart; "
        r"last error RuntimeError: no such device at odd\.py:\d+ in on_start",
        headline,
    )
    assert (command, empty) == ("  aplay-host start /bad", "")


def test_the_facts_are_below(shared: Project, served: Served) -> None:
    found = facts(shared.run("show", "parse").out)
    assert found["state"].startswith("running since ")
    assert found["type"] == "logwatch/logwatch.parse"
    assert found["plugin"] == "logwatch"
    assert re.fullmatch(r"/.*/logwatch/parse\.py:\d+  source [0-9a-f]{12}", found["class"])
    assert (found["generation"], found["required"], found["restarts"]) == ("1", "yes", "0")
    assert found["mailbox"] == "0 of 10000 waiting, 0 in hand, kind memory"
    assert found["counters"] == "0 accepted, 0 handled, 0 failed, 0 dead"
    assert found["children"] == "-"
    assert f"pid {served.pid}" in found["host"]
    assert facts(shared.run("show", "/w").out)["children"] == "/w/a"


def test_timers_and_watchers_are_told(shared: Project, served: Served) -> None:
    served.send("/odd", {"do": "set a timer"})
    served.send("/odd", {"do": "watch", "address": "/w/a"})
    until(lambda: served.row("/odd")["counters"]["handled"] >= 2)
    found = facts(shared.run("show", "/odd").out)
    assert re.fullmatch(r"beat: str in \d+ s, each 60 s", found["timer"])
    assert facts(shared.run("show", "/w/a").out)["watched by"] == "/odd"


def test_each_option_has_its_value_and_its_source(shared: Project, served: Served) -> None:
    lines = shared.run("show", "/parse").out.splitlines()
    (option,) = lines[lines.index("options") + 1 :]
    assert option.split() == ["to", '"/odd"', "aplay.toml:12:18"]


def test_all_that_is_true_is_told_and_each_error_is_listed(shared: Project, served: Served) -> None:
    assert shared.run("ask", "/stops", '{"do": "raise", "text": "one\\n  two"}').code == 1
    until(lambda: served.row("/stops")["state"] == "stopped")
    for number in range(4):
        served.send("/stops", number)
    out = shared.run("show", "/stops").out
    first, start, second, status, *rest = out.splitlines()
    assert first.startswith("/stops stopped itself ")
    assert "last error ValueError: one two at odd.py:" in first
    assert first.endswith("; 4 messages are kept")
    assert second == "and it is behind: 4 of 4 messages wait, sends are refused"
    assert (start, status) == ("  aplay-host start /stops", "  aplay-host status /stops")
    assert facts(out)["state"].startswith("stopped (held) since ")
    time, place = rest[rest.index("errors, the newest last") + 1 :]
    assert re.fullmatch(r"  \d\d:\d\d:\d\d  ValueError: one two", time)
    assert re.fullmatch(r"    at /.*/odd\.py:\d+ in msg_handler", place)


def test_a_command_names_the_file_where_this_call_does(shared: Project, served: Served) -> None:
    (shared.folder / "my dir").mkdir()
    (shared.folder / "my dir" / "link.toml").symlink_to(shared.folder / "aplay.toml")
    out = shared.run("show", "/bad", "-c", "my dir/link.toml").out
    assert out.splitlines()[1] == "  aplay-host -c 'my dir/link.toml' start /bad"


def test_a_stop_by_a_person_is_told_after_a_restart_of_the_host(project: Project) -> None:
    project.write('[actors."/a"]\nuse = "odd:Odd"')
    first = project.serve()
    assert project.run("stop", "/a").code == 0
    first.signal(9)
    first.wait()
    held = project.state_dir / "held.json"
    stop = json.loads(held.read_text())
    assert datetime.fromisoformat(stop["held"]["/a"]["at"]).tzinfo is not None
    stop["held"]["/a"]["at"] = "2026-03-01T12:03:00+00:00"
    held.write_text(json.dumps(stop))
    project.serve()
    (why,) = project.run("show", "/a", "-o", "json").data["why"]
    day = datetime.fromisoformat("2026-03-01T12:03:00+00:00").astimezone()
    who = re.escape(f"was stopped by uid {os.geteuid()}")
    assert re.fullmatch(rf"{who}( \(.+\))? at {day:%Y-%m-%d %H:%M}", why["text"])


def test_a_text_that_looks_like_a_command_begins_no_line(shared: Project, served: Served) -> None:
    text = "\n\n  aplay-host stop /odd\n\x1b[2J"
    assert shared.run("ask", "/odd", json.dumps({"do": "raise", "text": text})).code == 1
    out = shared.run("show", "/odd").out
    assert r"ValueError: aplay-host stop /odd \x1b[2J" in out
    assert not any(line.lstrip().startswith("aplay-host") for line in out.splitlines())


def test_without_a_host_the_code_is_3(project: Project) -> None:
    project.write("")
    ended = project.run("show", "/a", "-o", "json")
    assert (ended.code, ended.out, ended.problem) == (3, "", "no-host")


def test_an_unknown_address_gets_the_nearest_one(shared: Project, served: Served) -> None:
    ended = shared.run("show", "/stop")
    assert (ended.code, ended.out) == (5, "")
    assert "did you mean /stops?" in ended.err


@pytest.mark.parametrize(
    ("moment", "shown"),
    [("2026-03-01T10:00:00.000Z", r"\d\d:\d\d:00"), ("2026-02-25T10:00:00.000Z", r"2026-02-25 .*")],
)
def test_a_clock_time_has_a_date_when_it_is_not_todays(moment: str, shown: str) -> None:
    assert re.fullmatch(shown, clock(moment, "2026-03-01T10:00:30.000Z"))


def test_who_blocked_the_loop_is_told_of_every_actor(project: Project) -> None:
    project.write('[actors."/odd"]\nuse = "odd:Odd"\n[actors."/a"]\nuse = "odd:Odd"')
    served = project.serve()
    served.ask("/odd", {"do": "block for", "seconds": 1.5})
    (why, *_) = project.run("show", "/a", "-o", "json").data["why"]
    assert (why["rule"], why["next"]) == ("stalled", "aplay-host show /odd")
    assert re.fullmatch(
        r"had to wait, as every actor: /odd blocked the loop for [12] s at \S*odd\.py:\d+ "
        r"in msg_handler \(time\.sleep\), \S+ s ago",
        why["text"],
    )
    (why, *_) = project.run("show", "/odd", "-o", "json").data["why"]
    assert (why["rule"], why["next"]) == ("stalled", "aplay-host stop /odd")
    assert re.fullmatch(r"blocked the loop for .*, and every actor waited", why["text"])
