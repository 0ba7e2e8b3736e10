"""The chaos is good enough to notice mistakes: it catches those that are planted here.

``APLAY_MISTAKES=all`` plants all of them, one after another.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.mutants.catalogue import Mutant
from tests.mutants.planting import PACKAGE, ROOT, copy_package, plant, run_tests

from .mistakes import MISTAKES, QUICK

ALL = os.environ.get("APLAY_MISTAKES") == "all"
CHOSEN = [mistake for mistake in MISTAKES if ALL or mistake.name in QUICK]
PASSED, FAILED = 0, 1


@pytest.mark.parametrize("mistake", CHOSEN, ids=lambda mistake: mistake.name.replace(" ", "_"))
def test_a_planted_mistake_is_caught(mistake: Mutant, tmp_path: Path) -> None:
    plant(mistake, tmp_path)
    ran = run_tests(tmp_path, mistake.caught_by)
    assert ran.returncode == FAILED, f"{mistake.name!r} was not caught:\n{ran.stdout}{ran.stderr}"


def test_each_mistake_can_be_planted() -> None:
    found = {it.name: (ROOT / PACKAGE / it.path).read_text().count(it.old) for it in MISTAKES}
    assert found == dict.fromkeys(found, 1), "the text that is no longer there once has changed"


@pytest.mark.skipif(not ALL, reason="they have passed already in this run")
def test_without_a_mistake_the_same_tests_pass(tmp_path: Path) -> None:
    copy_package(tmp_path)
    selection = {test: None for mistake in CHOSEN for test in mistake.caught_by}
    ran = run_tests(tmp_path, tuple(selection))
    assert ran.returncode == PASSED, ran.stdout
