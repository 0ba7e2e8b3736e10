"""What has happened, told by a host as a process: once, and as it happens."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.served import Project, Served

TREE = """
[actors."/a"]
use = "odd:Odd"
[actors."/b"]
use = "odd:Odd"
"""


@pytest.fixture(scope="module")
def served(shared: Project) -> Served:
    shared.write(TREE)
    return shared.serve()


def test_who_did_what_is_told_with_the_reason(shared: Project, served: Served) -> None:
    assert shared.run("stop", "/a", "--reason", "disk full").code == 0
    ended = shared.run("events", "--type", "audit", "--address", "/a", "-o", "json")
    (row,) = ended.data
    assert row["who"]["uid"] == os.geteuid()
    assert (row["data"]["verb"], row["data"]["reason"]) == ("stop", "disk full")
    (line,) = shared.run("events", "--type", "audit", "--address", "/a").out.splitlines()
    assert 'audit  /a  verb=stop target=/a reason="disk full" outcome=done' in line
    assert f"by uid {os.geteuid()}, pid " in line


def test_a_cut_list_says_where_it_goes_on(shared: Project, served: Served) -> None:
    first = shared.run("events", "--limit", "1", "-o", "json").document
    assert (first["data"][0]["seq"], first["next"]) == (1, "2")
    assert shared.run("events", "--from", "2", "-o", "json").data[0]["seq"] == 2
    assert shared.run("events", "--since", "2", "-o", "json").data[0]["seq"] == 3


def test_following_tells_a_line_each_until_the_host_stops(project: Project) -> None:
    project.write(TREE)
    served = project.serve()
    follow = project._popen(("events", "-f", "--since", "0", "-o", "jsonl"), {})
    assert follow.stdout is not None
    first = json.loads(follow.stdout.readline())
    assert (first["seq"], first["type"]) == (1, "Started")
    served.signal(signal.SIGTERM)
    out, err = follow.communicate(timeout=30)
    last = json.loads(out.splitlines()[-1])
    assert (last["data"]["verb"], last["who"]["kind"]) == ("stop", "signal")
    assert (follow.returncode, err) == (0, "the host ends the stream: SIGTERM\n")
    assert served.wait() == 0


def test_ctrl_c_ends_following(shared: Project, served: Served) -> None:
    follow = shared._popen(("events", "-f", "--since", "0"), {})
    assert follow.stdout is not None
    follow.stdout.readline()
    follow.send_signal(signal.SIGINT)
    follow.communicate(timeout=30)
    assert follow.returncode == 130


def test_without_a_host_there_is_nothing_to_follow(project: Project) -> None:
    project.write(TREE)
    assert project.run("events", "-f").code == 3
