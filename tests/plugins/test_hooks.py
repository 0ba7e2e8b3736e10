"""Each hook, from an installed plugin's view, and what a hook must be born with."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.kernel import Actor, ActorSpec, ActorSystem
from aplay_host.plugins import HOOK_RULES, ActorFailure, HostInfo, hookspecs

if TYPE_CHECKING:
    from tests.plugins.conftest import Site

FAILURE = ActorFailure("ValueError", "boom", "tail/mod.py:3", "Traceback …", "str", 1)


def told() -> Any:
    return sys.modules["guard.hooks"].told


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
        await plugins.call_host_started(host, system)
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
        await plugins.call_host_stopping(host, system, "SIGTERM", 20.0)
    assert told() == [(host, system, "SIGTERM", 20.0)]


async def test_hook_aplay_actor_failed(site: Site) -> None:
    source = """
    told = []
    @hookimpl
    async def aplay_actor_failed(ref, spec, failure):
        told.append((ref, spec, failure))
    """
    site.hooks("guard", source)
    plugins = site.load()
    async with ActorSystem("demo") as system:
        ref, spec = system.ref("/tail"), ActorSpec("tail", Actor)
        plugins.actor_failed(ref, spec, FAILURE)
        assert told() == []
        await plugins.close(1.0)
    assert told() == [(ref, spec, FAILURE)]


async def test_hook_that_fails_degrades_its_plugin_and_is_reported(
    site: Site, host: HostInfo
) -> None:
    site.hooks("guard", "@hookimpl\nasync def aplay_host_started(): import no_such_jwt")
    site.hooks("other", "@hookimpl\nasync def aplay_host_started(): raise SystemExit(1)")
    plugins = site.load()
    async with ActorSystem("demo") as system:
        await plugins.call_host_started(host, system)
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
        await plugins.call_host_started(host, system)
        assert plugins.leaked == 1
        await asyncio.sleep(60)


SPECS: dict[str, Callable[..., Any]] = {
    name: spec
    for name, spec in inspect.getmembers(hookspecs, inspect.isfunction)
    if name.startswith("aplay_")
}


def test_every_hook_has_a_rule_and_a_test() -> None:
    assert set(SPECS) == set(HOOK_RULES)
    assert len(SPECS) == 4
    assert {f"test_hook_{name}" for name in SPECS} <= set(globals())


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
