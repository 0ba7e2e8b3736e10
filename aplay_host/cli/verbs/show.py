"""``aplay-host show``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from ..client import Answer, Client
from ..completion import addresses_there
from ..options import Common, common_options
from ..output import age, clock, host_line, one_line, print_answer, retried, shown_state

LABEL = 12
"""The width of the column that names the facts."""


@click.command("show")
@common_options
@click.argument("address", metavar="ADDR", shell_complete=addresses_there)
def command(common: Common, address: str) -> int:
    """Show one actor: why it is as it is, what helps, and all that is known of it.

    Each line that begins with aplay-host is a command to paste.
    """
    rooted = address if address.startswith("/") else f"/{address}"
    answer = Client(common).get(f"/v1/actors{quote(rooted, errors='surrogateescape')}")
    print_answer(common, answer, lambda: _print(common, answer))
    return 0


def _print(common: Common, answer: Answer) -> None:
    for line in (
        *_reasons(answer.data, common),
        "",
        *_facts(answer.data, answer.document["at"]),
        _fact("host", host_line(answer)),
        *_options(answer.data["options"]),
        *_history(answer.data["restart_history"], answer.document["at"]),
    ):
        print(one_line(line))  # no guest's text begins a line of ours


def _reasons(data: dict[str, Any], common: Common) -> Iterator[str]:
    for place, why in enumerate(data["why"]):
        yield f"{'and it' if place else data['address']} {why['text']}"
        if why["next"]:
            yield f"  {_here(why['next'], common)}"


def _here(command: str, common: Common) -> str:
    """Return `command` for the file that this call names, if it names one."""
    if common.config is None:
        return command
    program, _, rest = command.partition(" ")
    return f"{program} -c {shlex.quote(common.config)} {rest}"


def _facts(data: dict[str, Any], at: str) -> Iterator[str]:
    counters, mailbox = data["counters"], data["mailbox"]
    since = f"since {clock(data['since'], at)} ({age(data['since'], at)})"
    yield _fact("state", f"{shown_state(data)} {since}")
    yield _fact("type", data["type"])
    yield _fact("plugin", data["plugin"])
    if source := data["source"]:
        line = f":{source['line']}" if source["line"] else ""
        digest = f"  source {source['hash'][:12]}" if source["hash"] else ""
        yield _fact("class", f"{source['file']}{line}{digest}")
    yield _fact("generation", data["generation"])
    yield _fact("required", "yes" if data["required"] else "no")
    yield _fact("restarts", data["restarts"])
    waiting = f"{data['pending']} of {mailbox['capacity']} waiting"
    yield _fact("mailbox", f"{waiting}, {data['in_hand']} in hand, kind {mailbox['kind']}")
    if retry := data.get("retry"):
        yield _fact("retry", f"{retried(retry)}, {retry['postponed']} postponed")
    for held in data["in_hand_now"]:
        where = f" at {held['where']}" if held["where"] else ""
        yield _fact("in hand", f"{held['message_type']} for {held['for_s']:.0f} s{where}")
    yield _fact("counters", ", ".join(f"{count} {name}" for name, count in counters.items()))
    for timer in data["timers"]:
        yield _fact("timer", _timer(timer))
    if data["watchers"]:
        yield _fact("watched by", " ".join(data["watchers"]))
    yield _fact("children", " ".join(data["children"]) or "-")


def _timer(timer: dict[str, Any]) -> str:
    every = "" if timer["every_s"] is None else f", each {timer['every_s']:g} s"
    comes = "its message waits" if timer["in_s"] is None else f"in {timer['in_s']:.0f} s"
    return f"{timer['key']}: {timer['message_type']} {comes}{every}"


def _fact(name: str, value: object) -> str:
    return f"{name:<{LABEL}}{'-' if value is None else value}"


def _options(options: list[dict[str, Any]]) -> Iterator[str]:
    if not options:
        return
    yield "options"
    rows = [
        (it["key"], json.dumps(it["value"], ensure_ascii=False), it["source"]) for it in options
    ]
    keys, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    for key, value, source in rows:
        yield f"  {key:<{keys}}  {value:<{min(values, 60)}}  {source}"


def _history(errors: list[dict[str, Any]], at: str) -> Iterator[str]:
    if errors:
        yield "errors, the newest last"
    for error in errors:
        text = f"{error['type']}: {' '.join(error['text'].split())}"
        yield f"  {clock(error['at'], at)}  {text}"
        if error["where"]:
            yield f"    at {error['where']}"
