"""A reload that is ended in any of its steps leaves what ran, wholly, and the next one works."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from aplay_host.reload import steps

from .conftest import Served
from .guests import Guest, ask, reload, rollback, state_of

SIDE_EFFECTS = """
import logging, signal, sys
sys.path.append("/nowhere")
logging.getLogger().addHandler(logging.NullHandler())
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
"""


def surroundings() -> list[Any]:
    """Return what of the process an import could change, object for object."""
    handlers = logging.getLogger().handlers
    return [*sys.path, *sys.meta_path, *handlers, signal.getsignal(signal.SIGUSR2)]


async def test_an_import_that_fails_at_any_line_leaves_nothing_behind(
    plugin: Guest, served: Served
) -> None:
    await ask(served, "a")
    lines = (plugin.folder / "tail.py").read_text().splitlines()
    refused = 0
    for number, line in enumerate(lines):
        indent = line[: len(line) - len(line.lstrip())]
        before = state_of(served), surroundings()
        text = [*SIDE_EFFECTS.splitlines(), *lines[:number], f"{indent}1 / 0", *lines[number:]]
        plugin.write(tail="\n".join(text))
        if len(indent) > 4 or lines[number - 1].startswith("@"):
            continue  # code that no import runs, or no Python
        report = await reload(served)
        assert (report.outcome, report.generation_to) == ("refused", 2), text
        refused += 1
        after = state_of(served), surroundings()
        assert [key for key in before[0] if after[0][key] != before[0][key]] == []
        assert after[1] == before[1]
    assert refused > 10
    assert await ask(served, "b") == "old b"


STEPS = ["plan", "look", "prepare", "compile_changed", "ask", "stage", "quiesce", "swap", "build"]
BEFORE_THE_COMMIT = [(it, False) for it in STEPS] + [
    (it, True) for it in STEPS if it not in ("quiesce", "swap")
]
AFTER_THE_COMMIT = [("quiesce", True), ("swap", True), ("begin", False), ("begin", True)]


def ending(step: Callable[..., Any], error: type[BaseException], *, after: bool) -> Any:
    """Return the step as one that raises before it has begun, or when it has been done."""

    async def wait(*args: Any) -> None:
        if after:
            await step(*args)
        raise error

    def run(*args: Any) -> None:
        if after:
            step(*args)
        raise error

    return wait if inspect.iscoroutinefunction(step) else run


def cancelled(step: Callable[..., Any]) -> Any:
    """Return the step as one whose first wait is cancelled, be it its own or of a step behind."""

    def run(*args: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return step(*args)

    return run


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize(("step", "after"), BEFORE_THE_COMMIT)
async def test_a_step_that_ends_the_reload_leaves_all_as_it_was(
    plugin: Guest, served: Served, step: str, after: bool, error: type[BaseException]
) -> None:
    await ask(served, "a")
    before = state_of(served)
    plugin.edit("words", "old", "new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, step, ending(getattr(steps, step), error, after=after))
        with pytest.raises(error):
            await reload(served)
    assert state_of(served) == before
    assert await ask(served, "b") == "old b"
    assert (await reload(served)).generation_to == 2
    assert await ask(served, "c") == "new c"
    assert await ask(served, "seen") == ["old a", "old b", "new c"]


@pytest.mark.parametrize(("step", "after"), AFTER_THE_COMMIT)
async def test_a_step_that_fails_after_the_commit_leaves_all_new_and_the_way_back(
    plugin: Guest, served: Served, step: str, after: bool
) -> None:
    await ask(served, "a")
    plugin.edit("words", "old", "new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, step, ending(getattr(steps, step), RuntimeError, after=after))
        with pytest.raises(RuntimeError):
            await reload(served)
    assert served.host.current.number == 2
    assert await ask(served, "b") == "new b"
    assert (await rollback(served)).outcome == "committed"
    assert await ask(served, "c") == "old c"
    assert await ask(served, "seen") == ["old a", "new b", "old c"]


@pytest.mark.parametrize("step", [*STEPS, "begin"])
async def test_a_cancel_in_any_step_leaves_all_wholly_old_or_wholly_new(
    plugin: Guest, served: Served, step: str
) -> None:
    await ask(served, "a")
    before = state_of(served)
    plugin.edit("words", "old", "new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, step, cancelled(getattr(steps, step)))
        reloading = asyncio.create_task(reload(served))
        await asyncio.wait([reloading])
    if served.host.current.number == 1:
        assert reloading.cancelled()
        assert state_of(served) == before
        assert (await reload(served)).outcome == "committed"
    assert await ask(served, "b") == "new b"
    assert await ask(served, "seen") == ["old a", "new b"]
    assert (await rollback(served)).outcome == "committed"
    assert await ask(served, "c") == "old c"


async def test_what_on_reload_did_before_it_raised_has_not_happened(
    plugin: Guest, served: Served
) -> None:
    await ask(served, "a")
    before = copy.deepcopy(state_of(served)["state"]["seen"])
    plugin.edit(
        "tail",
        "    async def msg",
        "    def on_reload(self, info):\n"
        "        self.ref('/plain').tell_nowait('early')\n"
        "        self.create_task(self.msg_handler('task'))\n"
        "        self.seen.append(Line('more'))\n"
        "        self.seen[0].text = 'other'\n"
        "        raise ValueError('no')\n\n    async def msg",
    )
    assert (await reload(served)).outcome == "refused"
    seen = state_of(served)["state"]["seen"]
    assert [line.text for line in seen] == [line.text for line in before]
    assert served.host.system.ref("/plain").status().accepted == 0
