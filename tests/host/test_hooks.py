"""A host with plugins that have hooks: how it is joined with the kernel, health and the file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from aplay_host.errors import CommandError, ConfigError, PluginError
from aplay_host.host import check_config
from aplay_host.host.port import HostPort
from aplay_host.testing import dist
from tests.host.conftest import life_of

if TYPE_CHECKING:
    from tests.host.conftest import Make, Serve

ECHO = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
"""
HEAD = """
import asyncio
from dataclasses import dataclass
from aplay_host import Health, Interceptor, hookimpl
told = []
"""


def install(folder: Path, name: str, source: str, target: str = "") -> None:
    """Install the module ``name_hooks`` as the only one of a distribution."""
    site = folder / "site"
    files = {f"{name}_hooks.py": HEAD + dedent(source)}
    points = f"[aplay_host.plugins]\n{name} = {name}_hooks{target}\n"
    dist(site, name, files=files, entry_points=points)
    if str(site) not in sys.path:
        sys.path.insert(0, str(site))


@pytest.fixture(autouse=True)
def _forget_guests() -> Any:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.endswith("_hooks"):
            del sys.modules[name]


def module(name: str) -> Any:
    return sys.modules[f"{name}_hooks"]


async def test_plugins_hear_of_actors_from_the_first_start_to_the_last_stop(
    serve: Serve, folder: Path
) -> None:
    source = """
    @hookimpl
    def aplay_actor_started(ref, spec, cause): told.append(("started", ref.address, cause))
    @hookimpl
    async def aplay_actor_stopped(ref, reason): told.append(("stopped", ref.address, reason))
    @hookimpl
    def aplay_actor_failed(ref, failure, directive): told.append((failure.error, directive))
    @hookimpl
    def aplay_dead_letter(letter, missed): told.append((letter.reason, missed))
    @hookimpl
    def aplay_host_stopping(reason): told.append(reason)
    """
    install(folder, "watch", source)
    served = await serve(ECHO)
    served.host.system.ref("/echo").tell_nowait({"raise": "ValueError"})
    served.host.system.ref("/nobody").tell_nowait(1)
    await asyncio.sleep(1)
    await served.stop()
    assert module("watch").told == [
        ("started", "/echo", "start"),
        ("no_actor", 0),
        ("ValueError", "resume"),
        "the test is over",
        ("stopped", "/echo", "shutdown"),
    ]


async def test_interceptors_of_plugins_are_around_every_handler(serve: Serve, folder: Path) -> None:
    source = """
    def wrap(next_handler):
        async def handler(msg):
            return ["around", await next_handler(msg)]
        return handler
    @hookimpl
    def aplay_interceptors(ref): return Interceptor("around", wrap)
    """
    install(folder, "around", source)
    served = await serve(ECHO)
    assert await served.host.system.ref("/echo").ask("x", timeout=1.0) == ["around", "x"]


async def test_health_that_hangs_is_a_failed_check_not_a_hung_probe(
    serve: Serve, folder: Path
) -> None:
    install(folder, "hang", "@hookimpl\nasync def aplay_health(): await asyncio.Event().wait()")
    install(folder, "disk", "@hookimpl\ndef aplay_health(): return Health('sda', 'ok')")
    served = await serve(ECHO)
    port = HostPort(served.host)
    assert (await port.ready()).status == "ok"  # nobody has answered yet, and nobody waits for that
    await asyncio.sleep(5)
    report = await port.ready()
    assert report.status == "degraded"
    assert [(one.name, one.ok) for one in report.checks[1:]] == [
        ("hang/hang aplay_health", False),
        ("disk/sda", True),
    ]
    assert report.checks[1].detail.endswith("aplay_health: not done after 2 s")


