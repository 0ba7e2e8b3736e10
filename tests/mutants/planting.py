"""A copy of the package with one mistake in it, and a pytest that runs against the copy."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from .catalogue import Mutant

ROOT = Path(__file__).parents[2]
PACKAGE = "aplay_host"
BRIEFLY = {"HYPOTHESIS_PROFILE": "brief", "INTERLEAVING_SEEDS": "200"}


def plant(mutant: Mutant, folder: Path) -> None:
    """Copy the package into `folder`, with the mistake in it.

    Raises `AssertionError` when the text to replace does not stand there exactly once.
    """
    copy_package(folder)
    path = folder / PACKAGE / mutant.path
    text = path.read_text()
    found = text.count(mutant.old)
    assert found == 1, (
        f"mutant {mutant.name!r} must be updated: its text stands {found} times, not once, "
        f"in {mutant.path}:\n{mutant.old}"
    )
    path.write_text(text.replace(mutant.old, mutant.new))


def copy_package(folder: Path) -> None:
    """Copy the package into `folder`; what was compiled stays good for files as they were."""
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE)


def run_tests(folder: Path, selection: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run `selection` in a process that imports the package from `folder`; stop at a failure."""
    paths = shlex.join([str(folder), str(ROOT)])
    # The plugin of hypothesis would import it at each start, which takes longer than most tests.
    plugins = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-m", "pytest", "-x", "-q", *plugins]
    return subprocess.run(
        [*command, "-o", f"pythonpath={paths}", *selection],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(folder), **BRIEFLY},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
