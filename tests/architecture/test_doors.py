"""The doors of the packages: what a type checker reads there is what runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import aplay_host

SOURCE = Path(aplay_host.__file__).parent


def promised(file: Path) -> Iterator[tuple[str, str, str]]:
    """Yield package, file and name of each import that only a type checker sees."""
    package = ".".join(file.parent.relative_to(SOURCE.parent).parts)
    for block in ast.parse(file.read_text("utf-8")).body:
        if not isinstance(block, ast.If) or ast.unparse(block.test) != "TYPE_CHECKING":
            continue
        for node in block.body:
            if isinstance(node, ast.ImportFrom):
                home = "." * node.level + (node.module or "")
                yield from ((package, home, alias.name) for alias in node.names)


PROMISES = [it for file in sorted(SOURCE.rglob("__init__.py")) for it in promised(file)]


def test_there_are_doors() -> None:
    assert {"aplay_host", "aplay_host.kernel", "aplay_host.plugins"} <= {it[0] for it in PROMISES}


@pytest.mark.parametrize(("package", "home", "name"), PROMISES)
def test_a_door_gives_what_it_tells_the_type_checker(package: str, home: str, name: str) -> None:
    door = import_module(package)
    assert getattr(door, name) is getattr(import_module(home, package), name)
    assert name in door.__all__


def test_a_door_has_no_name_that_the_type_checker_does_not_see() -> None:
    for package in {it[0] for it in PROMISES}:
        door = import_module(package)
        known = {name for of, _, name in PROMISES if of == package} | vars(door).keys()
        assert set(door.__all__) <= known, package
