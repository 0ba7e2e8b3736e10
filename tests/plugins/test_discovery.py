"""What is found in metadata, and what each trap in it leads to."""

from __future__ import annotations

import builtins
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.plugins import Entry, Reason, scan

if TYPE_CHECKING:
    from tests.plugins.conftest import Site

TAIL = "[aplay_host.actors]\ntail = tail.mod:Tail\n"


def reason(entry: Entry) -> Reason:
    assert entry.reason is not None
    return entry.reason


def test_an_entry_tells_all_that_metadata_tells(site: Site) -> None:
    metadata = site.dist(
        "Log.Watch",
        """
        [console_scripts]
        logwatch = logwatch:main
        [aplay_host.actors]
        logwatch.tail = logwatch.tail : Tail [fast]
        [aplay_host.plugins]
        logwatch = logwatch.hooks
        """,
        version="1.4.0",
    )
    assert site.scan() == (
        Entry(
            dist="log-watch",
            name="logwatch.tail",
            door="actor",
            version="1.4.0",
            target="logwatch.tail:Tail",
            state="found",
            metadata=str(metadata),
        ),
        Entry(
            dist="log-watch",
            name="logwatch",
            door="plugin",
            version="1.4.0",
            target="logwatch.hooks",
            state="found",
            metadata=str(metadata),
        ),
    )
    assert site.scan()[0].id == "log-watch/logwatch.tail"


def test_entries_are_sorted_whatever_the_directory_says(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dist in ("zeta", "alpha", "mid"):
        site.dist(dist, "[aplay_host.plugins]\nb = x\na = x\n[aplay_host.actors]\nc = x:Y\n")
    found = site.scan()
    assert [(one.door, one.id) for one in found] == [
        *[("actor", f"{dist}/c") for dist in ("alpha", "mid", "zeta")],
        *[("plugin", f"{dist}/{name}") for dist in ("alpha", "mid", "zeta") for name in "ab"],
    ]
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listdir(path), reverse=True))
    assert site.scan() == found


@pytest.mark.parametrize(
    ("told", "editable", "root"),
    [
        (
            {"url": "file:///src/log%20watch", "dir_info": {"editable": True}},
            True,
            "/src/log watch",
        ),
        ({"url": "file:///src/logwatch", "dir_info": {}}, False, None),
        ({"url": "https://example.org/x.whl", "archive_info": {}}, False, None),
        ([], False, None),
    ],
)
def test_direct_url_tells_whether_an_install_is_editable(
    site: Site, told: object, editable: bool, root: str | None
) -> None:
    (site.dist("tail", TAIL) / "direct_url.json").write_text(json.dumps(told))
    [entry] = site.scan()
    assert (entry.editable, entry.root) == (editable, root)


def test_direct_url_that_is_no_json_means_not_editable(site: Site) -> None:
    (site.dist("tail", TAIL) / "direct_url.json").write_text("{")
    [entry] = site.scan()
    assert (entry.state, entry.editable) == ("found", False)


def test_stash_of_an_interrupted_upgrade_is_skipped(site: Site) -> None:
    site.dist("~ail", TAIL)
    assert site.scan() == ()


def test_first_copy_on_the_path_wins_and_the_other_is_listed_with_its_path(
    make_site: Callable[[str], Site],
) -> None:
    first, second = make_site("first"), make_site("second")
    used = first.dist("tail", TAIL, version="2.0")
    other = second.dist("Tail", TAIL, version="1.0")
    found, shadowed = scan([str(first.path), str(second.path)])
    assert (found.state, found.metadata) == ("found", str(used))
    assert (shadowed.state, shadowed.metadata) == ("shadowed", str(other))
    assert reason(shadowed).line() == f"metadata: version 2.0 is used instead ({used})"


def test_first_copy_wins_even_when_it_offers_nothing_any_more(
    make_site: Callable[[str], Site],
) -> None:
    first, second = make_site("first"), make_site("second")
    first.dist("tail", "[console_scripts]\ntail = tail:main\n", version="2.0")
    second.dist("tail", TAIL)
    [entry] = scan([str(first.path), str(second.path)])
    assert entry.state == "shadowed"


def test_one_directory_under_two_names_is_read_once(site: Site, tmp_path: Path) -> None:
    site.dist("tail", TAIL)
    link = tmp_path / "link"
    link.symlink_to(site.path)
    [entry] = scan([str(site.path), str(link), str(site.path)])
    assert entry.state == "found"


def test_of_two_copies_side_by_side_the_complete_one_wins(site: Site) -> None:
    site.dist("tail", TAIL, version="1.0", record=False)
    site.dist("tail", TAIL, version="2.0")
    assert [(one.version, one.state) for one in site.scan()] == [
        ("2.0", "found"),
        ("1.0", "shadowed"),
    ]


@pytest.mark.parametrize("complete", [True, False])
def test_two_copies_side_by_side_that_cannot_be_told_apart_are_broken(
    site: Site, complete: bool
) -> None:
    site.dist("tail", TAIL, version="1.0", record=complete)
    site.dist("tail", TAIL, version="2.0", record=complete)
    for entry in site.scan():
        assert entry.state == "broken"
        assert reason(entry).message == (
            "tail-1.0.dist-info and tail-2.0.dist-info side by side; "
            "run `pip install --force-reinstall tail`"
        )


def test_distribution_without_a_record_is_accepted(site: Site) -> None:
    site.dist("tail", TAIL, record=False)
    assert [one.state for one in site.scan()] == ["found"]


