"""Plugins whose hooks are edited: who is told what, and what runs afterwards."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from aplay_host.reload import ReloadReport, Request
from aplay_host.testing import dist

from .conftest import Serve, Served

HOOKS = """
    import tally
    from aplay_host import ActorRegistration, Interceptor, hookimpl

    from .echo import Echo
    from .words import WORD

    @hookimpl
    def aplay_actors(host):
        return [ActorRegistration("echo", Echo)]

    @hookimpl
    def aplay_host_started(host):
        tally.told.append(f"{WORD} started")

    @hookimpl
    def aplay_host_stopping(reason):
        tally.told.append(f"{WORD} stopping: {reason}")

    @hookimpl
    def aplay_interceptors(ref):
        def wrap(next_handler):
            async def handle(msg):
                return [WORD, *await next_handler(msg)]
            return handle
        return [Interceptor("word", wrap)]
"""
OTHER = """
    import tally
    from aplay_host import hookimpl

    @hookimpl
    def aplay_host_started(host):
        tally.told.append("other started")

    @hookimpl
    def aplay_host_stopping(reason):
        tally.told.append(f"other stopping: {reason}")
"""
ECHO = """
    from aplay_host import Actor

    class Echo(Actor):
        async def msg_handler(self, msg):
            return [msg]
"""


class Guests:
    """Two editable distributions with hooks, and a module in which they tell."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "tally.py").write_text("told = []\n")
        sys.path[:0] = [str(folder / "site"), str(folder)]
        self.install(
            "able", {"__init__": "", "words": "WORD = 'old'", "hooks": HOOKS, "echo": ECHO}
        )
        self.install("baker", {"__init__": "", "hooks": OTHER})

    def install(self, name: str, modules: dict[str, str]) -> None:
        files = {f"{name}/{module}.py": dedent(text) for module, text in modules.items()}
        points = f"[aplay_host.plugins]\nhooks = {name}.hooks\n"
        dist(self._folder / "site", name, files=files, entry_points=points, layout="path")
        sys.path.insert(0, str(self._folder / f"src-{name}"))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self._folder / f"src-{file.partition('/')[0]}" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @property
    def told(self) -> list[str]:
        """What was told since this was asked last."""
        told: list[str] = sys.modules["tally"].told
        said = list(told)
        told.clear()
        return said


@pytest.fixture
def guests(folder: Path) -> Any:
    yield Guests(folder)
    for name in [one for one in sys.modules if one.partition(".")[0] in ("able", "baker", "tally")]:
        del sys.modules[name]


@pytest.fixture
async def served(guests: Guests, serve: Serve) -> Served:
    served = await serve(
        """
        actors."/echo".use = "echo"
        actors."/plain".use = "tests.host.actors:Echo"
        """
    )
    assert guests.told == ["old started", "other started"]
    return served


async def reload(served: Served, **request: Any) -> ReloadReport:
    report = await served.host.reloads.reload(Request(**request))
    await told(served)
    return report


async def told(served: Served) -> None:
    """Wait until all who were replaced have been told."""
    if served.host._turnover._last is not None:
        await served.host._turnover._last


async def ask(served: Served, address: str = "/echo") -> Any:
    return await served.host.system.ref(address).ask("x")


async def test_edited_hooks_are_told_and_wrap_from_now_on_and_others_hear_nothing(
    guests: Guests, served: Served
) -> None:
    plain = served.host.system.ref("/plain")
    assert await ask(served) == ["old", "x"]
    guests.edit("able/words.py", "old", "new")
    report = await reload(served)
    assert (report.outcome, report.error) == ("committed", None)
    assert guests.told == ["old stopping: reload", "new started"]
    assert await ask(served) == ["new", "x"], "an actor whose own code is as it was"
    assert (await plain.ask("x"))[0] == "new"
    assert {served.host.system.ref(it).status().generation for it in ("/echo", "/plain")} == {1}
    assert await served.stop() == 0
    assert guests.told == ["other stopping: the test is over", "new stopping: the test is over"]


