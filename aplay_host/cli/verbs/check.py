"""``aplay-host check``."""

from __future__ import annotations

from typing import Any

import click

from ...control import envelope
from ...errors import CommandError
from ..childprocess import ask_child
from ..client import Answer
from ..options import Common, common_options
from ..output import now, print_answer, remark

BAD_CONFIG = 78


@click.command("check")
@common_options
@click.option("--no-import", "no_import", is_flag=True, help="Import no plugin: names only.")
def command(common: Common, no_import: bool) -> int:
    """Check aplay.toml and what it names, without starting anything."""
    found = _check_in_a_child(common, no_import)
    report = {key: found[key] for key in ("file", "errors", "warnings")}
    for error in report["errors"]:
        file, line = error.pop("file"), error["line"]
        error["source"] = f"{file}:{line}:{error['column']}" if line else file

    def text() -> None:
        for warning in found["warnings"]:
            remark(common, f"warning: {warning}")
        print(found["text"] or f"{found['file']}: {_verdict(len(found['warnings']))}")

    print_answer(common, Answer(200, envelope("check", report, None, now())), text)
    return BAD_CONFIG if found["text"] else 0


def _verdict(warnings: int) -> str:
    if not warnings:
        return "sound"
    return f"can be served, with {warnings} warning{'' if warnings == 1 else 's'}"


def _check_in_a_child(common: Common, no_import: bool) -> dict[str, Any]:
    """Return the report as an object; what plugins do while imported stays in the child."""
    try:
        file, names = str(common.config_file()), "names" if no_import else ""
        return ask_child(file, "config", file, names, settings=common.settings)
    except CommandError as error:
        hint = "check names only: --no-import"
        raise CommandError(error.kind.name, error.detail, hint=hint) from None
