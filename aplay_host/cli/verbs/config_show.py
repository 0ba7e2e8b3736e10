"""``aplay-host config show``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from ...control import envelope
from ...errors import CommandError, ConfigError, Problem
from ..childprocess import ask_child
from ..client import Answer, Client
from ..options import Common, common_options
from ..output import now, print_answer, print_table, remark, visible


@click.command("show")
@common_options
@click.option("--sources", is_flag=True, help="Show where each value was said.")
@click.option("--running", is_flag=True, help="Ask the running host what holds there.")
def command(common: Common, sources: bool, running: bool) -> int:
    """Show every key with its value, defaults included; secrets are stars.

    Plugins are imported in a child process, because they say which of their options are
    secret. With --running the host is asked, which may run an earlier state of the file.
    """
    if running:
        answer = Client(common).get("/v1/config")
    else:
        answer = Answer(200, envelope("config.show", _rows(common), None, now()))
    print_answer(common, answer, lambda: _print(answer.data, sources))
    return 0


def _rows(common: Common) -> list[dict[str, Any]]:
    """Return the keys of the file, as a child tells them; raises `ConfigError` as a start does."""
    file = str(common.config_file())
    try:
        found = ask_child(file, "show", file, "", settings=common.settings)
    except CommandError as error:
        remark(common, f"{error.detail}: what is for plugins is hidden")
        found = ask_child(file, "show", file, "names", settings=common.settings)
    if found["text"]:
        raise ConfigError(found["text"], tuple(Problem(**one) for one in found["errors"]))
    rows: list[dict[str, Any]] = found["keys"]
    return rows


def _print(rows: Sequence[dict[str, Any]], sources: bool) -> None:
    cells = [
        (visible(row["key"]), visible(json.dumps(row["value"], ensure_ascii=False)), _said(row))
        for row in rows
    ]
    header = ("KEY", "VALUE", "SOURCE")
    columns = len(header) if sources else len(header) - 1
    print_table(header[:columns], [row[:columns] for row in cells])


def _said(row: dict[str, Any]) -> str:
    kind, where = row["source"]["kind"], row["source"]["where"]
    return str(where if kind == "file" else f"{kind} {where}" if where else kind)
