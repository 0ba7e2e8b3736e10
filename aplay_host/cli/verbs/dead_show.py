"""``aplay-host dead show``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from ..client import Answer, Client
from ..options import Common, common_options
from ..output import age, clock, one_line, print_answer, size, visible

LABEL = 10


@click.command("show")
@common_options
@click.argument("letter", metavar="ID")
def command(common: Common, letter: str) -> int:
    """Show the dead letter ID with what is in it, which may be confidential."""
    answer = Client(common).get(f"/v1/dead/{quote(letter, safe='', errors='surrogateescape')}")
    print_answer(common, answer, lambda: _print(answer))
    return 0


def _print(answer: Answer) -> None:
    data, at = answer.data, answer.document["at"]
    payload = data["payload"]
    if data["payload_form"] == "json":
        payload = json.dumps(payload, ensure_ascii=False)
    facts = {
        "id": data["id"],
        "address": data["address"],
        "reason": data["reason"],
        "at": f"{clock(data['at'], at)} ({age(data['at'], at)} ago)",
        "kept": "yes, over a restart of the host" if data.get("kept") else "no, in memory only",
        "counts": _counts(data) if data.get("kept") else None,
        "error": data["error"],
        "sender": data.get("sender"),
        "type": data["message_type"] or "?",
        "message": payload,
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<{LABEL}}{one_line(value)}")
    for line in (data["traceback"] or "").splitlines():
        print(f"  {visible(line)}")


def _counts(data: dict[str, Any]) -> str:
    counts = (f"{name} {data[name]}" for name in ("attempts", "crashes", "replays"))
    return f"{', '.join(counts)}, {size(data['size'])}"
