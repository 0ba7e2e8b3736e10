"""The child process in which plugins are imported for ``check`` and ``plugins check``.

Whatever their code prints goes to stderr; the report alone goes to stdout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .._version import __version__
from ..config import HostConfig, load_config
from ..control import dump
from ..errors import ConfigError
from ..host import CheckReport, PluginCheck, check_config, check_plugin


def run(job: str, subject: str, more: str) -> None:
    """Do one job and write its report to stdout.

    ==========  ===============  ==================================
    job         subject          more
    ==========  ===============  ==================================
    ``config``  an aplay.toml    ``names``: import nothing
    ``plugin``  a distribution   the aplay.toml with options for it
    ==========  ===============  ==================================
    """
    answer = os.dup(1)
    os.dup2(2, 1)
    report = _report(job, subject, more)
    with os.fdopen(answer, "wb") as stdout:
        stdout.write(dump(report))
    sys.stdout.flush()
    os._exit(0)  # wait for no thread that a plugin began while it was imported


def _report(job: str, subject: str, more: str) -> CheckReport | PluginCheck:
    if job == "config":
        return check_config(Path(subject), __version__, import_plugins=more != "names")
    return check_plugin(subject, _sound_config(more))


def _sound_config(file: str) -> HostConfig | None:
    """Return what is sound of `file`, None where nothing is; its mistakes are not asked for."""
    try:
        return load_config(Path(file)) if file else None
    except ConfigError as error:
        return error.sound if isinstance(error.sound, HostConfig) else None


if __name__ == "__main__":
    run(*sys.argv[1:])
