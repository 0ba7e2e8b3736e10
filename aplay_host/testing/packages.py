"""Real distributions in a site directory of the test's own, written without an installer."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Literal

Layout = Literal["wheel", "path", "import", "links"]


def dist(
    site: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, str] | None = None,
    entry_points: str | bytes = "",
    layout: Layout = "wheel",
    requires: Iterable[str] = (),
) -> Path:
    """Write a distribution into `site`, as an installer leaves it; return its ``.dist-info``.

    `files` maps paths such as ``acme/mod.py`` to source, which may be indented. Like
    `entry_points` they replace what an earlier call wrote.

    ======  ==================================  =========================================
    layout  sources are in                      and Python finds them through
    ======  ==================================  =========================================
    wheel   `site`                              `site` on ``sys.path``
    path    ``src-NAME`` beside `site`          a ``.pth`` file that names their directory
    import  ``src-NAME`` beside `site`          a ``.pth`` line that installs a finder
    links   ``src-NAME`` beside `site`          a symbolic link in `site` for each file
    ======  ==================================  =========================================

    ``.pth`` files are read when Python starts, or by ``site.addsitedir(site)``.
    """
    site.mkdir(parents=True, exist_ok=True)
    home = site if layout == "wheel" else site.parent / f"src-{name}"
    for path, source in (files or {}).items():
        _write(home / path, dedent(source).encode())
    placed: Iterable[str] = files or {}
    if layout != "wheel":
        placed = _lead(site, home, name, layout, placed)
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {one}\n" for one in requires)
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}"
    points = entry_points if isinstance(entry_points, bytes) else dedent(entry_points).encode()
    written = {"METADATA": head.encode(), "entry_points.txt": points, "INSTALLER": b"pip\n"}
    if layout != "wheel":
        told = {"url": home.as_uri(), "dir_info": {"editable": True}}
        written["direct_url.json"] = json.dumps(told).encode()
    rows = [*map(partial(_row, site), placed), *(f"{metadata.name}/{one},," for one in written)]
    # The last file that an installer writes, and the one that says that it has finished.
    written["RECORD"] = "\n".join([*rows, ""]).encode()
    for file, content in written.items():
        _write(metadata / file, content)
    return metadata


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _row(site: Path, path: str) -> str:
    content = (site / path).read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"{path},sha256={digest.decode()},{len(content)}"


def _lead(site: Path, home: Path, name: str, layout: Layout, files: Iterable[str]) -> Iterable[str]:
    """Make Python find in `home` what an editable installation leaves there; return its files."""
    home.mkdir(parents=True, exist_ok=True)
    if layout == "path":
        _write(site / f"{name}.pth", f"{home}\n".encode())
        return [f"{name}.pth"]
    if layout == "links":
        for path in files:
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            if not (site / path).is_symlink():
                os.symlink(home / path, site / path)
        return files
    finder = f"_editable_{name.replace('-', '_')}"
    _write(site / f"{finder}.py", _FINDER.format(home=str(home)).encode())
    _write(site / f"{name}.pth", f"import {finder}; {finder}.install()\n".encode())
    return [f"{finder}.py", f"{name}.pth"]


_FINDER = """\
import sys
from importlib.machinery import PathFinder


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if path else PathFinder.find_spec(name, [{home!r}])


def install():
    sys.meta_path.append(Finder)
"""
