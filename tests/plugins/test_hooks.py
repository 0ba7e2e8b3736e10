"""Each hook, from an installed plugin's view, and what a hook must be born with."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.errors import PluginError
from aplay_host.kernel import (
    Actor,
    ActorSpec,
    ActorSystem,
    Address,
    DeadLetter,
    Mailbox,
    MailboxSpec,
)
from aplay_host.plugins import (
    HOOK_RULES,
    ActorFailure,
    Health,
    HostInfo,
    MailboxRegistration,
    PluginSet,
    PluginSettings,
    Verdict,
    hookspecs,
)
from aplay_host.testing.mailbox_contract import MailboxContract

if TYPE_CHECKING:
    from tests.plugins.conftest import Site

ROOT = Path(__file__).parents[2]
FAILURE = ActorFailure("ValueError", "boom", "tail/mod.py:3", "Traceback …", "str", 1)
STRICT = PluginSettings(strict=True)
SPEC = ActorSpec(Actor)


def told() -> Any:
    return sys.modules["guard.hooks"].told


def listening(site: Site, hook: str, arguments: str) -> PluginSet:
    """Load a plugin that keeps what `hook` tells it, as a tuple."""
    source = f"told = []\n@hookimpl\ndef {hook}({arguments}): told.append(({arguments},))"
    site.hooks("guard", source)
    return site.load()


# ---- one test a hook -----------------------------------------------------------------------


def test_hook_aplay_actors(site: Site) -> None:
    source = """
    told = []
    @hookimpl
    def aplay_actors(host):
        told.append(host)
        return [ActorRegistration("x", "guard.mod:X")]
    """
    site.hooks("guard", source)
    plugins = site.load()
    assert [row.id for row in plugins.rows()] == ["guard/x", "guard/guard"]
    assert [host.name for host in told()] == ["demo"]


async def test_hook_aplay_host_started(site: Site, host: HostInfo) -> None:
    source = """
    told = []
    @hookimpl
    async def aplay_host_started(host, system):
        await asyncio.sleep(1)
        told.append((host, system))
    """
    site.hooks("guard", source)
    plugins = site.load()
    async with ActorSystem("demo") as system:
        await plugins.hooks.host_started(host, system)
    assert told() == [(host, system)]


async def test_hook_aplay_host_stopping(site: Site, host: HostInfo) -> None:
    source = """
    told = []
    @hookimpl
    def aplay_host_stopping(host, system, reason, seconds_left):
        told.append((host, system, reason, seconds_left))
    """
    site.hooks("guard", source)
    plugins = site.load()
    async with ActorSystem("demo") as system:
        await plugins.hooks.host_stopping(host, system, "SIGTERM", 20.0)
    assert told() == [(host, system, "SIGTERM", 20.0)]


def test_hook_aplay_mailboxes(site: Site) -> None:
    source = """
    told = []
    @hookimpl
    def aplay_mailboxes(host):
        told.append(host.name)
        yield MailboxRegistration("ring", dict, survives="nothing")
    """
    site.hooks("guard", source)
    plugins = site.load()
    assert told() == ["demo"]
    offer = plugins.mailboxes["ring"]
    assert offer.plugin == "guard/guard"
    assert offer.record == MailboxRegistration("ring", dict, survives="nothing")  # type: ignore[arg-type]


async def test_hook_aplay_actor_started(site: Site) -> None:
    plugins = listening(site, "aplay_actor_started", "ref, spec, cause")
    async with ActorSystem("demo") as system:
        ref = system.ref("/tail")
        plugins.hooks.tell("aplay_actor_started", ref=ref, spec=SPEC, cause="start")
        assert told() == []
        await plugins.hooks.close(1.0)
    assert told() == [(ref, SPEC, "start")]


async def test_hook_aplay_actor_stopped(site: Site) -> None:
    plugins = listening(site, "aplay_actor_stopped", "ref, spec, reason")
    async with ActorSystem("demo") as system:
        ref = system.ref("/tail")
        plugins.hooks.tell("aplay_actor_stopped", ref=ref, spec=SPEC, reason="removed")
        await plugins.hooks.close(1.0)
    assert told() == [(ref, SPEC, "removed")]


async def test_hook_aplay_actor_failed(site: Site) -> None:
    plugins = listening(site, "aplay_actor_failed", "ref, spec, failure, directive")
    news = {"spec": SPEC, "failure": FAILURE, "directive": "restart"}
    async with ActorSystem("demo") as system:
        ref = system.ref("/tail")
        plugins.hooks.tell("aplay_actor_failed", ref=ref, **news)
        await plugins.hooks.close(1.0)
    assert told() == [(ref, SPEC, FAILURE, "restart")]


async def test_hook_aplay_dead_letter(site: Site) -> None:
    plugins = listening(site, "aplay_dead_letter", "letter, missed")
    async with ActorSystem("demo") as system:
        letter = DeadLetter(system.ref("/x").address, "hi", "no_actor", None, 0.0, 0)
    plugins.hooks.tell("aplay_dead_letter", letter=letter, missed=0)
    await plugins.hooks.close(1.0)
    assert told() == [(letter, 0)]


async def test_hook_aplay_interceptors(site: Site) -> None:
    source = """
    def shout(next_handler):
        async def handler(msg):
            return (await next_handler(msg)) + "!"
        return handler

    @hookimpl
    def aplay_interceptors(ref, spec):
        if ref.name == "tail":
            yield Interceptor("shout", shout)
    """
    site.hooks("guard", source)
    hooks = site.load().hooks
    (wrap,) = hooks.interceptors(ref_of("/tail"), SPEC)
    assert await wrap(echo)("hi") == "hi!"
    assert hooks.interceptors(ref_of("/x"), SPEC) == ()


async def test_hook_aplay_before_reload(site: Site) -> None:
    source = """
    told = []
    @hookimpl
    async def aplay_before_reload(plan):
        told.append(plan)
        return Veto("a backup runs")
    """
    site.hooks("guard", source)
    plan = object()
    verdict = await site.load().hooks.before_reload(plan)
    assert told() == [plan]
    assert verdict == Verdict(vetoes=("guard/guard: a backup runs",))


async def test_hook_aplay_after_reload(site: Site) -> None:
    plugins = listening(site, "aplay_after_reload", "report")
    report = SimpleNamespace(outcome="committed")
    plugins.hooks.tell("aplay_after_reload", report=report)
    await plugins.hooks.close(1.0)
    assert told() == [(report,)]


async def test_hook_aplay_health(site: Site, host: HostInfo) -> None:
    source = """
    @hookimpl
    async def aplay_health(host):
        return [Health("disk", "warn", host.name), Health("net", "fail", critical=True)]
    """
    site.hooks("guard", source)
    assert await site.load().hooks.health(host) == (
        Health("guard/disk", "warn", "demo"),
        Health("guard/net", "fail", critical=True),
    )


def ref_of(address: str) -> Any:
    return ActorSystem("demo").ref(address)


async def echo(msg: Any) -> Any:
    return msg


# ---- started -------------------------------------------------------------------------------


async def test_late_plugin_gets_host_started_once(site: Site, host: HostInfo) -> None:
    source = "told = []\n@hookimpl\ndef aplay_host_started(): told.append(1)"
    site.hooks("early", source)
    site.hooks("guard", source)
    hooks = site.load().hooks
    async with ActorSystem("demo") as system:
        await hooks.host_started(host, system, among=["early/early"])
        assert told() == []
        await hooks.host_started(host, system, among=["guard/guard"])
    assert told() == sys.modules["early.hooks"].told == [1]


async def test_all_plugins_together_have_thirty_seconds_to_start(
    site: Site, host: HostInfo
) -> None:
    for name in ("a1", "a2", "a3", "a4", "a5"):
        site.hooks(name, "@hookimpl\nasync def aplay_host_started(): await asyncio.sleep(9)")
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with ActorSystem("demo") as system:
        await site.load().hooks.host_started(host, system)
    assert loop.time() - began == 30.0
    assert [one.plugin for one in site.failures] == ["a4/a4", "a5/a5"]


async def test_strict_host_does_not_start_over_a_hook_that_fails(
    site: Site, host: HostInfo
) -> None:
    site.hooks("guard", "@hookimpl\ndef aplay_host_started(): raise OSError('no disk')")
    site.hooks("other", "@hookimpl\ndef aplay_host_started(): raise SystemExit")
    plugins = site.open(STRICT)
    plugins.load_hooks(host)
    async with ActorSystem("demo") as system:
        with pytest.raises(PluginError) as caught:
            await plugins.hooks.host_started(host, system)
    lines = str(caught.value).splitlines()
    assert lines[1:] == [
        "guard/guard: aplay_host_started: OSError: no disk (guard/hooks.py:4)",
        "other/other: aplay_host_started: SystemExit (other/hooks.py:4)",
    ]


async def test_hook_that_fails_while_stopping_is_reported_and_degrades_nobody(
    site: Site, host: HostInfo
) -> None:
    site.hooks("guard", "@hookimpl\ndef aplay_host_stopping(): raise OSError")
    plugins = site.load()
    async with ActorSystem("demo") as system:
        await plugins.hooks.host_stopping(host, system, "TERM", 5.0)
    assert [one.hook for one in site.failures] == ["aplay_host_stopping"]
    assert [row.flags for row in plugins.rows()] == [()]


# ---- interceptors --------------------------------------------------------------------------


NAMED = """
told = []
def named(name):
    def wrap(next_handler):
        told.append(f"wrapped by {name}")
        async def handler(msg):
            told.append(f"{name} in")
            reply = await next_handler(msg)
            told.append(f"{name} out")
            return reply
        return handler
    return Interceptor(name, wrap)
