"""Which file is meant, and which one is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aplay_host.config import find_config
from aplay_host.errors import ConfigError


def make(folder: Path, name: str = "aplay.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.touch()
    return file


def test_the_nearest_file_upwards_wins(tmp_path: Path) -> None:
    make(tmp_path)
    nearest = make(tmp_path / "a")
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    assert find_config(None, cwd=tmp_path / "a" / "b" / "c", environ={}) == nearest


def test_a_file_in_the_working_directory_beats_its_parents(tmp_path: Path) -> None:
    make(tmp_path)
    assert find_config(None, cwd=make(tmp_path / "a").parent, environ={}).parent.name == "a"


def test_a_folder_of_that_name_is_passed_over(tmp_path: Path) -> None:
    file = make(tmp_path)
    (tmp_path / "a" / "aplay.toml").mkdir(parents=True)
    assert find_config(None, cwd=tmp_path / "a", environ={}) == file


def test_the_variable_beats_walking(tmp_path: Path) -> None:
    make(tmp_path)
    named = make(tmp_path / "a", "other.toml")
    environ = {"APLAY_CONFIG": "a/other.toml"}
    assert find_config(None, cwd=tmp_path, environ=environ) == named


def test_an_empty_variable_is_no_variable(tmp_path: Path) -> None:
    file = make(tmp_path)
    assert find_config(None, cwd=tmp_path, environ={"APLAY_CONFIG": ""}) == file


def test_the_option_beats_the_variable_and_walking(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path / "a")
    named = make(tmp_path / "b", "mine.toml")
    environ = {"APLAY_CONFIG": "a/aplay.toml"}
    assert find_config("b/mine.toml", cwd=tmp_path, environ=environ) == named


def test_the_path_is_absolute_and_without_links(tmp_path: Path) -> None:
    file = make(tmp_path / "a")
    (tmp_path / "link.toml").symlink_to(file)
    assert find_config("a/../link.toml", cwd=tmp_path, environ={}) == file


def test_nothing_found_says_where_and_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None, cwd=tmp_path, environ={})
    assert str(caught.value) == (
        f"no aplay.toml in {tmp_path} or a folder above it; make one, or name it with -c FILE"
    )


@pytest.mark.parametrize(
    ("explicit", "environ", "source"),
    [("x.toml", {}, "-c"), (None, {"APLAY_CONFIG": "x.toml"}, "APLAY_CONFIG")],
)
def test_a_named_file_that_is_missing_says_who_named_it(
    tmp_path: Path, explicit: str | None, environ: dict[str, str], source: str
) -> None:
    make(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find_config(explicit, cwd=tmp_path, environ=environ)
    assert str(caught.value).startswith(f"no file {tmp_path}/x.toml, named by {source};")


def disown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `path` a stranger's: root can give it away, others become somebody else."""
    if os.geteuid() == 0:
        os.chown(path, 4711, -1, follow_symlinks=False)
    else:
        stranger = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: stranger)


def test_a_strangers_file_found_by_walking_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path)
    disown(file, monkeypatch)
    with pytest.raises(ConfigError, match=f"give it with -c {file}"):
        find_config(None, cwd=tmp_path, environ={})


def test_a_strangers_link_found_by_walking_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "real.toml")
    link = tmp_path / "aplay.toml"
    link.symlink_to("real.toml")
    disown(link, monkeypatch)
    with pytest.raises(ConfigError, match="belongs to uid"):
        find_config(None, cwd=tmp_path, environ={})


def test_a_strangers_file_that_was_named_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path)
    disown(file, monkeypatch)
    assert find_config("aplay.toml", cwd=tmp_path, environ={}) == file
    assert find_config(None, cwd=tmp_path, environ={"APLAY_CONFIG": "aplay.toml"}) == file
