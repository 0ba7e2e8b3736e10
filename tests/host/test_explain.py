"""Why an actor is as it is: one golden sentence for each rule, and commands that exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any, get_args, get_type_hints

import click
import pytest

from aplay_host.cli.main import cli
from aplay_host.cli.options import Common
from aplay_host.control import InHandRow, RetryRow
from aplay_host.host.actorview import ActorView, Newer, Stalled
from aplay_host.host.explain import WHEN_FULL, explain
from aplay_host.host.holds import Hold
from aplay_host.host.origin import Origin
from aplay_host.kernel import Actor, ActorSpec, ActorStatus, Address, Failure, MailboxSpec, Wait
from aplay_host.reload import ReloadReport, ReloadTrouble
from tests.docs.pages import ROOT
from tests.host.statuses import STATUS as A_STATUS

NOW = 1000.0
CLOCK = datetime(2026, 3, 1, 12, 10, tzinfo=timezone(timedelta(hours=2)))
SEVEN_MINUTES_AGO = NOW - 420
BOOM = Failure("ValueError", "no\nnumber", "/srv/acme/parse.py:88 in take", NOW - 421)
SHARED = Failure("Quarantined", "/b is failed, and this actor with it", "", NOW - 420)

STATUS = replace(A_STATUS, since=SEVEN_MINUTES_AGO)
VIEW = ActorView(STATUS, Origin("m:A", None), NOW, CLOCK)
OF_THE_VIEW = {field.name for field in fields(ActorView)}


def view(**facts: Any) -> ActorView:
    """Return a view with these facts, of the view itself or of its status."""
    settings = facts.pop("settings", {})
    own = {name: facts.pop(name) for name in OF_THE_VIEW & facts.keys()}
    facts.setdefault("spec", ActorSpec.of(Actor, settings=settings))
    return replace(VIEW, status=replace(STATUS, **facts), **own)


def above(address: str, state: Any, *, held: bool = False) -> ActorStatus:
    return replace(STATUS, address=Address(address), state=state, held=held)


@dataclass(frozen=True)
class Case:
    view: ActorView
    rule: str
    text: str
    next: str | None


FAULT = '"acme/acme.x" cannot be loaded: import: ImportError: no y (acme/x.py:3)'
PAUSED_2_S: dict[str, Any] = {"restarted_at": (NOW - 40, NOW - 20, NOW - 1), "pause": 3.0}
REFUSED = ReloadReport(
    "refused",
    41,
    42,
    error=ReloadTrouble("syntax", "acme/parse.py:7", "SyntaxError: invalid syntax", "Python", ""),
)
CASES = [
    Case(
        view(state="failed", fault=FAULT, declared="aplay.toml:9:7", history=(BOOM,),
             origin=Origin("acme/acme.x", "acme")),
        "no-class",
        f"is failed: {FAULT} (aplay.toml:9:7)",
        "aplay-host plugins show acme/acme.x",
    ),
    Case(
        view(state="failed", fault="m:A.Options cannot be used"),
        "no-class",
        "is failed: m:A.Options cannot be used",
        "aplay-host check",
    ),
    Case(
        view(state="failed", history=(BOOM,), pending=812),
        "failed",
        "is failed: 5 restarts in 30 s spent the budget at 12:03; "
        "last error ValueError: no number at parse.py:88 in take; 812 messages wait",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="failed", pending=1, settings={"budget": {"max": 0}}, since=NOW - 4),
        "failed",
        "failed 4 s ago, and its budget allows no restart; 1 message waits",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="failed", history=(BOOM,), settings={"on_error": {ValueError: "escalate"}}),
        "failed",
        "failed at 12:03; last error ValueError: no number at parse.py:88 in take",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="failed", history=(BOOM,), settings={"on_error": "escalate"},
             ancestors=(above("/a", "stopped", held=True),)),
        "failed",
        "failed at 12:03, and /a, which has to deal with it, is held; "
        "last error ValueError: no number at parse.py:88 in take",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="stopped", held=True, stopped_by="person", pending=12,
             hold=Hold(CLOCK - timedelta(days=1, minutes=7))),
        "held",
        "was stopped by a person at 2026-02-28 12:03; 12 messages are kept",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="stopped", held=True, stopped_by="person",
             hold=Hold(CLOCK - timedelta(minutes=7), 1000, "anna", "the disk\nis full")),
        "held",
        'was stopped by uid 1000 (anna) at 12:03, reason "the disk is full"',
        "aplay-host start /a/x",
    ),
    Case(
        view(state="stopping", held=True, stopped_by="person", since=NOW - 2,
             hook="/srv/a.py:9 in on_stop", hold=Hold(CLOCK - timedelta(seconds=2), 1001)),
        "held",
        "was stopped by uid 1001 2 s ago; it is at a.py:9 in on_stop, for 5 s at most",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="stopping", held=True, stopped_by="code", in_hand=1, since=NOW - 3),
        "held",
        "was stopped by code 3 s ago; 1 message is still in hand",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="stopped", held=True, stopped_by="error", history=(BOOM,), pending=1),
        "held",
        "stopped itself at 12:03, after an error, as its on_error says; "
        "last error ValueError: no number at parse.py:88 in take; 1 message is kept",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="failed", history=(SHARED,), pending=3),
        "another",
        "is failed because /b failed at 12:03; 3 messages wait",
        "aplay-host show /b",
    ),
    Case(
        view(state="restarting", pause=None,
             ancestors=(above("/a", "stopped", held=True),)),
        "another",
        "waits for /a to start it again, and that is held",
        "aplay-host show /a",
    ),
    Case(
        view(mail_problem="the disk is\nfull", pending=2),
        "store",
        "can keep no mail: the disk is full; 2 messages wait",
        "aplay-host health",
    ),
    Case(
        view(state="restarting", pause=None, ancestors=(above("/a", "running"),)),
        "restarting",
        "waits for the actor that it restarts with: its parent, or another child of that",
        "aplay-host tree /a",
    ),
    Case(
        view(state="restarting", **PAUSED_2_S, since=NOW - 1, history=(BOOM,)),
        "restarting",
        "restarts in 2 s: 2 of 5 in 30 s; "
        "last error ValueError: no number at parse.py:88 in take",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="restarting", pause=0.0, history=(BOOM,)),
        "restarting",
        "restarts now",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="restarting", pause=9.0, in_hand=1),
        "restarting",
        "restarts once what it has in hand is over",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="restarting", pause=0.0, fails=True, history=(BOOM,)),
        "restarting",
        "is about to be failed, once its old instance has ended; "
        "last error ValueError: no number at parse.py:88 in take",
        "aplay-host show /a/x",
    ),
    Case(
        view(state="starting", since=NOW - 12),
        "starting",
        "has been starting for 12 s; it is cut off after 30 s",
        "aplay-host stop /a/x",
    ),
    Case(
        view(history=(BOOM,), wait=Wait("retry", 3.0), retry=RetryRow(3.0)),
        "retry",
        "waits until its mailbox hands out again what failed, for 3 s at most; "
        "last error ValueError: no number at parse.py:88 in take",
        "aplay-host stop /a/x",
    ),
    Case(
        view(history=(BOOM,), wait=Wait("retry", 12.0), retry=RetryRow(12.0, 5, 3, 5)),
        "retry",
        "tries again in 12 s what failed: try 3 of 5; "
        "last error ValueError: no number at parse.py:88 in take; 4 messages wait behind it",
        "aplay-host mail peek /a/x -n 1",
    ),
    Case(
        view(retry=RetryRow(0.0, 2, 2, 5)),
        "retry",
        "tries again now what failed: try 2 of 5; 1 message waits behind it",
        "aplay-host mail peek /a/x -n 1",
    ),
    Case(
        view(state="paused", host_generation=42, wait=Wait("exchange", 2.0, (Address("/a/x"),)),
             busy=((Address("/a/x"), InHandRow("Order", 3.0, "/srv/sink.py:88 in take")),)),
        "paused",
        "waits for reload 43: still handling Order for 3 s at sink.py:88 in take; gives up in 2 s",
        "aplay-host restart /a/x",
    ),
    Case(
        view(state="paused", host_generation=42,
             wait=Wait("exchange", 2.0, (Address("/b"),), cuts=True),
             busy=((Address("/b"), InHandRow("Order", 3.0, "")),)),
        "paused",
        "waits for reload 43: /b is still handling Order for 3 s; cuts that off in 2 s",
        "aplay-host show /b",
    ),
    Case(
        view(state="paused", host_generation=42, wait=Wait("exchange", 2.0, (Address("/b"),))),
        "paused",
        "waits for reload 43: /b is still at work; gives up in 2 s",
        "aplay-host show /b",
    ),
    Case(
        view(state="paused", host_generation=42, wait=Wait("exchange")),
        "paused",
        "waits for reload 43",
        "aplay-host status /a/x",
    ),
    Case(
        view(state="paused", history=(BOOM,), wait=Wait("probation", 28.0)),
        "paused",
        "waits for a verdict on its new code, which failed its first messages, for 28 s at most; "
        "last error ValueError: no number at parse.py:88 in take",
        "aplay-host rollback",
    ),
    Case(
        view(pending=2, wait=Wait("choice")),
        "paused",
        "does not want to begin: its decide_to_start says no; 2 messages wait",
        "aplay-host start /a/x",
    ),
    Case(
        view(state="paused", since=NOW - 2),
        "paused",
        "begins no message for 2 s, because of a live change",
        "aplay-host status /a/x",
    ),
    Case(
        view(state="paused", since=NOW - 2, ancestors=(above("/a", "restarting"),)),
        "paused",
        "waits for 2 s for /a, which has to deal with its failure",
        "aplay-host show /a",
    ),
    Case(
        view(stalled=Stalled("/x", "/x", 3.0, "acme/f.py:31 in take (time.sleep)", 4.0)),
        "stalled",
        "had to wait, as every actor: /x blocked the loop for 3 s at acme/f.py:31 in take "
        "(time.sleep), 4 s ago",
        "aplay-host show /x",
    ),
    Case(
        view(stalled=Stalled("/a/x", "/a/x", 3.0, "f.py:31", 4.0)),
        "stalled",
        "blocked the loop for 3 s at f.py:31, 4 s ago, and every actor waited",
        "aplay-host stop /a/x",
    ),
    Case(
        view(state="stopping", stalled=Stalled("/a/x", "/a/x", 3.0, "f.py:31", 4.0)),
        "stalled",
        "blocked the loop for 3 s at f.py:31, 4 s ago, and every actor waited",
        None,
    ),
    Case(
        view(stalled=Stalled("a hook of acme/x", None, 3.0, "f.py:31", 4.0)),
        "stalled",
        "had to wait, as every actor: a hook of acme/x blocked the loop for 3 s at f.py:31, "
        "4 s ago",
        "aplay-host plugins list",
    ),
    Case(
        view(in_hand=2, in_hand_now=(
            InHandRow("Note", 6.0, "/srv/a.py:1 in f"),
            InHandRow("Order", 12.0, "/srv/sink.py:88 in take"),
        )),
        "in-hand",
        "has been handling Order for 12 s at sink.py:88 in take",
        "aplay-host restart /a/x",
    ),
    Case(
        view(pending=8120),
        "behind",
        "is behind: 8120 of 10000 messages wait, sends are about to be refused",
        "aplay-host status /a/x",
    ),
    Case(
        view(pending=10, settings={"mailbox": {"capacity": 10, "overflow": "wait"}}),
        "behind",
        "is behind: 10 of 10 messages wait, senders are made to wait",
        "aplay-host status /a/x",
    ),
    Case(
        view(pending=8, settings={"mailbox": {"capacity": 10, "overflow": "drop_oldest"}}),
        "behind",
        "is behind: 8 of 10 messages wait, the oldest are about to be dropped",
        "aplay-host status /a/x",
    ),
    Case(
        view(pending=10, settings={"mailbox": {"capacity": 10, "overflow": "drop_newest"}}),
        "behind",
        "is behind: 10 of 10 messages wait, new ones are dropped",
        "aplay-host status /a/x",
    ),
    Case(
        view(pending=3, oldest_s=41.0),
        "behind",
        "is behind: 3 of 10000 messages wait, there has been one for 41 s",
        "aplay-host status /a/x",
    ),
    Case(
        view(pending=8120, oldest_s=41.0, settings={"mailbox": {"kind": "sqlite"}}),
        "behind",
        "is behind: 8120 of 10000 messages wait, the oldest for 41 s, "
        "sends are about to be refused",
        "aplay-host status /a/x",
    ),
    Case(
        view(unread={"acme-shop:Order@2": 6, "acme-shop:Cancel@1": 1}),
        "no-handler",
        "has 7 dead letters that wait for a class that accepts acme-shop:Cancel@1, "
        "acme-shop:Order@2",
        "aplay-host dead list --address /a/x --cause no_handler",
    ),
    Case(
        view(unread={"acme-shop:Order@2": 1}),
        "no-handler",
        "has 1 dead letter that waits for a class that accepts acme-shop:Order@2",
        "aplay-host dead list --address /a/x --cause no_handler",
    ),
    Case(
        view(generation=41, newer=Newer(REFUSED, CLOCK - timedelta(minutes=9))),
        "newer",
        "runs generation 41; the source saved since was refused at 12:01: "
        "parse.py:7: SyntaxError: invalid syntax",
        "aplay-host reload --dry-run",
    ),
    Case(
        view(generation=41, newer=Newer(replace(REFUSED, outcome="taken_back"), CLOCK)),
        "newer",
        "runs generation 41; the source saved since was taken back just now: "
        "parse.py:7: SyntaxError: invalid syntax",
        "aplay-host reload --dry-run",
    ),
    Case(
        view(generation=41, newer=Newer(replace(REFUSED, outcome="waiting"), CLOCK)),
        "newer",
        "runs generation 41; the source saved since waits, just now: "
        "parse.py:7: SyntaxError: invalid syntax",
        "aplay-host reload --dry-run",
    ),
    Case(
        view(generation=43, newer=Newer(ReloadReport("committed", 42, 43, code_of=41), CLOCK)),
        "newer",
        "runs generation 43; that is code of generation 41, since a rollback just now",
        "aplay-host reload --dry-run",
    ),
    Case(
        view(declared="aplay.toml:9:7", generation=42),
        "otherwise",
        "runs since 12:03 (generation 42, started by config at aplay.toml:9:7)",
        None,
    ),
    Case(view(since=NOW - 0.4), "otherwise", "runs for 0.4 s (generation 1, made by code)", None),
    Case(
        view(origin=Origin("group", None)),
        "otherwise",
        "only groups its children",
        "aplay-host tree /a/x",
    ),
    Case(
        view(history=(BOOM,), restarted_at=(NOW - 40, NOW - 2), since=NOW - 2),
        "otherwise",
        "runs for 2 s (generation 1, made by code); 1 of 5 restarts in 30 s; "
        "last error ValueError: no number at parse.py:88 in take",
        None,
    ),
    Case(view(state="new"), "otherwise", "is new since 12:03", "aplay-host start /a/x"),
    Case(
        view(state="stopping", since=NOW - 2, hook="/srv/a.py:9 in on_stop"),
        "otherwise",
        "has been stopping for 2 s at a.py:9 in on_stop, 5 s at most",
        "aplay-host status /a/x",
    ),
    Case(
        view(state="stopped", history=(BOOM,)),
        "otherwise",
        "is stopped since 12:03; last error ValueError: no number at parse.py:88 in take",
        "aplay-host start /a/x",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.text[:30]}")
def test_each_rule_has_its_sentence_and_its_command(case: Case) -> None:
    headline = explain(case.view)[0]
    assert (headline.rule, headline.text, headline.next) == (case.rule, case.text, case.next)


@pytest.mark.parametrize("command", sorted({case.next for case in CASES if case.next}))
def test_each_command_can_be_pasted(command: str) -> None:
    program, *words = shlex.split(command)
    assert program == "aplay-host"
    context = click.Context(cli, info_name=program, obj=Common())
    group: click.Command = cli
    while isinstance(group, click.Group):
        _, found, words = group.resolve_command(context, words)
        assert found is not None
        context, group = click.Context(found, parent=context), found
    group.parse_args(context, words)


def test_the_cases_cover_the_table_of_the_rules_and_the_manual_has_the_same() -> None:
    rules = re.findall(r"^ *``([a-z-]+)``", explain.__doc__ or "", re.MULTILINE)
    assert rules == list(dict.fromkeys(case.rule for case in CASES))
    manual = (ROOT / "docs" / "operating.md").read_text("utf-8").partition("| rule |")[2]
    assert re.findall(r"^\| `([a-z-]+)` \|", manual.partition("\n\n")[0], re.MULTILINE) == rules


def test_what_else_is_true_comes_after_the_headline() -> None:
    both = explain(view(state="failed", history=(BOOM,), pending=9000))
    assert [why.rule for why in both] == ["failed", "behind"]


def test_a_class_that_is_missing_explains_a_stop_as_well() -> None:
    found = explain(view(state="stopped", held=True, stopped_by="person", fault="none"))
    assert [(why.rule, why.text) for why in found] == [
        ("no-class", "is stopped: none"),
        ("held", "was stopped by a person at 12:03"),
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "starting", "since": NOW - 5.0},
        {"in_hand": 1, "in_hand_now": (InHandRow("Order", 5.0, ""),)},
        {"pending": 7999},
        {"ancestors": (above("/a", "stopped", held=True),)},
        {"pending": 3, "oldest_s": 10.0},
        {"oldest_s": 11.0},
    ],
)
def test_what_is_within_bounds_is_nothing_to_tell(facts: Any) -> None:
    assert [why.rule for why in explain(view(**facts))] == ["otherwise"]


def test_an_error_of_a_guest_is_not_taken_for_the_word_of_the_kernel() -> None:
    forged = replace(SHARED, where="/srv/x.py:1 in f")
    assert explain(view(state="failed", history=(forged,)))[0].rule == "failed"
    odd = replace(SHARED, text="$(reboot) is failed")
    found = explain(view(state="failed", history=(odd,)))
    assert [(why.rule, why.next) for why in found] == [("failed", "aplay-host start /a/x")]


def test_each_overflow_rule_has_its_words() -> None:
    assert WHEN_FULL.keys() == set(get_args(get_type_hints(MailboxSpec)["overflow"]))


def test_a_long_error_is_cut() -> None:
    error = replace(BOOM, text="x" * 1000)
    (why,) = explain(view(state="failed", history=(error,)))
    assert f"ValueError: {'x' * 197}... at parse.py:88" in why.text
