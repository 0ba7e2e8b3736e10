"""What ``dead replay`` and ``dead drop`` have in common: which letters, and what came of it."""

from __future__ import annotations

from typing import Any

import click

from .client import Answer, Client, reported
from .options import Common
from .output import print_answer, remark, visible
from .steering import sure


def matching(client: Client, cause: str | None, address: str | None) -> list[tuple[str, str]]:
    """Return id and address of the letters that the filter chooses."""
    given = {"cause": cause, "address": address}
    query = [(key, value) for key, value in given.items() if value is not None]
    return [(row["id"], row["address"]) for row in client.get("/v1/dead", query).data]


def choose(
    client: Client, verb: str, ids: tuple[str, ...], cause: str | None, address: str | None
) -> int:
    """Return how many letters are meant; raises `click.UsageError` unless it is said which."""
    if bool(ids) == (cause is not None or address is not None):
        raise click.UsageError(f"say which letters to {verb}: ID..., or --cause or --address")
    return len(set(ids)) if ids else len(matching(client, cause, address))


def confirmed(common: Common, verb: str, count: int) -> bool:
    """Ask before acting on several that a filter chose; without a terminal it is usage."""
    return common.yes or count < 2 or sure(f"{verb} {count} dead letters")


def print_report(answer: Answer, did: str, common: Common) -> None:
    """Print what came of it; raises the first problem."""
    data: dict[str, Any] = answer.data
    if data["failed"]:
        error = reported(data["failed"][0]["problem"])
        error.detail += f" ({did} {data['done']} of {data['matched']}, the others are kept)"
        error.args = (visible(error.detail),)
        raise error
    print_answer(common, answer, lambda: remark(common, f"{did} {data['done']}"))