RUDE = {
    "blocks": "time.sleep(0.06)",
    "exits": "raise SystemExit",
    "hangs": "await asyncio.sleep(1e9)",
    "ignores": "await deaf()",
    "raises": "raise ValueError('no')",
}
EVERY_HOOK = """
    import time
    async def deaf():
        loop = asyncio.get_running_loop()
        ends = loop.time() + 30
        while loop.time() < ends:
            try:
                await asyncio.sleep(ends - loop.time())
            except asyncio.CancelledError:
                pass
    async def act(hook):
        told.append((hook, asyncio.get_running_loop().time()))
        {body}
    @hookimpl
    async def aplay_host_started(): await act("host started")
    @hookimpl
    async def aplay_host_stopping(): await act("host stopping")
    @hookimpl
    async def aplay_actor_started(): await act("actor started")
    @hookimpl
    async def aplay_actor_failed(): await act("actor failed")
    @hookimpl
    async def aplay_dead_letter(): await act("dead letter")
    @hookimpl
    async def aplay_health(): await act("health")
"""


async def test_rude_hooks_make_no_other_late_by_more_than_their_limits_and_stop_no_actor(
    serve: Serve, folder: Path
) -> None:
    for name, body in {"able": "", **RUDE, "sound": ""}.items():
        install(folder, name, EVERY_HOOK.format(body=body))
    now = asyncio.get_running_loop().time
    served = await serve(ECHO)
    # Called one after another, by name: 10 s for who hangs, 10 and 1 for who ignores the end.
    assert sorted(module("sound").told) == [("actor started", 0.0), ("host started", 21.0)]
    module("sound").told.clear()
    echo, began = served.host.system.ref("/echo"), now()
    assert await echo.ask("up") == "up"
    with pytest.raises(ValueError, match="no such thing"):
        await echo.ask({"raise": "ValueError"})
    served.host.system.ref("/nobody").tell_nowait("lost")
    assert now() == began, "no message waits for a plugin"
    await asyncio.sleep(10)
    told = module("sound").told
    assert told[:2] == [("actor failed", began), ("dead letter", began)]
    first_round = next(at - began for hook, at in told if hook == "health")
    assert first_round == 2 + 2 + 1, "each has 2 s, and who ignores the end one more"
    assert echo.state == "running"
    assert await echo.ask("up") == "up"
    began = now()
    assert await served.stop() == 0
    ends = [one[-1] for one in (module("sound").told, module("able").told)]
    # The last one first: 5 s for who hangs, 5 and 1 for who ignores the end.
    assert ends == [("host stopping", began), ("host stopping", began + 11)]
    rows = {one.dist: one.flags for one in served.host.plugins.rows() if one.door == "plugin"}
    assert {name for name in RUDE if rows[name]} == RUDE.keys() - {"blocks"}
    assert rows["able"] == rows["sound"] == ()
    await asyncio.sleep(60)  # until those that ignored it have ended after all


async def test_critical_check_that_fails_makes_the_host_not_ready(
    serve: Serve, folder: Path
) -> None:
    source = "@hookimpl\ndef aplay_health(): return Health('sda', 'fail', 'full', critical=True)"
    install(folder, "disk", source)
    port = HostPort((await serve(ECHO)).host)
    await asyncio.sleep(1)
    assert (await port.ready()).status == "not ready"
    assert (await port.ready()).checks[-1].detail == "disk/sda: full"


async def test_strict_host_does_not_start_over_a_start_hook_that_fails(
    make: Make, folder: Path
) -> None:
    install(folder, "bad", "@hookimpl\ndef aplay_host_started(): raise OSError('no disk')")
    host = make("plugins.strict = true\n" + ECHO)
    with pytest.raises(PluginError, match="bad/bad: aplay_host_started: OSError: no disk"):
        await life_of(host)


