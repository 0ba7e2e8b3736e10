"""An environment of a test's own, into which the real pip installs."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

ACTOR = """
from aplay_host import Actor
class A(Actor):
    version = {version!r}
    async def msg_handler(self, msg): return self.version
"""


class Environment:
    """A virtual environment in `folder`; it has no pip of its own, and uses the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=False, symlinks=True)
        self.python = folder / "env/bin/python"
        (self.site,) = (folder / "env/lib").glob("python*/site-packages")

    @property
    def pythonpath(self) -> str:
        """What lets its Python import this host, what it needs, and build backends."""
        here = str(Path(__file__).parents[1])
        paths = [here, *(one for one in sys.path if "site-packages" in one)]
        return os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])

    def pip(self, *arguments: str | Path) -> None:
        """Run the real pip, without an index; raises when it fails.

        The environment's own Python runs it: ``pip --python`` would start two, one after the other.
        """
        command = [self.python, "-m", "pip", *arguments]
        environ = {**os.environ, "PYTHONPATH": self.pythonpath, "PIP_CONFIG_FILE": os.devnull}
        environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def install(self, *arguments: str | Path) -> None:
        """Install a wheel, or with ``-e`` a project."""
        self.pip("install", "--no-index", "--no-build-isolation", "--no-deps", *arguments)

    def uninstall(self, name: str) -> None:
        """Take a distribution out again."""
        self.pip("uninstall", "--yes", name)

    def wheel(self, name: str, version: str, files: Mapping[str, str], points: str) -> Path:
        """Make a wheel of these files and entry points."""
        metadata = f"{name}-{version}.dist-info"
        head = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        texts = {
            **{path: dedent(text) for path, text in files.items()},
            f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{metadata}/WHEEL": head,
            f"{metadata}/entry_points.txt": points,
        }
        texts[f"{metadata}/RECORD"] = "".join(map(_row, texts.items())) + f"{metadata}/RECORD,,\n"
        file = self.folder / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as wheel:
            for path, text in texts.items():
                wheel.writestr(path, text)
        return file

    def actor_wheel(self, name: str, version: str) -> Path:
        """Make a wheel with an actor ``name.a`` whose answer is the version of its code."""
        files = {f"{name}/__init__.py": "", f"{name}/mod.py": ACTOR.format(version=version)}
        return self.wheel(name, version, files, f"[aplay_host.actors]\n{name}.a = {name}.mod:A\n")

    def project(self, folder: str, name: str, version: str) -> Path:
        """Write a project with such an actor; return its directory."""
        home = self.folder / folder
        (home / "src" / name).mkdir(parents=True, exist_ok=True)
        (home / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
            f'[project.entry-points."aplay_host.actors"]\n"{name}.a" = "{name}.mod:A"\n'
        )
        (home / "src" / name / "__init__.py").write_text("")
        (home / "src" / name / "mod.py").write_text(ACTOR.format(version=version))
        return home


def _row(file: tuple[str, str]) -> str:
    path, text = file
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
    return f"{path},sha256={digest.decode()},{len(text.encode())}\n"
