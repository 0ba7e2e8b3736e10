"""docs/dependencies.md, pyproject.toml and the homes of tests/architecture agree."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.rules import HOMES

REPOSITORY = Path(__file__).parents[2]
TABLES = pytest.mark.parametrize("heading", ["At run time", "For development"])


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def described(heading: str) -> list[list[str]]:
    """Return the cells of each row in the table below `heading` of the page."""
    page = (REPOSITORY / "docs" / "dependencies.md").read_text(encoding="utf-8")
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    _head, _rule, *lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def required(heading: str, pyproject: dict[str, Any]) -> list[str]:
    """Return the requirements that the table below `heading` has to describe."""
    project: dict[str, Any] = pyproject["project"]
    if heading == "At run time":
        return list(project["dependencies"])
    developing = {*project["optional-dependencies"]["dev"], *pyproject["build-system"]["requires"]}
    return sorted(developing)


@TABLES
def test_every_dependency_has_a_row_with_its_version(
    heading: str, pyproject: dict[str, Any]
) -> None:
    rows = [name + version.strip("`") for name, version, *_ in described(heading)]
    assert rows == sorted(required(heading, pyproject))


@TABLES
def test_the_home_named_is_the_home_proved(heading: str) -> None:
    named = {name: home for name, _, home, *_ in described(heading)}
    proved = {name: " ".join(HOMES.get(name.replace("-", "_"), {"none"})) for name in named}
    assert named == proved


@TABLES
def test_every_row_gives_all_its_reasons(heading: str) -> None:
    assert [row[0] for row in described(heading) if len(row) != 6 or "" in row] == []
