"""The verbs ``mail list``, ``peek`` and ``backup``, and durable mail in the other ones."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .served import Project, Served, until

TREE = """
    defaults.mailbox = { kind = "sqlite", retry_base = 1000, retry_cap = 1000 }
    [actors."/held"]
    use = "odd:Odd"
    [actors."/bad"]
    use = "odd:Odd"
    [actors."/once"]
    use = "odd:Odd"
    mailbox = { max_attempts = 1 }
    [actors."/ram"]
    use = "odd:Odd"
    mailbox = { kind = "memory" }
"""


@pytest.fixture(scope="module")
def served(shared: Project) -> Served:
    """A host after a kill -9: /held has two messages, /bad a failed one, /once a dead one."""
    shared.write(TREE)
    first = shared.serve()
    assert shared.run("stop", "/held", "--reason", "test").code == 0
    for message in ({"n": 1, "name": "\x1b[2Jx"}, 2):
        first.send("/held", message)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    served = shared.serve()
    served.send("/bad", {"do": "raise", "text": "no"})
    served.send("/once", {"do": "raise", "text": "never"})
    until(lambda: served.row("/once")["counters"]["dead"] == 1)
    until(lambda: served.row("/bad")["last_error"] is not None)
    return served


def test_mail_survives_a_kill_and_is_listed(shared: Project, served: Served) -> None:
    out = shared.run("mail", "list").out.splitlines()
    assert out[0].split() == ["ADDRESS", "MESSAGES", "SIZE", "OLDEST", "RETRYING", "ACTOR"]
    assert [line.split()[:2] for line in out[1:]] == [["/bad", "1"], ["/held", "2"], ["/once", "0"]]
    assert out[1].split()[-2:] == ["1", "yes"]
    assert out[3].split()[-3:] == ["-", "0", "yes"]
    assert shared.run("mail", "list", "-o", "name").out == "/bad\n/held\n/once\n"
    cut = shared.run("mail", "list", "--limit", "1", "-o", "json")
    assert (cut.document["schema"], cut.document["next"]) == ("aplay.mail.list/1", "/held")
    rest = shared.run("mail", "list", "--from", "/held", "-o", "jsonl").out.splitlines()
    assert len(rest) == 2


def test_what_waits_is_shown_with_what_is_in_it_only_when_that_is_asked_for(
    shared: Project, served: Served
) -> None:
    plain = shared.run("mail", "peek", "held").out
    header, *rows = plain.splitlines()
    assert header.split()[:5] == ["ID", "AGE", "TYPE", "SENDER", "ATTEMPTS"]
    assert [re.match(r"d\d+ ", row) is not None for row in rows] == [True, True]
    assert "name" not in plain
    full = shared.run("mail", "peek", "/held", "-n", "1", "--body").out
    assert '{"n": 1, "name": "\\u001b[2Jx"}' in full
    assert len(full.splitlines()) == 2
    (row,) = shared.run("mail", "peek", "/bad", "-o", "json").data
    assert (row["attempts"], row["message_type"]) == (1, "aplay:any@1")
    assert shared.run("mail", "peek", "/ram", "-o", "json").problem == "mailbox-kind"
    assert shared.run("mail", "peek", "/nobody").code == 5


def test_a_shell_completes_addresses_that_have_mail(shared: Project, served: Served) -> None:
    words = {"COMP_WORDS": "aplay-host mail peek /", "COMP_CWORD": "3"}
    ended = shared.run(_APLAY_HOST_COMPLETE="bash_complete", **words)
    assert ended.out.split() == ["plain,/bad", "plain,/held", "plain,/once"]


def test_a_try_to_come_is_told_by_status_and_show(shared: Project, served: Served) -> None:
    out = shared.run("status").out.splitlines()
    by_address = {line.split()[0]: line for line in out[1:]}
    assert re.search(r"  sqlite, try 2/5 in \d+ s  ", by_address["/bad"])
    assert re.search(r"  sqlite  ", by_address["/held"])
    assert re.search(r"  memory  ", by_address["/ram"])
    shown = shared.run("show", "/bad").out
    assert shown.startswith("/bad tries again in ")
    assert "aplay-host mail peek /bad -n 1" in shown
    assert re.search(r"^retry +try 2/5 in \d+ s, 1 postponed$", shown, re.MULTILINE)


def test_a_dead_letter_is_kept_and_sent_to_another(shared: Project, served: Served) -> None:
    header, line = shared.run("dead", "list").out.splitlines()
    assert header.split()[4] == "KEPT"
    assert line.split()[-4:] == ["yes", "aplay:any@1", "ValueError:", "never"]
    id_ = line.split()[0]
    assert shared.run("dead", "list", "-o", "name").out == f"{id_}\n"  # what `dead show` wants
    shown = shared.run("dead", "show", id_).out
    assert "counts    attempts 1, crashes 0, replays 0, " in shown
    assert "kept      yes" in shown
    assert "  Traceback (most recent call last):" in shown
    ended = shared.run("dead", "replay", id_, "--to", "/held", "-o", "json")
    assert ended.data == {"matched": 1, "done": 1, "failed": []}
    assert shared.run("dead", "list", "-o", "name").out == ""
    rows = shared.run("mail", "peek", "/held", "-o", "json").data
    assert [(row["id"] == id_, row["replays"]) for row in rows[-1:]] == [(True, 1)]


def test_a_file_of_a_newer_version_ends_the_start_untouched(project: Project) -> None:
    project.write('[actors."/a"]\nuse = "odd:Odd"\nmailbox = { kind = "sqlite" }\n')
    served = project.serve()
    os.kill(served.pid, signal.SIGTERM)
    assert served.wait() == 0
    file = project.state_dir / "mail" / "mail.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    ended = project.run("serve", "-o", "json")
    assert (ended.code, ended.out) == (78, "")
    assert '"type": "urn:aplay:problem:bad-state-dir"' in ended.err.splitlines()[-1]
    assert file.read_bytes() == before


def test_a_backup_is_written_where_the_caller_stands(shared: Project, served: Served) -> None:
    ended = shared.run("mail", "backup", "copy.db", "--reason", "nightly")
    copy = shared.folder / "copy.db"
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith(f"{copy}: ")
    assert copy.read_bytes().startswith(b"SQLite format 3")
    assert shared.run("mail", "backup", "copy.db", "-o", "json").problem == "backup-failed"
    told = shared.run("events", "--type", "audit").out
    assert f"verb=mail.backup target={copy} reason=nightly outcome=done" in told
    missing = shared.run("mail", "backup", str(Path("no") / "x.db"))
    assert (missing.code, missing.out) == (1, "")
    assert "cannot be written: No such file or directory" in missing.err
