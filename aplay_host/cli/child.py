"""The child process in which plugins are imported for ``check`` and ``plugins check``.

Whatever their code prints goes to stderr; the report alone goes to stdout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._version import __version__
from ..config import HostConfig, Setting, load_config, parse_setting
from ..control import dump
from ..errors import ConfigError
from ..host import (
    CheckReport,
    PluginCheck,
    ShowReport,
    check_config,
    check_plugin,
    schema_with_plugins,
    show_config,
)


def run(job: str, subject: str, more: str, *settings: str) -> None:
    """Do one job and write its report to stdout.

    ==========  ===============  ==================================
    job         subject          more
    ==========  ===============  ==================================
    ``config``  an aplay.toml    ``names``: import nothing
    ``show``    an aplay.toml    ``names``: import nothing
    ``schema``
    ``plugin``  a distribution   the aplay.toml with options for it
    ==========  ===============  ==================================

    `settings` are those of ``--set``.
    """
    answer = os.dup(1)
    os.dup2(2, 1)
    report = _report(job, subject, more, tuple(map(parse_setting, settings)))
    with os.fdopen(answer, "wb") as stdout:
        stdout.write(dump(report))
    sys.stdout.flush()
    os._exit(0)  # wait for no thread that a plugin began while it was imported


def _report(
    job: str, subject: str, more: str, settings: Sequence[Setting]
) -> CheckReport | ShowReport | PluginCheck | dict[str, Any]:
    if job == "config":
        import_plugins = more != "names"
        path = Path(subject)
        return check_config(path, __version__, import_plugins=import_plugins, settings=settings)
    if job == "show":
        return show_config(Path(subject), settings, import_plugins=more != "names")
    if job == "schema":
        return schema_with_plugins()
    return check_plugin(subject, _sound_config(more, settings))


def _sound_config(file: str, settings: Sequence[Setting]) -> HostConfig | None:
    """Return what is sound of `file`, None where nothing is; its mistakes are not asked for."""
    try:
        return load_config(Path(file), settings=settings) if file else None
    except ConfigError as error:
        return error.sound if isinstance(error.sound, HostConfig) else None


if __name__ == "__main__":
    run(*sys.argv[1:])
