"""What is looked at, and what counts as another file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aplay_host.reload import Change, Roots, Snapshot, SourceFile, dirty, place
from aplay_host.reload.look import (
    Stamp,
    is_fresh,
    is_importable,
    list_files,
    plan_reads,
)

from .saving import write

SECOND = 1_000_000_000
OLD = Stamp(1, 2, 5 * SECOND + 7, 5 * SECOND + 7, 100)


def listed(*roots: Path, exclude: tuple[Path, ...] = ()) -> set[str]:
    """Return the files under `roots`, relative to the first one."""
    found = list_files(Roots(tuple(map(str, roots)), tuple(map(str, exclude))))
    return {os.path.relpath(path, os.path.realpath(roots[0])) for path in found.files}


def file(path: str = "/a.py", *, digest: str = "d", fresh: bool = False) -> SourceFile:
    return SourceFile(path, OLD, digest, b"", fresh)


def snapshot(**digests: str) -> Snapshot:
    return Snapshot({path: file(path, digest=digest) for path, digest in digests.items()})


@pytest.mark.parametrize(
    "name", ["parse.py", "__init__.py", "_x1.py", "größe.py", "fast.abi3.so", "fast.so"]
)
def test_a_module_can_have_that_name(name: str) -> None:
    assert is_importable(name)


@pytest.mark.parametrize(
    "name",
    [
        *("parse.py~", ".parse.py.swp", "4913", "#parse.py#", ".#parse.py", "parse.py.bak"),
        *("parse.py___jb_tmp___", ".goutputstream-X1", "sedQ1w2E3", "parse.pyc", "parse.tmp.py"),
        *("access.log", "parse.pyi", ".py", "mail.db-wal"),
    ],
)
def test_no_module_can_have_the_name_of_a_scratch_file(name: str) -> None:
    assert not is_importable(name)


def test_modules_are_found_at_any_depth_and_nothing_else_is(tmp_path: Path) -> None:
    root = write(tmp_path / "pack", parse="", deep__er__still="")
    (root / "notes.txt").touch()
    (root / "parse.py~").touch()
    assert listed(root) == {"__init__.py", "parse.py", "deep/er/still.py"}


def test_directories_that_hold_no_source_of_the_package_are_left_out(tmp_path: Path) -> None:
    root = write(tmp_path, node_modules__x="", venv__lib__y="", mine__z="")
    for name in ("__pycache__", ".git", ".venv"):
        write(root / name)
    (root / "venv" / "pyvenv.cfg").touch()
    assert listed(root) == {"__init__.py", "mine/z.py"}


def test_what_is_excluded_is_not_looked_at(tmp_path: Path) -> None:
    root = write(tmp_path, state__x="", one="", two="")
    assert listed(root, exclude=(root / "state", root / "one.py")) == {"__init__.py", "two.py"}


def test_a_single_file_is_looked_at_whatever_its_name(tmp_path: Path) -> None:
    for name in ("aplay.toml", "other.toml"):
        (tmp_path / name).touch()
    found = list_files(Roots((str(tmp_path / "aplay.toml"),)))
    assert set(found.files) == {str(tmp_path / "aplay.toml")}
    assert str(tmp_path) in {one.path for one in found.directories}


def test_a_linked_root_is_known_by_its_real_path_and_its_link_is_watched(tmp_path: Path) -> None:
    root, link = write(tmp_path / "pack"), tmp_path / "links" / "link"
    link.parent.mkdir()
    link.symlink_to(root)
    found = list_files(Roots((str(link),)))
    assert set(found.files) == {place(str(link / "__init__.py"))} == {str(root / "__init__.py")}
    watched = {one.path for one in found.directories}
    assert watched == {str(root), str(root.parent), str(link.parent)}


def test_linked_directories_that_lead_round_in_circles_are_entered_once(tmp_path: Path) -> None:
    root = write(tmp_path / "pack", sub__x="")
    (root / "sub" / "up").symlink_to(root)
    (root / "again").symlink_to(root / "sub")
    assert listed(root) == {"__init__.py", "sub/x.py"}


def test_a_linked_file_is_known_by_its_own_name_and_its_target_is_watched(tmp_path: Path) -> None:
    root, shared = write(tmp_path / "pack"), write(tmp_path / "shared", real="x")
    (root / "parse.py").symlink_to(shared / "real.py")
    found = list_files(Roots((str(root),)))
    assert found.files[str(root / "parse.py")].size == 1
    assert str(shared) in {one.path for one in found.directories}


def test_links_to_nowhere_and_things_that_are_no_files_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "round.py").symlink_to(tmp_path / "round.py")
    (tmp_path / "directory.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    assert listed(tmp_path) == set()


def test_a_root_that_is_gone_leaves_the_directory_it_will_come_back_in(tmp_path: Path) -> None:
    found = list_files(Roots((str(tmp_path / "pack"), str(tmp_path / "single.py"))))
    assert (found.files, [one.path for one in found.directories]) == ({}, [str(tmp_path)])


def test_a_directory_that_cannot_be_read_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, closed__x="")
    scandir = os.scandir

    def refuse(path: str) -> os.ScandirIterator[str]:  # type: ignore[name-defined]
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = list_files(Roots((str(root),)))
    assert found.unreadable == {str(root / "closed"): "Permission denied"}
    assert set(found.files) == {str(root / "__init__.py")}


@pytest.mark.parametrize("field", Stamp._fields)
@pytest.mark.parametrize("step", [1, -1])
def test_any_difference_in_a_stamp_is_a_reason_to_read(field: str, step: int) -> None:
    other = OLD._replace(**{field: getattr(OLD, field) + step})
    assert plan_reads({"/a.py": other}, {"/a.py": file()}) == ("/a.py",)


def test_only_what_is_new_different_or_uncertain_is_read() -> None:
    known = {"/same": file(), "/fresh": file(fresh=True)}
    known["/bad"] = SourceFile("/bad", OLD, "", None, problem="Permission denied")
    stamps = dict.fromkeys(("/same", "/fresh", "/bad", "/new"), OLD)
    assert plan_reads(stamps, known) == ("/fresh", "/bad", "/new")
    assert plan_reads(stamps, known, recheck=False) == ("/new",)


@pytest.mark.parametrize(
    ("modified", "changed", "age", "fresh"),
    [
        (7, 7, 0.049, True),
        (7, 7, 0.051, False),
        (-SECOND * 3600, 7, 0.049, True),  # an older time set by hand
        (0, 0, 1.9, True),  # a file system that stores whole seconds
        (0, 0, 2.1, False),
        (-SECOND, 7, 0.051, False),  # unpacked with whole seconds, on one that stores more
        (SECOND * 60 + 7, 7, 0.051, True),  # a time in the future
        (7, 7, -3600.0, True),  # our clock was set back
        (7, 7, 3600.0, False),  # our clock was set forward
    ],
)
def test_a_file_is_fresh_while_the_clock_may_not_have_moved_on(
    modified: int, changed: int, age: float, fresh: bool
) -> None:
    base = 1_700_000_000 * SECOND
    stamp = Stamp(1, 2, base + modified, base + changed, 3)
    assert is_fresh(stamp, base + changed + round(age * SECOND)) is fresh


def test_the_difference_to_what_is_committed_is_told_by_kind() -> None:
    found = dirty({"b": "1", "c": "1", "a": "1"}, snapshot(c="1", a="2", e="1", d="1"))
    assert found == Change(added=("d", "e"), changed=("a",), removed=("b",))
    assert found


def test_nothing_is_dirty_when_all_digests_are_the_same() -> None:
    assert not dirty({"a": "1"}, snapshot(a="1"))


def test_a_file_is_found_by_any_path_that_leads_to_it(tmp_path: Path) -> None:
    root = write(tmp_path / "real")
    (tmp_path / "link").symlink_to(root)
    path = str(root / "__init__.py")
    seen = Snapshot({path: file(path)})
    assert seen.find(str(tmp_path / "link" / "__init__.py")) is seen.files[path]
    assert seen.find(str(tmp_path / "other.py")) is None
