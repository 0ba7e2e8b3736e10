"""What is found in metadata, and what each trap in it leads to."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
import timeit
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aplay_host.plugins import Entry, Reason, canonical, look, scan, signature
from aplay_host.testing import dist
from tests.plugins.conftest import LONG_AGO, age

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
    assert tuple(replace(one, stamp=(0, 0)) for one in site.scan()) == (
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
    for name in ("zeta", "alpha", "mid"):
        site.dist(name, "[aplay_host.plugins]\nb = x\na = x\n[aplay_host.actors]\nc = x:Y\n")
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
    assert (entry.editable, entry.project) == (editable, root)


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
    opened = os.open

    def refuse(file: Any, *args: Any) -> Any:
        if file == str(locked):
            raise PermissionError(13, "Permission denied")
        return opened(file, *args)

    monkeypatch.setattr(os, "open", refuse)
    bad, tail = site.scan()
    assert tail.state == "found"
    assert reason(bad).line() == f"metadata: cannot be read: Permission denied ({locked})"


def test_empty_path_entry_is_the_current_directory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.dist("tail", TAIL)
    monkeypatch.chdir(site.path)
    assert [one.id for one in scan([""])] == ["tail/tail"]


# ---- metadata that is being written --------------------------------------------------------


def test_metadata_half_written_is_installing_until_its_record_lists_the_installer(
    site: Site,
) -> None:
    metadata = site.dist("tail", TAIL)
    record = (metadata / "RECORD").read_text()
    (metadata / "RECORD").write_text("tail-1.0.dist-info/METADATA,,\n")  # the wheel's own
    found = look([str(site.path)])
    [entry] = found.entries
    assert (entry.id, entry.state, found.installing) == ("tail/tail", "installing", True)
    assert reason(entry).line().startswith("metadata: since ")
    assert reason(entry).line().endswith(f"; its RECORD is not complete yet ({metadata})")
    (metadata / "RECORD").write_text(record)
    assert [one.state for one in found.refreshed([str(site.path)]).entries] == ["found"]


def test_entry_points_half_written_are_not_broken_yet(site: Site) -> None:
    metadata = site.dist("tail", "[aplay_host.actors]\ntail")
    (metadata / "RECORD").unlink()
    assert [(one.id, one.state) for one in site.scan()] == [("tail", "installing")]
    age(metadata)
    assert [(one.id, one.state) for one in site.scan()] == [("tail", "broken")]


def test_installer_that_writes_no_record_is_believed_after_two_seconds(site: Site) -> None:
    metadata = site.dist("tail", TAIL)
    (metadata / "RECORD").unlink()
    changed = metadata.stat().st_mtime
    path = [str(site.path)]
    assert [one.state for one in look(path, now=changed + 1.9).entries] == ["installing"]
    assert [one.state for one in look(path, now=changed + 2.1).entries] == ["found"]


def test_entry_points_that_appear_late_are_noticed(site: Site) -> None:
    metadata = site.dist("tail", TAIL)
    points = (metadata / "entry_points.txt").read_text()
    (metadata / "entry_points.txt").unlink()
    path = [str(site.path)]
    before = look(path)
    assert before.entries == ()
    assert before.unfinished == (str(metadata),)
    (metadata / "entry_points.txt").write_text(points)
    assert [one.id for one in before.refreshed(path).entries] == ["tail/tail"]


def test_signature_opens_nothing_and_differs_after_each_change(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = [str(site.path), str(site.path / "missing")]
    seen = [signature(path)]
    metadata = site.dist("tail", TAIL)
    seen.append(signature(path))
    os.rename(metadata, site.path / "~ail-1.0.dist-info")
    seen.append(signature(path))
    monkeypatch.setattr(os, "open", None)
    assert signature(path) == seen[-1]
    assert len({*seen, signature([*path, "/"])}) == 4


def test_what_has_settled_is_read_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    age(site.dist("tail", TAIL))
    os.utime(site.path, (LONG_AGO, LONG_AGO))
    path = [str(site.path)]
    found = look(path)
    assert found.settled
    monkeypatch.setattr(os, "open", None)
    assert found.refreshed(path) is found


CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123"), st.booleans()))


@settings(max_examples=25, deadline=None)
@given(CHANGES)
def test_any_sequence_of_installs_and_removals_equals_a_fresh_scan(
    changes: list[tuple[str, str, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, kept = [folder], look([folder])
        for name, version, install in changes:
            metadata = Path(folder, f"{name}-{version}.dist-info")
            if install:
                points = f"[aplay_host.actors]\nx = m:V{version}\n"
                dist(Path(folder), name, version, entry_points=points)
            elif metadata.exists():
                shutil.rmtree(metadata)
            kept = kept.refreshed(path)
            assert kept.entries == scan(path)


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["Log.Watch", "log_watch", "tail", "a-b"]),
        st.sampled_from(["1.0", "2", "0.1.dev3"]),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda it: canonical(it[0]),
)


@settings(max_examples=25, deadline=None)
@given(NAMES, NAMES)
def test_scan_finds_what_importlib_metadata_finds(
    first: list[tuple[str, str, bool]], second: list[tuple[str, str, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = [f"{folder}/one", f"{folder}/two"]
        for directory, dists in zip(path, (first, second), strict=True):
            for name, version, offers in dists:
                text = f"[aplay_host.actors]\nx.y = m.n:V [fast]\n# {name}" if offers else ""
                dist(Path(directory), name, version, entry_points=text)
        seen: dict[str, metadata.Distribution] = {}
        for one in metadata.distributions(path=path):
            seen.setdefault(canonical(one.metadata["Name"]), one)
        expected = {
            (name, one.version, point.name, point.module, point.attr)
            for name, one in seen.items()
            for point in one.entry_points.select(group="aplay_host.actors")
        }
        found = [one for one in scan(path) if one.state == "found"]
        assert {
            (one.dist, one.version, one.name, *one.target.split(":")) for one in found
        } == expected


def test_thousand_distributions_scan_within_budget(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    for number in range(1000):
        group = "aplay_host.actors" if number % 50 == 0 else "console_scripts"
        dist(site, f"pkg-{number}", entry_points=f"[{group}]\nrun = pkg:run\n")
    os.utime(site, (LONG_AGO, LONG_AGO))  # nothing is being installed
    path = [str(site)]

    def ours() -> int:
        return len(scan(path))

    def pythons() -> int:
        found = metadata.distributions(path=path)  # what entry_points() does, on this path alone
        points = itertools.chain.from_iterable(one.entry_points for one in found)
        return sum(point.group == "aplay_host.actors" for point in points)

    assert ours() == pythons() == 20
    assert best(pythons) > 1.7 * best(ours)  # benchmarks/plugins.py tells how much more
    assert best(lambda: signature(path)) < 0.0001


def best(action: Callable[[], object]) -> float:
    """Return the seconds of the fastest run: the others waited for other processes."""
    return min(timeit.repeat(action, number=1, repeat=15))


def test_fifo_in_place_of_a_file_does_not_stop_the_scan(site: Site) -> None:
    metadata = site.dist("trap", TAIL)
    (metadata / "entry_points.txt").unlink()
    os.mkfifo(metadata / "entry_points.txt")
    site.dist("tail", TAIL)
    assert [one.dist for one in site.scan()] == ["tail"]


def test_file_longer_than_one_read_is_read_to_its_end(site: Site) -> None:
    site.dist("tail", "# long\n" * 20_000 + TAIL)
    assert [one.id for one in site.scan()] == ["tail/tail"]


# ---- what no installer writes ----------------------------------------------------------------


def test_name_of_a_directory_that_is_not_utf8_breaks_nothing(site: Site) -> None:
    metadata = os.fsencode(site.path) + b"/b\xff-1.0.dist-info"
    os.mkdir(metadata)
    Path(os.fsdecode(metadata), "entry_points.txt").write_text("[aplay_host.actors]\na = x:A\n")
    site.actor("good", "good")
    assert [row.name for row in site.scan()] == ["a", "good"]


def test_nested_origin_of_an_installation_breaks_nothing(site: Site) -> None:
    site.actor("odd", "odd")
    (site.path / "odd-1.0.dist-info/direct_url.json").write_text("[" * 100_000)
    assert [(row.id, row.editable) for row in site.scan()] == [("odd/odd", False)]


def test_huge_entry_points_are_broken_and_not_read(site: Site) -> None:
    many = "".join(f"x{number} = a.b:c\n" for number in range(100_000))
    site.dist("huge", f"[console_scripts]\n{many}\n[aplay_host.actors]\na = huge:A\n")
    (row,) = site.scan()
    assert (row.id, row.state, row.reason and row.reason.type) == ("huge", "broken", "too-large")


def test_byte_order_mark_hides_nothing(site: Site) -> None:
    site.dist("marked", "\ufeff[aplay_host.actors]\na = marked:A\n")
    (row,) = site.scan()
    assert (row.id, row.state) == ("marked/a", "found")


def test_windows_line_ends_and_a_group_in_capitals(site: Site) -> None:
    site.dist("crlf", b"[aplay_host.actors]\r\na = crlf:A\r\n")
    site.dist("loud", "[APLAY_HOST.Actors]\na = loud:A\n")
    crlf, loud = site.scan()
    assert (crlf.id, crlf.target, crlf.state) == ("crlf/a", "crlf:A", "found")
    assert loud.reason is not None
    assert loud.reason.message == (
        'unknown group "APLAY_HOST.Actors"; did you mean "aplay_host.actors"?'
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_what_an_ordinary_user_may_not_read_is_told_and_breaks_nothing() -> None:
    site = Path(tempfile.mkdtemp()) / "site-packages"
    try:
        for name in ("good", "metadata", "points", "record"):
            dist(site, name, entry_points=f"[aplay_host.actors]\n{name} = {name}:A\n")
        hidden = site / "hidden"
        hidden.mkdir()
        age(site / "record-1.0.dist-info")
        denied = ("metadata-1.0.dist-info", "points-1.0.dist-info/entry_points.txt", "hidden")
        for path in (*denied, "record-1.0.dist-info/RECORD"):
            (site / path).chmod(0)
        site.parent.chmod(0o755)
        os.seteuid(65534)
        rows = scan([str(hidden), str(site)])
    finally:
        os.seteuid(0)
        shutil.rmtree(site.parent)
    denied_text = "metadata: cannot be read: Permission denied"
    assert {row.id: row.reason.line().partition(" (")[0] if row.reason else "" for row in rows} == {
        "good/good": "",
        "record/record": "",
        "metadata": denied_text,
        "points": denied_text,
    }
