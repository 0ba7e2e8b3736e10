"""``aplay-host plugins check``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from ...control import envelope
from ...errors import CommandError, ConfigError
from ...plugins import entries_named, scan
from ..childprocess import ask_child
from ..client import Answer
from ..completion import plugins_there
from ..installed import reason_of
from ..options import Common, common_options
from ..output import now, print_answer

BAD_PLUGIN = 1


@click.command("check")
@common_options
@click.argument("name", required=False, shell_complete=plugins_there)
def command(common: Common, name: str | None) -> int:
    """Import all that packages offer, or that of NAME's, and say what is wrong with it.

    Each package is imported in a process of its own, for 60 s at most. Where there is an
    aplay.toml, it gives plugins their options. Exit code 1 tells of errors.
    """
    entries = scan(sys.path)
    chosen = entries_named(name, entries) if name else entries
    versions = {one.dist: one.version for one in chosen if one.state != "shadowed"}
    file = _config_file(common)
    reports = [_check(dist, version, file, common) for dist, version in versions.items()]
    answer = Answer(200, envelope("plugins.check", reports, None, now()))
    print_answer(common, answer, lambda: _print(reports))
    return 0 if all(report["ok"] for report in reports) else BAD_PLUGIN


def _config_file(common: Common) -> str:
    try:
        return str(common.config_file())
    except ConfigError:
        if common.config is not None:
            raise
        return ""


def _check(dist: str, version: str, file: str, common: Common) -> dict[str, Any]:
    try:
        return ask_child(dist, "plugin", dist, file, settings=common.settings)
    except CommandError as error:
        told = {"id": dist, "door": None, "target": dist, "phase": "import", "place": None}
        died = {**told, "type": "died", "message": error.detail}
        counts: dict[str, Any] = {"targets": 0, "import_ms": None, "modules": None, "left": []}
        return {"dist": dist, "version": version, "ok": False, **counts, "errors": [died]}


def _print(reports: list[dict[str, Any]]) -> None:
    for report in reports:
        for line in _lines(report):
            print(line)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    if report["import_ms"] is not None:
        left = ", ".join(report["left"])
        traces = f"left behind: {left}" if left else "no threads, handlers or atexit left"
        targets = _count(report["targets"], "target")
        cost = f"import {report['import_ms']} ms, {_count(report['modules'], 'module')}"
        mark = "warn " if left else "ok   "
        yield (
            f"{mark} {report['dist']} {report['version']}: metadata, {targets}; {cost}, {traces}"
        )
    for error in report["errors"]:
        yield (f"error {error['target'] or error['id']}: {reason_of(error).what()}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