async def test_failure_that_repeats_is_logged_at_each_power_of_ten(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(folder, "bad", "@hookimpl\ndef aplay_dead_letter(): raise ValueError('boom')")
    served = await serve(ECHO)
    for _ in range(50):
        served.host.system.ref("/nobody").tell_nowait(1)
    await asyncio.sleep(1)
    lines = [line for line in caplog.messages if line.startswith("plugin bad/bad: ")]
    told = "plugin bad/bad: aplay_dead_letter: ValueError: boom (bad_hooks.py:7)"
    assert lines == [told, f"{told} (10 times so far)"]


async def test_plugin_is_shown_with_the_place_of_each_hook(serve: Serve, folder: Path) -> None:
    install(folder, "b1", "@hookimpl(tryfirst=True)\ndef aplay_health(): return []")
    install(folder, "a1", "@hookimpl\ndef aplay_health(): return []")
    port = HostPort((await serve(ECHO)).host)
    (row,) = await port.plugin("a1")
    mine = [place for place in row.hooks if place.name == "aplay_health"]
    assert [(place.position > 1, place.why) for place in mine] == [(True, "plain, by name")]
    assert (await port.plugin("b1/b1"))[0].hooks[0].why == "tryfirst, by name"
    with pytest.raises(CommandError) as caught:
        await port.plugin("b1/b2")
    assert (caught.value.kind.name, caught.value.hint) == (
        "no-such-plugin",
        'did you mean "b1/b1"?',
    )


# ---- options of plugins --------------------------------------------------------------------


GUARD = """
@dataclass
class Options:
    limit: int
    note: str = ""

class Guard:
    Options = Options
    def __init__(self, options): told.append(options)
"""


async def test_plugin_that_is_a_class_gets_its_options_from_the_file(
    serve: Serve, folder: Path
) -> None:
    install(folder, "guard9", GUARD, ":Guard")
    await serve('[plugins.options."Guard9/guard9"]\nlimit = 5\n' + ECHO)
    (options,) = module("guard9").told
    assert (options.limit, options.note) == (5, "")


async def test_mistakes_in_options_of_plugins_come_with_those_of_actors(
    make: Make, folder: Path
) -> None:
    install(folder, "guard9", GUARD, ":Guard")
    text = """
    [plugins.options."guard9/guard9"]
    limit = "many"
    note = 3
    lmit = 4
    [actors."/x"]
    use = "no.such"
    """
    host = make(text)
    with pytest.raises(ConfigError) as caught:
        await life_of(host)
    assert [(it.line, it.code) for it in caught.value.problems] == [
        (3, "wrong-type"),
        (4, "wrong-type"),
        (5, "unknown-key"),
        (7, "unknown-actor"),
    ]
    report = check_config(host.config.file, "1.0", import_plugins=True)
    assert [it.line for it in report.errors] == [3, 4, 5, 7]
    assert 'plugins.options."guard9/guard9".lmit' in report.text


async def test_plugin_without_options_refuses_a_table(make: Make, folder: Path) -> None:
    install(folder, "plain9", "@hookimpl\ndef aplay_health(): return []")
    host = make('[plugins.options."plain9/plain9"]\nlimit = 5\n' + ECHO)
    with pytest.raises(ConfigError, match="plain9/plain9 takes no options"):
        await life_of(host)


async def test_plugin_whose_model_is_bad_is_failed_and_the_host_runs(
    serve: Serve, folder: Path
) -> None:
    install(folder, "guard9", "class Guard:\n    Options = dict", ":Guard")
    port = HostPort((await serve(ECHO)).host)
    (row,) = await port.plugin("guard9")
    assert (row.state, row.reason and row.reason.type) == ("failed", "bad-model")


async def test_options_for_a_plugin_that_is_not_installed_are_a_warning(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(folder, "guard9", GUARD.replace("limit: int", "limit: int = 1"), ":Guard")
    await serve('[plugins.options."guard/guard9"]\nlimit = 5\n' + ECHO)
    assert (
        '[plugins.options."guard/guard9"]: no such plugin is installed; '
        'did you mean "guard9/guard9"?' in caplog.messages
    )
