"""The distributions that `dist` writes are what Python takes for installed ones."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from aplay_host.testing import Layout, dist

POINTS = """
    [aplay_host.actors]
    tail = acme.mod:Tail
"""
IMPORT = "import site, sys; site.addsitedir(sys.argv[1]); import acme.mod; print(acme.mod.value)"


@pytest.mark.parametrize("layout", ["wheel", "path", "import", "links"])
def test_module_is_found_by_python_in_every_layout(tmp_path: Path, layout: Layout) -> None:
    files = {"acme/__init__.py": "", "acme/mod.py": "    value = 42"}
    dist(tmp_path / "site", "acme", files=files, layout=layout)
    command = [sys.executable, "-I", "-c", IMPORT, str(tmp_path / "site")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "42\n"


def test_metadata_is_read_by_python(tmp_path: Path) -> None:
    made = dist(tmp_path, "Log-Watch", "1.4", entry_points=POINTS, requires=["click>=8"])
    assert made.name == "Log_Watch-1.4.dist-info"
    [found] = metadata.distributions(path=[str(tmp_path)])
    assert (found.metadata["Name"], found.version, found.requires) == (
        "Log-Watch",
        "1.4",
        ["click>=8"],
    )
    [point] = found.entry_points
    assert (point.group, point.name, point.value) == ("aplay_host.actors", "tail", "acme.mod:Tail")
    listed = {str(file) for file in found.files or ()}
    assert {f"{made.name}/{name}" for name in ("INSTALLER", "METADATA")} <= listed


def test_editable_layout_says_where_its_sources_are(tmp_path: Path) -> None:
    made = dist(tmp_path / "site", "acme", files={"acme.py": ""}, layout="path")
    told = json.loads((made / "direct_url.json").read_text())
    assert told == {"url": (tmp_path / "src-acme").as_uri(), "dir_info": {"editable": True}}
    assert (tmp_path / "src-acme/acme.py").exists()


@pytest.mark.parametrize("layout", ["wheel", "path", "import", "links"])
def test_every_file_in_the_site_directory_is_on_record(tmp_path: Path, layout: Layout) -> None:
    site = tmp_path / "site"
    dist(site, "acme", files={"acme/mod.py": "x = 1"}, entry_points=POINTS, layout=layout)
    [found] = metadata.distributions(path=[str(site)])
    there = {str(one.relative_to(site)) for one in site.rglob("*") if not one.is_dir()}
    assert {str(file) for file in found.files or ()} == there - {"acme-1.0.dist-info/RECORD"}


def test_writing_again_replaces_files_and_entry_points(tmp_path: Path) -> None:
    for value in (1, 2):
        files = {"acme.py": f"value = {value}"}
        made = dist(tmp_path, "acme", files=files, entry_points=f"[g]\nx = m:V{value}\n")
    assert (tmp_path / "acme.py").read_text() == "value = 2"
    assert (made / "entry_points.txt").read_text() == "[g]\nx = m:V2\n"