"""


async def test_interceptors_are_composed_once_and_outermost_first(site: Site) -> None:
    last = "@hookimpl(trylast=True)\ndef aplay_interceptors(): return [named('c')]"
    site.hooks("alast", NAMED + last)
    site.hooks(
        "guard", NAMED + "@hookimpl\ndef aplay_interceptors(): return named('a'), named('b')"
    )
    plugins = site.load()
    kept = told()
    vars(sys.modules["alast.hooks"])["told"] = kept

    class Echo(Actor):
        async def msg_handler(self, msg: Any) -> Any:
            kept.append(msg)
            return msg

    async with ActorSystem("demo", interceptors=plugins.hooks.interceptors) as system:
        kept.clear()  # what the root was wrapped with
        ref = await system.spawn(Echo, "echo")
        assert sorted(kept) == ["wrapped by a", "wrapped by b", "wrapped by c"]
        kept.clear()
        assert await ref.ask("hi", timeout=1.0) == "hi"
        assert kept == ["a in", "b in", "c in", "hi", "c out", "b out", "a out"]
        await ref.ask("again", timeout=1.0)
        assert not [line for line in kept if line.startswith("wrapped")]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise OSError('no')", "OSError: no (guard/hooks.py:4)"),
        ("return ['timing']", "got 'timing', want Interceptor records"),
        ("return Interceptor('a b', id)", "name: got 'a b', want letters"),
        ("return Interceptor('a', 3)", "a: wrap: got 3, want a function"),
        ("return asyncio.sleep(0)", "returned coroutine, which nobody awaits"),
        ("return Interceptor('a', lambda n: 3)", "a: wrap returned 3, want a handler"),
        ("return Interceptor('a', lambda n: 1/0)", "ZeroDivisionError: division by zero"),
    ],
)
async def test_bad_interceptor_is_left_out_and_the_others_wrap(
    site: Site, body: str, line: str, host: HostInfo
) -> None:
    site.hooks("guard", f"@hookimpl\ndef aplay_interceptors(ref): {body}")
    site.hooks("zother", NAMED + "@hookimpl\ndef aplay_interceptors(): return named('z')")
    plugins = site.load()
    handler: Callable[[Any], Awaitable[Any]] = echo
    for wrap in reversed(plugins.hooks.interceptors(ref_of("/tail"), SPEC)):
        handler = wrap(handler)
    assert await handler("hi") == "hi"
    assert sys.modules["zother.hooks"].told == ["wrapped by z", "z in", "z out"]
    (failure,) = site.failures
    assert failure.failure.line().startswith(f"aplay_interceptors: {line}")
    strict = site.open(STRICT)
    strict.load_hooks(host)
    with pytest.raises(PluginError, match="guard/guard: aplay_interceptors: "):
        _ = [wrap(echo) for wrap in strict.hooks.interceptors(ref_of("/tail"), SPEC)]


def test_second_interceptor_of_one_name_is_left_out(site: Site) -> None:
    site.hooks("guard", NAMED + "@hookimpl\ndef aplay_interceptors(): return [named('a')] * 2")
    site.hooks("other", NAMED + "@hookimpl\ndef aplay_interceptors(): return [named('a')]")
    hooks = site.load().hooks
    assert len(hooks.interceptors(ref_of("/tail"), SPEC)) == 2
    assert [one.failure.line() for one in site.failures] == [
        'aplay_interceptors: "guard/a" is given twice'
    ]


# ---- vetoes --------------------------------------------------------------------------------


def refusing(site: Site, **bodies: str) -> None:
    for name, body in bodies.items():
        site.hooks(name, f"@hookimpl\nasync def aplay_before_reload(): {body}")


async def test_one_veto_refuses_a_plan_and_all_reasons_are_shown(site: Site) -> None:
    refusing(site, a1="return Veto('backup')", a2="return None", a3="return Veto('night')")
    assert await site.load().hooks.before_reload(object()) == Verdict(
        vetoes=("a1/a1: backup", "a3/a3: night")
    )


async def test_plugin_cannot_veto_its_own_repair(site: Site) -> None:
    refusing(site, a1="return Veto('never')", a2="raise OSError")
    verdict = await site.load().hooks.before_reload(object(), replaced=["a1/a1", "a2/a2"])
    assert verdict.vetoes == ()
    assert verdict.notes[0] == "a1/a1: never (no veto: the plan replaces this plugin)"
    assert len(verdict.notes) == 2


async def test_hook_that_fails_has_vetoed_only_under_a_strict_host(
    site: Site, host: HostInfo
) -> None:
    refusing(site, a1="await asyncio.sleep(60)", a2="return 3")
    lines = (
        "a1/a1: aplay_before_reload: not done after 5 s",
        "a2/a2: aplay_before_reload: got 3, want Veto records",
    )
    assert await site.load().hooks.before_reload(object()) == Verdict(notes=lines)
    strict = site.open(STRICT)
    strict.load_hooks(host)
    assert await strict.hooks.before_reload(object()) == Verdict(vetoes=lines)


# ---- health --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("return 'ok'", "got 'o', want Health records"),
        ("return Health('disk', 'bad')", "disk: status: got 'bad', want ok, warn or fail"),
        ("return [Health('d', 'ok'), Health('d', 'fail')]", '"d" is told twice in one answer'),
        ("await asyncio.sleep(60)", "not done after 2 s"),
    ],
)
async def test_bad_answer_is_a_failing_check_that_names_the_hook(
    site: Site, host: HostInfo, body: str, line: str
) -> None:
    site.hooks("guard", f"@hookimpl\nasync def aplay_health(): {body}")
    site.hooks("other", "@hookimpl\ndef aplay_health(): return Health('disk', 'ok')")
    plugins = site.load()
    assert await plugins.hooks.health(host) == (
        Health("guard/guard aplay_health", "fail", f"aplay_health: {line}"),
        Health("other/disk", "ok"),
    )
    assert [row.flags for row in plugins.rows()] == [("degraded",), ()]


# ---- what a failure does -------------------------------------------------------------------


async def test_hook_that_fails_degrades_its_plugin_and_is_reported(
    site: Site, host: HostInfo
) -> None:
    site.hooks("guard", "@hookimpl\nasync def aplay_host_started(): import no_such_jwt")
    site.hooks("other", "@hookimpl\nasync def aplay_host_started(): raise SystemExit(1)")
    plugins = site.load()
    async with ActorSystem("demo") as system:
        await plugins.hooks.host_started(host, system)
    lines = {
        "guard/guard": 'aplay_host_started: needs "no_such_jwt", not installed (guard/hooks.py:4)',
        "other/other": "aplay_host_started: SystemExit: 1 (other/hooks.py:4)",
    }
    assert {one.plugin: one.failure.line() for one in site.failures} == lines
    for row in plugins.rows():
        assert (row.state, row.flags) == ("active", ("degraded",))
        assert row.reason is not None
        assert row.reason.line() == lines[row.id]


async def test_call_that_ignores_its_cancellation_is_counted(site: Site, host: HostInfo) -> None:
    source = """
    @hookimpl
    async def aplay_host_started():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(60)
    """
    site.hooks("guard", source)
    plugins = site.load()
    async with ActorSystem("demo") as system:
        await plugins.hooks.host_started(host, system)
        assert plugins.hooks.leaked == 1
        await asyncio.sleep(60)


async def test_failures_are_counted_by_hook_and_the_last_one_is_kept(
    site: Site, host: HostInfo
) -> None:
    source = """
    told = []
    @hookimpl
    def aplay_health():
        told.append(1)
        raise ValueError(len(told))
    @hookimpl
    def aplay_actor_started(): ...
    """
    site.hooks("guard", source)
    plugins = site.load()
    for _ in range(3):
        await plugins.hooks.health(host)
    assert [one.count for one in site.failures] == [1, 2, 3]
    assert [(place.name, place.errors) for place in plugins.hooks.places("guard/guard")] == [
        ("aplay_actor_started", 0),
        ("aplay_health", 3),
    ]
    (row,) = plugins.rows()
    assert row.reason is not None
    assert row.reason.line() == "aplay_health: ValueError: 3 (guard/hooks.py:8)"


def test_two_owners_of_a_mailbox_kind_are_both_named(site: Site) -> None:
    source = """
    @hookimpl
    def aplay_mailboxes():
        yield MailboxRegistration("ring", dict, survives="nothing")
        yield MailboxRegistration("{own}", dict, survives="nothing")
    """
    site.hooks("acme", source.format(own="a"))
    site.hooks("tools", source.format(own="t"))
    plugins = site.load()
    assert sorted(plugins.mailboxes) == ["a", "memory", "t"]
    assert {one.plugin for one in site.failures} == {"acme/acme", "tools/tools"}
    assert {one.failure.message for one in site.failures} == {
        'mailbox kind "ring" is offered by acme/acme and tools/tools; '
        'disable one: [plugins] disable = ["tools/tools"]'
    }
    assert {(row.state, row.flags) for row in plugins.rows()} == {("active", ("degraded",))}


# ---- what a hook must be born with ---------------------------------------------------------


SPECS: dict[str, Callable[..., Any]] = {
    name: spec
    for name, spec in inspect.getmembers(hookspecs, inspect.isfunction)
    if name.startswith("aplay_")
}


def test_every_hook_has_rule_example_heading_test_and_user() -> None:
    assert set(SPECS) == set(HOOK_RULES)
    assert len(SPECS) == 12
    parameters = [one for it in SPECS.values() for one in inspect.signature(it).parameters.values()]
    assert [one.name for one in parameters if one.annotation is one.empty] == []
    assert {name for name in SPECS if "::\n\n" not in (SPECS[name].__doc__ or "")} == set()
    page = (ROOT / "docs" / "hooks.md").read_text("utf-8")
    assert set(re.findall(r"^## (\w+)$", page, re.MULTILINE)) == set(SPECS)
    assert {f"test_hook_{name}" for name in SPECS} <= set(globals())
    sources = [path.read_text("utf-8") for path in (ROOT / "plugins_example").rglob("*.py")]
    used = {name for name in SPECS if any(f"def {name}(" in source for source in sources)}
    assert used == SPECS.keys()


def test_what_a_rule_says_is_what_the_spec_is_annotated_with() -> None:
    for name, spec in SPECS.items():
        rule, result = HOOK_RULES[name], inspect.signature(spec).return_annotation
        assert rule.gives is None or rule.gives.__name__ in result
        assert (rule.gives is None) == (result == "None")
        assert (rule.kind in ("call", "lane")) == (result == "None")


def test_hooks_are_no_wrappers_not_historic_and_never_first_result() -> None:
    for name, spec in SPECS.items():
        options = getattr(spec, "aplay_host_spec")  # noqa: B009  pluggy's own mark
        assert (options["historic"], options["firstresult"]) == (False, False), name


@pytest.mark.parametrize("hook", HOOK_RULES)
def test_every_hook_has_an_example_that_loads(
    site: Site, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found, example = inspect.getdoc(SPECS[hook]).partition("::\n\n")  # type: ignore[union-attr]
    assert found
    assert f"def {hook}(" in example
    site.write({"example.py": dedent(example)})
    instance = ":failures" if "failures = " in example else ""
    site.dist("example", f"[aplay_host.plugins]\nexample = example{instance}")
    rows = site.load().rows()
    assert [(row.state, row.reason) for row in rows if row.door == "plugin"] == [("active", None)]


class TestExampleOfAMailbox(MailboxContract):
    """What the hook shows as a mailbox is one."""

    def make(self, address: Address, spec: MailboxSpec) -> Mailbox:
        _, _, example = inspect.getdoc(SPECS["aplay_mailboxes"]).partition("::\n\n")  # type: ignore[union-attr]
        names: dict[str, Any] = {}
        exec(dedent(example), names)
        made: Mailbox = names["Line"](address, spec)
        return made
