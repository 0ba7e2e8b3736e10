"""Which plugins are left alone because the process died of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aplay_host.plugins import Failure
from aplay_host.plugins.quarantine import FILE, Quarantine


def die(state_dir: Path, id_: str, stamp: str = "v1") -> Failure | None:
    """Do what a process does that dies while it imports `id_`; return what it was told."""
    guard = Quarantine(state_dir).guarding(id_, stamp)
    refused = guard.__enter__()
    left = (state_dir / FILE).read_bytes()
    guard.__exit__(None, None, None)
    (state_dir / FILE).write_bytes(left)
    return refused


def refusal(state_dir: Path, id_: str, stamp: str = "v1") -> Failure | None:
    with Quarantine(state_dir).guarding(id_, stamp) as refused:
        return refused


def test_second_death_quarantines_that_plugin_alone(tmp_path: Path) -> None:
    assert [die(tmp_path, "a/a"), die(tmp_path, "a/a")] == [None, None]
    told = refusal(tmp_path, "a/a")
    assert told is not None
    assert (told.phase, told.type) == ("import", "quarantined")
    assert told.message.count("+00:00") == 2
    assert refusal(tmp_path, "b/b") is None


def test_one_death_and_one_success_are_no_death(tmp_path: Path) -> None:
    die(tmp_path, "a/a")
    assert refusal(tmp_path, "a/a") is None
    assert not (tmp_path / FILE).exists()
    die(tmp_path, "a/a")
    assert refusal(tmp_path, "a/a") is None


def test_new_files_lift_the_quarantine(tmp_path: Path) -> None:
    for _ in range(2):
        die(tmp_path, "a/a")
    assert refusal(tmp_path, "a/a") is not None
    assert refusal(tmp_path, "a/a", "v2") is None
    assert refusal(tmp_path, "a/a") is None


def test_deaths_of_different_files_do_not_add_up(tmp_path: Path) -> None:
    die(tmp_path, "a/a", "v1")
    die(tmp_path, "a/a", "v2")
    assert refusal(tmp_path, "a/a", "v2") is None


def test_starts_that_do_not_import_the_plugin_count_no_further_death(tmp_path: Path) -> None:
    die(tmp_path, "a/a")
    for _ in range(3):
        Quarantine(tmp_path)
    assert refusal(tmp_path, "a/a") is None


def test_failure_is_no_death(tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt), Quarantine(tmp_path).guarding("a/a", "v1"):
            raise KeyboardInterrupt
    assert refusal(tmp_path, "a/a") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"x": 1}}', "{", '{"a": 3}'])
def test_file_that_cannot_be_used_is_told_and_quarantines_nobody(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_text(text)
    assert refusal(tmp_path, "a/a") is None
    assert f"{tmp_path / FILE} cannot be used" in caplog.text


def test_state_directory_that_cannot_be_written_does_not_stop_the_import(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert refusal(tmp_path / "missing", "a/a") is None
    assert "cannot be written" in caplog.text


def test_what_is_noted_is_there_while_the_import_runs(tmp_path: Path) -> None:
    with Quarantine(tmp_path).guarding("a/a", "v1"):
        noted = json.loads((tmp_path / FILE).read_text())
    assert list(noted) == ["a/a"]
    assert noted["a/a"]["stamp"] == "v1"
