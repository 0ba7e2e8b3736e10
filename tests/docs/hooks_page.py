"""docs/hooks.md, written from the specs: ``python -m tests.docs.hooks_page``."""

from __future__ import annotations

import inspect
import re
from typing import Any

from aplay_host.plugins import HOOK_RULES, HookRule, hookspecs

from .pages import ROOT

PAGE = ROOT / "docs" / "hooks.md"
HEAD = """\
# Hooks

A plugin of the second door implements any of these functions, marked with `@hookimpl`, in the
module or object that its entry point names; see [plugins](plugins.md). Arguments are passed by
name, and an implementation takes only those that it wants.

| kind | means |
|---|---|
| collect | records are gathered from everyone |
| call | one after another; the host waits for each |
| lane | queued per plugin; the host does not wait |
| veto | everyone is asked, one after another |

One implementation that raises, exits, hangs or ignores its cancellation never hides the next
one. What it costs its own plugin is said with each hook: `failed` is not loaded, `degraded` goes
on with that flag, `logged` goes on as it is.

This page is written from the specs in `aplay_host/plugins/hookspecs.py`, where it is to be
changed.
"""
_TABLE = re.compile(r"^(=+ (?:.*\n)+?=+ .*\n(?:.*\n)+?=+ .*)$", re.MULTILINE)


def render() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(section(hook, rule) for hook, rule in HOOK_RULES.items())])


def section(hook: str, rule: HookRule) -> str:
    """Return heading, signature, rule, contract and example of one hook."""
    spec: Any = getattr(hookspecs, hook)
    contract, example = split(spec)
    prose = [
        f"```text\n{part}\n```" if part.startswith("===") else part.replace("``", "`")
        for part in _TABLE.split(contract)
    ]
    written = "`def`" if rule.timeout is None else "`def` or `async def`"
    limit = "" if rule.timeout is None else f" · {rule.timeout:g} s"
    facts = f"{rule.kind} · {written}{limit} · an error: `{rule.on_error}`"
    signature = str(inspect.signature(spec)).replace("'", "")
    return (
        f"## {hook}\n\n```text\n{hook}{signature}\n```\n\n{facts}\n\n"
        f"{''.join(prose)}\n\n```python\n{example}\n```\n"
    )


def split(spec: Any) -> tuple[str, str]:
    """Return what a spec's docstring says, and the example that it ends with."""
    contract, found, example = (inspect.getdoc(spec) or "").partition("::\n\n")
    assert found, f"{spec.__name__} has no example"
    return contract.strip(), inspect.cleandoc(example)


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
