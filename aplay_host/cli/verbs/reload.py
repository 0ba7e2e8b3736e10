"""``aplay-host reload``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ...reload import exit_code_of, report_line
from ..client import Client
from ..options import Common, common_options
from ..output import print_json, visible


@click.command("reload")
@common_options
@click.option("--plugin", "plugins", multiple=True, metavar="NAME", help="Only this; repeatable.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing.")
def command(common: Common, plugins: tuple[str, ...], dry_run: bool) -> int:
    """Make edited code run; actors keep their state, mail and address.

    All of it takes effect, or nothing: then the old code goes on, and one line says why.
    An installed package that was upgraded is reloaded when --plugin names it.
    """
    answer = Client(common).reload(plugins=plugins, dry_run=dry_run)
    if common.is_json:
        print_json(answer.body)
    else:
        print_report(answer.data, dry_run=dry_run)
    return exit_code_of(answer.data)


def print_report(report: Mapping[str, Any], *, dry_run: bool) -> None:
    """Print the line of a report, the plan of a dry run, and what to do where it was refused."""
    plan, error = report["plan"], report["error"]
    if dry_run and plan is not None and not error:
        for line in plan_lines(plan):
            print(visible(line))
        return
    print(visible(report_line(report)))
    if error is not None:
        print(f"  wanted: {visible(error['wanted'])}; {visible(error['cure'])}")
    for one in (plan or {}).get("restart", ()):
        print(f"  restart needed: {visible(one['module'])}: {visible(one['why'])}")


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """Return a plan as text: files, modules with the imports that reach them, actors."""
    lines = [f"{it['kind']} {it['path']}" for it in plan["changed"]]
    for it in plan["affected"]:
        chain = " ← ".join(f"{link['statement']} ({link['place']})" for link in it["chain"])
        lines.append(f"{it['step']} {it['module']} ← {chain or 'changed'}")
    lines += [f"{it['action']} {it['address']}: {it['reason']}" for it in plan["cells"]]
    lines += [f"{it['key']}: {it['before']!r} → {it['after']!r}" for it in plan["config"]]
    lines += [f"restart needed: {it['module']}: {it['why']}" for it in plan["restart"]]
    return lines or ["nothing to do: what is on disk runs"]
