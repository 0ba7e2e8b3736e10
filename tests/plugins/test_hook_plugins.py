"""Plugins with hooks: which are registered, and why the others are not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from aplay_host.plugins import HostInfo, PluginSet, PluginSettings

if TYPE_CHECKING:
    from tests.plugins.conftest import Site


def rows(plugins: PluginSet) -> dict[str, str]:
    return {row.id: row.state for row in plugins.rows() if row.door == "plugin"}


def line(plugins: PluginSet, id_: str) -> str:
    row = next(row for row in plugins.rows() if row.id == id_)
    return row.reason.line() if row.reason else ""


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("guard", "@hookimpl\ndef aplay_actors(): return [ActorRegistration('x', 'm:A')]"),
        (
            "guard:Guard",
            "class Guard:\n  @hookimpl\n"
            "  def aplay_actors(self, host): yield ActorRegistration('x', 'm:A')",
        ),
        (
            "guard:Outer.guard",
            "class Outer:\n  class guard:\n    @staticmethod\n    @hookimpl\n"
            "    def aplay_actors(host): return (ActorRegistration('x', 'm:A'),)",
        ),
    ],
)
def test_module_class_and_object_may_hold_hooks(site: Site, target: str, source: str) -> None:
    head = "from aplay_host.plugins import ActorRegistration, hookimpl\n"
    site.dist("guard", f"[aplay_host.plugins]\ng = {target}", {"guard.py": head + source})
    assert [(row.id, row.state) for row in site.load().rows()] == [
        ("guard/x", "found"),
        ("guard/g", "active"),
    ]


def test_only_admitted_plugins_are_imported(site: Site) -> None:
    site.hooks("guard", "")
    site.hooks("noise", "")
    plugins = site.open(PluginSettings(disable=("noise",)))
    plugins.load_hooks(HostInfo("demo", "1.0", site.path))
    assert rows(plugins) == {"guard/guard": "active", "noise/noise": "disabled"}
    assert "guard.hooks" in sys.modules
    assert "noise" not in sys.modules


def test_plugin_that_raises_at_import_is_listed_and_the_others_load(site: Site) -> None:
    site.hooks("bad", "import no_such_jwt")
    site.hooks("worse", "raise SystemExit(2)")
    site.hooks("good", "")
    plugins = site.load()
    assert rows(plugins) == {"bad/bad": "failed", "good/good": "active", "worse/worse": "failed"}
    assert line(plugins, "bad/bad") == (
        'import: needs "no_such_jwt", not installed; not among the requirements of bad '
        "(bad/hooks.py:3)"
    )
    assert line(plugins, "worse/worse") == "import: SystemExit: 2 (worse/hooks.py:3)"
    assert "bad.hooks" not in sys.modules


def test_class_that_cannot_be_made_is_a_failed_plugin(site: Site) -> None:
    source = "class Guard:\n    def __init__(self, needed): ..."
    site.dist("guard", "[aplay_host.plugins]\nguard = guard:Guard", {"guard.py": source})
    plugins = site.load()
    assert rows(plugins) == {"guard/guard": "failed"}
    assert line(plugins, "guard/guard").startswith("create: TypeError: ")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("@hookimpl\ndef on_load(): ...", "no hook on_load (guard/hooks.py:3)"),
        (
            "@hookimpl\ndef aplay_host_stopping(reasn): ...",
            'aplay_host_stopping(reasn): no such argument; did you mean "reason"? '
            "(guard/hooks.py:3)",
        ),
        (
            "@hookimpl\nasync def aplay_actors(host): yield",
            'aplay_actors is "async def"; this hook wants "def" (guard/hooks.py:3)',
        ),
        (
            "@hookimpl\nasync def aplay_interceptors(ref): ...",
            'aplay_interceptors is "async def"; this hook wants "def" (guard/hooks.py:3)',
        ),
        (
            "@hookimpl\nasync def aplay_health(): yield",
            "aplay_health is async and yields; return a list instead (guard/hooks.py:3)",
        ),
        (
            "@hookimpl(hookwrapper=True)\ndef aplay_health(): yield",
            "aplay_health is a wrapper; write a plain implementation (guard/hooks.py:3)",
        ),
        (
            "@hookimpl(wrapper=True)\ndef aplay_host_started(): return (yield)",
            "aplay_host_started is a wrapper; write a plain implementation (guard/hooks.py:3)",
        ),
        (
            "@hookimpl\ndef aplay_host_started(): yield",
            "aplay_host_started yields and would never run; take out the yield (guard/hooks.py:3)",
        ),
        (
            "@hookimpl\nasync def aplay_actor_failed(): yield",
            "aplay_actor_failed yields and would never run; take out the yield (guard/hooks.py:3)",
        ),
    ],
)
def test_hook_that_does_not_fit_makes_its_plugin_incompatible_with_place_and_remedy(
    site: Site, source: str, reason: str
) -> None:
    entry = site.load_one(source)
    assert entry.state == "incompatible"
    assert entry.reason is not None
    assert entry.reason.line() == f"hooks: {reason}"


def test_unknown_hook_is_incompatible_with_suggestion(site: Site) -> None:
    entry = site.load_one("@hookimpl\ndef aplay_host_start(host): ...")
    assert (entry.state, entry.reason and entry.reason.line()) == (
        "incompatible",
        'hooks: no hook aplay_host_start; did you mean "aplay_host_started"? (guard/hooks.py:3)',
    )


def test_async_impl_of_sync_hook_is_refused_with_place(site: Site) -> None:
    entry = site.load_one("@hookimpl\nasync def aplay_actors(host): ...")
    assert (entry.state, entry.reason and entry.reason.line()) == (
        "incompatible",
        'hooks: aplay_actors is "async def"; this hook wants "def" (guard/hooks.py:3)',
    )


def test_every_hook_that_does_not_fit_is_told(site: Site) -> None:
    source = "@hookimpl\ndef on_a(): ...\n@hookimpl\ndef on_b(): ..."
    reason = site.load_one(source).reason
    assert reason is not None
    assert reason.line() == (
        "hooks: no hook on_a (guard/hooks.py:3); no hook on_b (guard/hooks.py:5)"
    )


def test_unknown_hook_that_is_optional_is_passed_over(site: Site) -> None:
    source = "@hookimpl(optionalhook=True)\ndef aplay_of_tomorrow(x): ..."
    assert site.load_one(source).state == "active"


def test_hook_may_have_an_optional_argument_that_the_host_does_not_give(site: Site) -> None:
    assert site.load_one("@hookimpl\ndef aplay_actors(host, extra=None): ...").state == "active"


async def test_refused_plugin_is_not_half_registered(site: Site, host: HostInfo) -> None:
    source = """
    told = []
    @hookimpl
    def aplay_host_started(host): told.append(host)
    @hookimpl
    def aplay_host_zzz(): ...
    """
    assert site.load_one(source).state == "incompatible"
    assert "guard.hooks" not in sys.modules
    plugins = site.open()
    keep = __import__("guard.hooks").hooks
    plugins.load_hooks(host)
    await plugins.hooks.host_started(host, None)  # type: ignore[arg-type]
    assert keep.told == []


async def test_hook_imported_from_another_plugin_is_not_run_twice(
    site: Site, host: HostInfo
) -> None:
    site.hooks("owner", "told = []\n@hookimpl\ndef aplay_host_started(): told.append(1)")
    site.hooks("again", "from owner.hooks import aplay_host_started")
    plugins = site.load()
    assert rows(plugins) == {"again/again": "incompatible", "owner/owner": "active"}
    assert line(plugins, "again/again") == (
        "hooks: aplay_host_started is imported from owner/owner, and would run twice "
        "(owner/hooks.py:4)"
    )
    await plugins.hooks.host_started(host, None)  # type: ignore[arg-type]
    assert sys.modules["owner.hooks"].told == [1]


@pytest.mark.parametrize("target", ["guard.hooks", "guard.hooks:Guard"])
def test_one_object_under_two_names_is_registered_once(site: Site, target: str) -> None:
    text = f"[aplay_host.plugins]\na = {target}\nb = {target}"
    site.dist("guard", text, {"guard/hooks.py": "class Guard: ..."})
    plugins = site.load()
    assert rows(plugins) == {"guard/a": "active", "guard/b": "shadowed"}
    assert line(plugins, "guard/b") == "register: guard/a names the same object"


@pytest.mark.parametrize("answer", ["ActorRegistration('x', 'm:A')", "None", "[]", "iter(())"])
def test_one_record_several_or_none_may_be_given(site: Site, answer: str) -> None:
    assert site.load_one(f"@hookimpl\ndef aplay_actors(host): return {answer}").state == "active"


def test_two_hosts_in_one_process_have_separate_managers(site: Site, host: HostInfo) -> None:
    site.hooks("guard", "@hookimpl\ndef aplay_actors(): yield ActorRegistration('x', 'm:A')")
    one, other = site.load(), site.open()
    assert [row.id for row in one.rows()] == ["guard/x", "guard/guard"]
    assert [(row.id, row.state) for row in other.rows()] == [("guard/guard", "found")]
    other.load_hooks(host)
    assert rows(one) == rows(other) == {"guard/guard": "active"}


def test_registered_actor_is_found_by_name_and_loaded_on_need(site: Site) -> None:
    source = """
    from aplay_host.kernel import Actor
    Here = type("Hidden", (Actor,), {})
    @hookimpl
    def aplay_actors(host):
        yield ActorRegistration("here", Here, summary="a class")
        yield ActorRegistration("later", "guard.later:Later")
    """
    site.hooks("guard", source)
    site.write({"guard/later.py": "from aplay_host.kernel import Actor\nclass Later(Actor): ..."})
    plugins = site.load()
    assert [(row.id, row.target, row.state) for row in plugins.rows()] == [
        ("guard/here", "guard.hooks:Hidden", "found"),
        ("guard/later", "guard.later:Later", "found"),
        ("guard/guard", "guard.hooks", "active"),
    ]
    assert "guard.later" not in sys.modules
    assert plugins.load_actor("here") is sys.modules["guard.hooks"].Here
    later = plugins.load_actor("guard/later")
    assert later is sys.modules["guard.later"].Later
    assert {row.state for row in plugins.rows()} == {"active"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            "[ActorRegistration('good', 'm:A'), 'tail']",
            "got 'tail', want ActorRegistration records",
        ),
        (
            "[ActorRegistration('a b', 'm:A')]",
            """name: got 'a b', want letters, digits, "_", "." and "-" only""",
        ),
        (
            "[ActorRegistration(3, 'm:A')]",
            """name: got 3, want letters, digits, "_", "." and "-" only""",
        ),
        (
            "[ActorRegistration('x', 'module')]",
            'x: got "module", want a class or "package.module:Class"',
        ),
        (
            "[ActorRegistration('x', int)]",
            "x: got class int, want a class derived from aplay_host.Actor",
        ),
        ("3", "got 3, want ActorRegistration records"),
        (
            "asyncio.sleep(0)",
            "returned coroutine, which nobody awaits; write a plain function",
        ),
        ("(1/0 for _ in 'x')", "ZeroDivisionError: division by zero (guard/hooks.py:4)"),
    ],
)
def test_one_malformed_record_fails_its_plugin_as_a_whole(
    site: Site, answer: str, reason: str
) -> None:
    site.hooks("guard", f"@hookimpl\ndef aplay_actors(host): return {answer}")
    plugins = site.load()
    assert [(row.id, row.state) for row in plugins.rows()] == [("guard/guard", "failed")]
    assert line(plugins, "guard/guard").startswith(f"aplay_actors: {reason}")
    assert "guard.hooks" not in sys.modules


def test_name_that_the_distribution_offers_already_costs_that_record_alone(site: Site) -> None:
    records = "[ActorRegistration('a', 'm:A'), ActorRegistration('a', 'm:B')]"
    site.hooks("guard", f"@hookimpl\ndef aplay_actors(host): return {records}")
    plugins = site.load()
    actor, plugin = plugins.rows()
    assert (actor.id, actor.target) == ("guard/a", "m:A")
    assert (plugin.state, plugin.flags) == ("active", ("degraded",))
    assert line(plugins, "guard/guard") == 'aplay_actors: "a" is offered by guard already'
    assert [(one.plugin, one.hook) for one in site.failures] == [("guard/guard", "aplay_actors")]


def test_one_name_of_two_distributions_is_ambiguous(site: Site) -> None:
    site.actor("tail", "tail")
    site.hooks("guard", "@hookimpl\ndef aplay_actors(): yield ActorRegistration('tail', 'm:A')")
    got = site.load().load_actor("tail")
    assert not isinstance(got, type)
    assert got.line() == (
        'find: "tail" is offered by several packages; use one of "guard/tail", "tail/tail"'
    )


def test_registered_actor_is_subject_to_the_settings(site: Site, host: HostInfo) -> None:
    site.hooks("guard", "@hookimpl\ndef aplay_actors(): yield ActorRegistration('x', 'm:A')")
    plugins = site.open(PluginSettings(disable=("guard/x",)))
    plugins.load_hooks(host)
    assert [(row.id, row.state) for row in plugins.rows()] == [
        ("guard/x", "disabled"),
        ("guard/guard", "active"),
    ]
