"""The child process in which plugins are imported for ``check``.

Whatever their code prints goes to stderr; the report alone goes to stdout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .._version import __version__
from ..control import dump
from ..host import check_config


def run(file: str, scope: str) -> None:
    """Check `file`, by names only where `scope` says so, and write the report to stdout."""
    answer = os.dup(1)
    os.dup2(2, 1)
    report = check_config(Path(file), __version__, import_plugins=scope != "names")
    with os.fdopen(answer, "wb") as stdout:
        stdout.write(dump(report))
    sys.stdout.flush()
    os._exit(0)  # wait for no thread that a plugin began while it was imported


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
