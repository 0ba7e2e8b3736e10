"""The tests are good enough to notice mistakes: they catch those that are planted here."""

from __future__ import annotations

from pathlib import Path

import pytest

from .catalogue import MUTANTS, Mutant
from .planting import PACKAGE, copy_package, plant, run_tests

PASSED, FAILED = 0, 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_a_planted_mistake_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    plant(mutant, tmp_path)
    ran = run_tests(tmp_path, mutant.caught_by)
    assert ran.returncode == FAILED, f"{mutant.name!r} was not caught:\n{ran.stdout}{ran.stderr}"


def test_without_a_mistake_the_same_tests_pass(tmp_path: Path) -> None:
    copy_package(tmp_path)
    selection = {test: None for mutant in MUTANTS for test in mutant.caught_by}
    ran = run_tests(tmp_path, tuple(selection))
    assert ran.returncode == PASSED, ran.stdout


def test_it_is_the_copy_that_is_tested(tmp_path: Path) -> None:
    copy_package(tmp_path)
    (tmp_path / PACKAGE / "kernel" / "cell.py").write_text("raise ImportError('from the copy')")
    ran = run_tests(tmp_path, ("tests/kernel/test_tell.py",))
    assert "ImportError: from the copy" in ran.stdout + ran.stderr


@pytest.mark.parametrize("old", ["no such text", "cell"])
def test_a_mistake_whose_place_is_not_certain_is_refused(old: str, tmp_path: Path) -> None:
    mutant = Mutant("astray", "kernel/cell.py", old, "", ())
    with pytest.raises(AssertionError, match="mutant 'astray' must be updated"):
        plant(mutant, tmp_path)