def test_egg_info_counts_only_in_a_site_directory(tmp_path: Path) -> None:
    for directory in ("src", "dist-packages"):
        egg = tmp_path / directory / "log_watch-1.0-py3.11.egg-info"
        egg.mkdir(parents=True)
        (egg / "entry_points.txt").write_text(TAIL)
    [entry] = scan([str(tmp_path / "src"), str(tmp_path / "dist-packages")])
    assert (entry.dist, entry.version) == ("log-watch", "1.0")
    assert entry.metadata.startswith(str(tmp_path / "dist-packages"))


def test_bare_metadata_directory_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "tail.dist-info").mkdir()
    (tmp_path / "tail.dist-info" / "entry_points.txt").write_text(TAIL)
    [entry] = scan([str(tmp_path)])
    assert (entry.dist, entry.version) == ("tail", "")


@pytest.mark.parametrize(
    ("text", "line", "kind", "message"),
    [
        (b"[aplay_host.actors]\ntail = \xff:A\n", 2, "not-utf-8", "byte 0xff is not UTF-8"),
        (
            b"[aplay_host.actors]\na = b:C\n\n[other]\nrubbish\n",
            5,
            "bad-line",
            'got "rubbish", want "name = module:object"',
        ),
        (
            b"[aplay_host.actors]\na = b:C\na = b:D\n",
            3,
            "duplicate-name",
            '"a" is there twice in [aplay_host.actors]',
        ),
    ],
)
def test_unusable_file_breaks_its_distribution_and_no_other(
    site: Site, text: bytes, line: int, kind: str, message: str
) -> None:
    metadata = site.dist("bad", text)
    site.dist("tail", TAIL)
    bad, tail = site.scan()
    assert (bad.id, bad.name, bad.state, tail.state) == ("bad", "", "broken", "found")
    place = f"{metadata}/entry_points.txt:{line}"
    assert bad.reason == Reason("metadata", kind, message, place)


def test_unusable_file_that_names_the_plugins_group_is_a_plugins_row(site: Site) -> None:
    site.dist("bad", "[aplay_host.plugins]\nrubbish\n")
    assert [one.door for one in site.scan()] == ["plugin"]


def test_unusable_file_of_somebody_else_is_no_business_of_ours(site: Site) -> None:
    site.dist("other", "[console_scripts]\nrubbish\n")
    assert site.scan() == ()


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("a b = x:Y", "bad-name", 'name: got "a b", want letters, digits, "_", "." and "-" only'),
        ("a/b = x:Y", "bad-name", 'name: got "a/b", want letters, digits, "_", "." and "-" only'),
        (" = x:Y", "bad-name", 'name: got "", want letters, digits, "_", "." and "-" only'),
        ("a = x", "bad-target", 'a: got "x", want "package.module:Class"'),
        ("a = x/y.py:Z", "bad-target", 'a: got "x/y.py:Z", want "package.module:Class"'),
        ("a = ", "bad-target", 'a: got "", want "package.module:Class"'),
    ],
)
def test_bad_line_breaks_that_entry_alone(site: Site, line: str, kind: str, message: str) -> None:
    metadata = site.dist("tail", f"{TAIL}{line}\n")
    bad = next(one for one in site.scan() if one.name != "tail")
    place = f"{metadata}/entry_points.txt:3"
    assert (bad.state, bad.reason) == ("broken", Reason("metadata", kind, message, place))
    assert [one.state for one in site.scan() if one.name == "tail"] == ["found"]


@pytest.mark.parametrize(
    ("group", "door", "suggestion"),
    [
        ("aplay_host.actor", "actor", "aplay_host.actors"),
        ("aplay-host.plugin", "plugin", "aplay_host.plugins"),
        ("aplay_host_actors", "actor", "aplay_host.actors"),
    ],
)
def test_unknown_group_gets_a_suggestion(
    site: Site, group: str, door: str, suggestion: str
) -> None:
    site.dist("tail", f"[{group}]\ntail = tail.mod:Tail\n")
    [entry] = site.scan()
    assert (entry.state, entry.door) == ("broken", door)
    assert reason(entry).message == f'unknown group "{group}"; did you mean "{suggestion}"?'


def test_whatever_cannot_be_listed_holds_nothing(site: Site, tmp_path: Path) -> None:
    site.dist("tail", TAIL)
    archive = tmp_path / "lib.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("x-1.dist-info/entry_points.txt", TAIL)
    (site.path / "file-1.0.dist-info").write_text("not a directory")
    found = scan([str(archive), str(tmp_path / "missing"), str(site.path)])
    assert [one.id for one in found] == ["tail/tail"]


def test_unreadable_directory_does_not_end_the_scan(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.dist("tail", TAIL)
    listdir = os.listdir

    def refuse(path: str) -> list[str]:
        if path == "/locked":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    assert [one.id for one in scan(["/locked", str(site.path)])] == ["tail/tail"]


def test_unreadable_file_breaks_its_distribution(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = site.dist("locked", TAIL) / "entry_points.txt"
    site.dist("tail", TAIL)
    opened = builtins.open

    def refuse(file: Any, *args: Any) -> Any:
        if file == str(locked):
            raise PermissionError(13, "Permission denied")
        return opened(file, *args)

    monkeypatch.setattr(builtins, "open", refuse)
    bad, tail = site.scan()
    assert tail.state == "found"
    assert reason(bad).line() == f"metadata: cannot be read: Permission denied ({locked})"


def test_empty_path_entry_is_the_current_directory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.dist("tail", TAIL)
    monkeypatch.chdir(site.path)
    assert [one.id for one in scan([""])] == ["tail/tail"]