async def test_an_actor_that_hooks_give_is_exchanged_with_them(
    guests: Guests, served: Served
) -> None:
    before = served.host.plugins
    guests.edit("able/echo.py", "[msg]", "[msg, 'again']")
    assert (await reload(served)).outcome == "committed"
    assert await ask(served) == ["old", "x", "again"]
    assert served.host.plugins is not before
    assert served.host.system.ref("/echo").status().generation == 2
    assert served.host.system.ref("/plain").status().generation == 1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("import tally", "import tally\nraise ValueError('no')", "import"),
        ("def aplay_host_started(host)", "def aplay_host_started(guest)", "hooks"),
        ('("echo", Echo)', "(5, Echo)", "aplay_actors"),
        ('("echo", Echo)', '("other", Echo)', "bad-config"),
    ],
)
async def test_hooks_that_do_not_load_refuse_the_reload_and_the_old_ones_go_on(
    guests: Guests, served: Served, old: str, new: str, code: str
) -> None:
    plugins, rows = served.host.plugins, served.host.plugins.rows()
    guests.edit("able/hooks.py", old, new)
    report = await reload(served)
    assert report.error is not None
    assert (report.outcome, report.error.code) == ("refused", code)
    assert served.host.plugins is plugins
    assert served.host.plugins.rows() == rows
    assert guests.told == []
    assert await ask(served) == ["old", "x"]


async def test_a_rollback_has_the_former_hooks_and_they_are_told(
    guests: Guests, served: Served
) -> None:
    before = served.host.plugins.hooks
    guests.edit("able/words.py", "old", "new")
    await reload(served)
    assert guests.told == ["old stopping: reload", "new started"]
    assert (await served.host.reloads.rollback()).outcome == "committed"
    await told(served)
    assert served.host.plugins.hooks is before
    assert guests.told == ["new stopping: reload", "old started"]
    assert await ask(served) == ["old", "x"]


async def test_hooks_that_could_not_be_loaded_are_tried_when_their_module_is_edited(
    guests: Guests, serve: Serve
) -> None:
    guests.edit("baker/hooks.py", "import tally", "import tally\n1 / 0")
    served = await serve("")
    assert guests.told == ["old started"]
    guests.edit("baker/hooks.py", "1 / 0", "2 / 0")
    assert (await reload(served)).outcome == "committed", "it ends no worse than before"
    assert guests.told == []
    guests.edit("baker/hooks.py", "2 / 0", "")
    assert (await reload(served)).outcome == "committed"
    assert guests.told == ["other started"]
    assert {one.state for one in served.host.plugins.rows() if one.door == "plugin"} == {"active"}


async def test_what_new_hooks_listen_to_is_told_from_then_on(
    guests: Guests, served: Served
) -> None:
    guests.edit(
        "baker/hooks.py",
        "import hookimpl",
        "import hookimpl\n\n@hookimpl\ndef aplay_actor_started(ref):\n"
        "    tally.told.append(f'{ref.address} started')",
    )
    assert (await reload(served)).outcome == "committed"
    await served.host.system.ref("/plain").restart()
    assert await served.stop() == 0
    said = guests.told
    assert said[:2] == ["other stopping: reload", "other started"]
    assert "/plain started" in said


VETO = """import hookimpl, Veto

@hookimpl
def aplay_before_reload(plan):
    {}
"""


@pytest.mark.parametrize(
    ("body", "file", "outcome"),
    [
        ("return Veto('not now')", "able/words.py", "refused"),
        ("return Veto('not now')", "baker/hooks.py", "committed"),
        ("raise ValueError('oh')", "able/words.py", "committed"),
        ("raise ValueError(object())", "able/words.py", "committed"),
    ],
)
async def test_a_veto_counts_unless_it_is_about_the_plugin_itself_or_an_error(
    guests: Guests, served: Served, body: str, file: str, outcome: str
) -> None:
    guests.edit("baker/hooks.py", "import hookimpl\n", VETO.format(body))
    assert (await reload(served)).outcome == "committed"
    guests.edit(file, "old" if "words" in file else "other", "new")
    report = await reload(served)
    assert report.outcome == outcome
    if report.error is not None:
        assert (report.exit_code, report.error.got) == (7, "baker/hooks: not now")
