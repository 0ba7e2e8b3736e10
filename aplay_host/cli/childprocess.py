"""Importing plugins in a process of their own, whatever they do to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import CommandError

if TYPE_CHECKING:
    from ..config import Setting

CHILD_SECONDS = 60.0


def ask_child(what: str, *arguments: str, settings: Sequence[Setting] = ()) -> dict[str, Any]:
    """Return what a child prints, called with `arguments` and ``--set``; see `child` for those.

    Raises `CommandError` when it takes longer than a minute, or when a plugin ends it; `what`
    says for people whose plugins are imported.
    """
    # -P: nothing in the current directory is imported in place of a plugin or a library.
    command = [sys.executable, "-P", "-m", "aplay_host.cli.child", *arguments]
    command += [one.said for one in settings]
    try:
        child = subprocess.run(command, stdout=subprocess.PIPE, timeout=CHILD_SECONDS, check=False)
        report: dict[str, Any] = json.loads(child.stdout)
    except subprocess.TimeoutExpired:
        detail = f"importing the plugins of {what} took longer than {CHILD_SECONDS:.0f} s"
        raise CommandError("internal", detail) from None
    except ValueError:
        detail = f"a plugin of {what} ended the process (code {child.returncode}) while imported"
        raise CommandError("internal", detail) from None
    return report
