"""Reports of reloads and rollbacks as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..reload import report_line
from .output import visible


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
    for note in (plan or {}).get("notes", ()):
        print(f"  {visible(note)}")


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """Return a plan as text: files, modules with the imports that reach them, actors."""
    lines = [f"{it['kind']} {it['path']}" for it in plan["changed"]]
    for it in plan["affected"]:
        chain = " ← ".join(f"{link['statement']} ({link['place']})" for link in it["chain"])
        lines.append(f"{it['step']} {it['module']} ← {chain or 'changed'}")
    lines += [f"{it['action']} {it['address']}: {it['reason']}" for it in plan["cells"]]
    lines += [f"{it['key']}: {it['before']!r} → {it['after']!r}" for it in plan["config"]]
    lines += [f"restart needed: {it['module']}: {it['why']}" for it in plan["restart"]]
    lines += plan["notes"]
    return lines or ["nothing to do: what is on disk runs"]
