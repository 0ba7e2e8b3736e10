"""What a `use` means, and who is kept out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aplay_host.plugins import (
    Catalog,
    Door,
    Entry,
    NotOffered,
    Offer,
    PluginSettings,
    Reason,
    State,
    canonical,
)

NOWHERE = "no installed package offers actors; pip install one, then `aplay-host plugins list`"


def entry(
    id_: str, door: Door = "actor", state: State = "found", reason: Reason | None = None
) -> Entry:
    dist, _, name = id_.partition("/")
    return Entry(dist, name, door, "1.0", f"{dist}.mod:A", state, f"/{dist}.dist-info", reason)


def catalog(*ids: str, settings: PluginSettings | None = None) -> Catalog:
    return Catalog([entry(id_) for id_ in ids], settings)


def states(of: Catalog) -> dict[str, str]:
    return {one.id: one.state for one in of.entries}


@pytest.mark.parametrize("use", ["tail", "log-watch/tail", "Log_Watch/tail"])
def test_short_name_and_identity_mean_the_same_offer(use: str) -> None:
    assert catalog("log-watch/tail").find(use) == Offer(
        "log-watch/tail", "log-watch", "log-watch.mod:A"
    )


def test_ambiguous_short_name_lists_all_candidates() -> None:
    both = catalog("b/tail", "a/tail", "c/other")
    assert both.find("tail") == NotOffered(
        '"tail" is offered by several packages', 'use one of "a/tail", "b/tail"'
    )
    assert both.find("b/tail") == Offer("b/tail", "b", "b.mod:A")


def test_disabling_one_of_two_makes_the_short_name_clear() -> None:
    one = catalog("a/tail", "b/tail", settings=PluginSettings(disable=("a",)))
    assert one.find("tail") == Offer("b/tail", "b", "b.mod:A")


def test_module_and_class_need_no_installed_package() -> None:
    assert catalog().find("my.mod:A") == Offer("my.mod:A", None, "my.mod:A")


@pytest.mark.parametrize("use", ["my.mod:", ":A", "my mod:A", "a:b:c", "my/mod.py:A"])
def test_malformed_module_and_class_is_told(use: str) -> None:
    wanted = f'"{use}" is not of the form "package.module:Class"'
    assert catalog().find(use) == NotOffered(wanted)


def test_module_of_a_disabled_distribution_is_disabled_under_any_name() -> None:
    off = catalog("a/tail", settings=PluginSettings(disable=("a",)))
    for use in ("a.mod:Other", "a.other:Other"):
        assert off.find(use) == NotOffered(
            f'"{use}" is disabled: [plugins] disable names "a"', "take it out of that list"
        )
    assert isinstance(off.find("ab.mod:Other"), Offer)


def test_module_beside_one_of_a_disabled_distribution_may_be_of_another() -> None:
    rows = [replace(entry("a/x"), target="ns.a:A"), replace(entry("b/x"), target="ns.b:A")]
    off = Catalog(rows, PluginSettings(disable=("a",)))
    assert isinstance(off.find("ns.a:Other"), NotOffered)
    assert isinstance(off.find("ns.b:Other"), Offer)


def test_setting_that_keeps_an_entry_out_is_told_with_its_place() -> None:
    settings = PluginSettings(disable=("b", "a"), places={"disable[1]": "aplay.toml:8:12"})
    assert catalog("a/x", settings=settings).find("x") == NotOffered(
        '"x" is disabled: [plugins] disable names "a" (aplay.toml:8:12)',
        "take it out of that list",
    )
    few = PluginSettings(allow=("b",), places={"allow": "aplay.toml:3:1"})
    [row] = catalog("a/x", settings=few).entries
    assert row.reason is not None
    assert row.reason.place == "aplay.toml:3:1"


def test_safe_mode_admits_nobody_but_us_and_names_mean_what_they_always_do() -> None:
    safe = catalog("aplay-host/own", "a/tail", "b/dup", "c/dup", settings=PluginSettings(safe=True))
    assert states(safe) == {
        "a/tail": "disabled",
        "aplay-host/own": "found",
        "b/dup": "disabled",
        "c/dup": "disabled",
    }
    assert safe.find("tail") == Offer("a/tail", "a", "a.mod:A")
    assert isinstance(safe.find("dup"), NotOffered)


def test_entry_that_is_being_installed_is_not_offered_and_says_so() -> None:
    since = Reason("metadata", "installing", "since 12:00:00; its RECORD is not complete yet")
    row = entry("a/tail", state="installing", reason=since)
    assert Catalog([row]).find("tail") == NotOffered(
        '"tail" is installing: metadata: since 12:00:00; its RECORD is not complete yet',
        "see `aplay-host plugins list`",
    )
    assert states(Catalog([row], PluginSettings(disable=("a",)))) == {"a/tail": "disabled"}


def test_naming_a_module_is_consent_though_allow_does_not_list_it() -> None:
    few = catalog("a/tail", settings=PluginSettings(allow=("b",)))
    assert isinstance(few.find("a.mod:A"), Offer)


@pytest.mark.parametrize(("use", "close"), [("tial", "tail"), ("a/tale", "a/tail")])
def test_unknown_name_gets_a_suggestion(use: str, close: str) -> None:
    assert catalog("a/tail").find(use) == NotOffered(
        f'no installed package offers "{use}"', f'did you mean "{close}"?'
    )


def test_unknown_name_that_is_close_to_none_lists_what_is_installed() -> None:
    got = catalog("a/tail", "b/count").find("zzz")
    assert got == NotOffered('no installed package offers "zzz"', "installed: a/tail, b/count")


def test_unknown_name_with_nothing_installed_says_what_to_do() -> None:
    assert catalog().find("tail") == NotOffered('no installed package offers "tail"', NOWHERE)


def test_unknown_name_names_those_that_might_have_offered_it() -> None:
    failed = Reason("import", "ModuleNotFoundError", 'needs "jwt", not installed', "g/hooks.py:3")
    bad = Reason("metadata", "bad-line", 'got "x", want "name = module:object"', "/a:3")
    rows = [
        entry("guard/guard", "plugin", "failed", failed),
        entry("tail", "actor", "broken", bad),
        entry("other/other", "actor", "broken", bad),
    ]
    assert Catalog(rows).find("x") == NotOffered(
        'no installed package offers "x"',
        f'{NOWHERE}; tail is broken: metadata: got "x", want "name = module:object" (/a:3); '
        'guard/guard is failed: import: needs "jwt", not installed (g/hooks.py:3)',
    )


def test_disabled_name_says_which_setting_did_it() -> None:
    off = catalog("a/tail", settings=PluginSettings(disable=("A/tail",)))
    assert off.find("tail") == NotOffered(
        '"tail" is disabled: [plugins] disable names "A/tail"', "take it out of that list"
    )


def test_name_that_is_not_allowed_says_what_to_add() -> None:
    few = catalog("a/tail", settings=PluginSettings(allow=("b",)))
    assert few.find("a/tail") == NotOffered(
        '"a/tail" is disabled: [plugins] allow does not name "a"', 'add "a" to it'
    )


def test_broken_entry_says_why() -> None:
    bad = entry("a/tail", state="broken", reason=Reason("metadata", "bad-name", "name: …", "f:3"))
    assert Catalog([bad]).find("tail") == NotOffered(
        '"tail" is broken: metadata: name: … (f:3)', "see `aplay-host plugins list`"
    )


def test_failed_entry_is_still_offered_so_that_it_can_be_tried_again() -> None:
    assert isinstance(Catalog([entry("a/tail", state="failed")]).find("tail"), Offer)


def test_shadowed_copy_offers_nothing() -> None:
    older = Reason("metadata", "shadowed", "version 2.0 is used instead", "/a-2.0.dist-info")
    shadowed = entry("a/tail", state="shadowed", reason=older)
    both = Catalog([shadowed, entry("a/tail")])
    assert isinstance(both.find("tail"), Offer)
    assert both.entry("actor", "a/tail") == entry("a/tail")
    assert Catalog([shadowed]).entry("actor", "a/tail") is None
    assert Catalog([shadowed]).find("tail") == NotOffered(
        '"tail" is shadowed: metadata: version 2.0 is used instead (/a-2.0.dist-info)',
        "see `aplay-host plugins list`",
    )


def test_name_of_the_plugins_door_is_not_an_actor() -> None:
    assert isinstance(Catalog([entry("a/tail", "plugin")]).find("tail"), NotOffered)


PARTS = st.lists(st.text("abcXYZ019", min_size=1, max_size=4), min_size=1, max_size=4)
SEPARATOR = st.sampled_from(["-", "_", ".", "--", "-_.", "__"])


@given(st.data(), PARTS, st.booleans())
def test_disable_matches_every_spelling_and_beats_allow(
    data: st.DataObject, parts: list[str], whole: bool
) -> None:
    spelt = parts[0]
    for part in parts[1:]:
        spelt += data.draw(SEPARATOR) + data.draw(st.sampled_from([part, part.upper()]))
    dist = canonical("-".join(parts))
    item = spelt if whole else f"{spelt}/Tail"
    ids = (f"{dist}/Tail", "other/tail")
    assert states(
        catalog(*ids, settings=PluginSettings(disable=(item,), allow=(dist, "other")))
    ) == {
        f"{dist}/Tail": "disabled",
        "other/tail": "found",
    }
    assert states(catalog(*ids, settings=PluginSettings(allow=(item,)))) == {
        f"{dist}/Tail": "found",
        "other/tail": "disabled",
    }


def test_names_of_entries_are_matched_as_they_are_written() -> None:
    off = catalog("a/tail", "a/Tail", settings=PluginSettings(disable=("a/Tail",)))
    assert states(off) == {"a/tail": "found", "a/Tail": "disabled"}


def test_disabling_a_broken_distribution_takes_it_out_of_the_bad_ones() -> None:
    bad = entry("tail", state="broken", reason=Reason("metadata", "bad-line", "…"))
    assert states(Catalog([bad], PluginSettings(disable=("tail",)))) == {"tail": "disabled"}


def test_item_that_matches_nothing_installed_is_a_warning_with_a_suggestion() -> None:
    settings = PluginSettings(disable=("logwach", "other"), allow=("logwatch",))
    assert catalog("logwatch/tail", settings=settings).warnings == (
        '[plugins] disable: "logwach" matches nothing installed; did you mean "logwatch"?',
        '[plugins] disable: "other" matches nothing installed',
    )


def test_entries_of_a_catalog_are_sorted() -> None:
    rows = [entry("b/x", "plugin"), entry("b/x"), entry("a/y"), entry("a/x", "plugin")]
    assert [(one.door, one.id) for one in Catalog(rows).entries] == [
        ("actor", "a/y"),
        ("actor", "b/x"),
        ("plugin", "a/x"),
        ("plugin", "b/x"),
    ]
