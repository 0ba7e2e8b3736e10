"""Random modules are edited, rightly and wrongly, while twenty actors have all they can do.

``APLAY_CHAOS_EDITS`` is the number of edits, ``APLAY_CHAOS_SEED`` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aplay_host.kernel import ActorRef

from .conftest import Serve, Served
from .guests import Guest, reload, rollback

EDITS = int(os.environ.get("APLAY_CHAOS_EDITS", "24"))
SEED = int(os.environ.get("APLAY_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
HELPERS, KINDS, ACTORS = 8, 4, 20
BURST = 5

SOUND = {"head": "", "field": "", "begin": "pass"}
BROKEN = {
    "syntax": {"head": "x = ("},
    "import": {"head": "import nowhere_at_all"},
    "state": {"field": "new: int"},
    "start": {"begin": "raise OSError('not today')"},
}
HELPER = """
from dataclasses import dataclass
{imports}
{head}

@dataclass
class Item:
    number: int
    {field}

def begin():
    {begins}
    {begin}

def versions():
    return {{"{name}": {version}}} | {deps}

def items():
    return [Item(1), *{items}]
"""
WORKER = """
from aplay_host import Actor
{imports}

class Worker(Actor):
    def __init__(self):
        self.items = None
        {begins}

    async def msg_handler(self, msg):
        self.items = self.items or {items}
        if msg == "versions":
            return {deps}
        await msg.handle(str(self.address))
"""
STYLES = (
    ("from . import {0}", "{0}.{1}"),
    ("from .{0} import {1} as {0}_{1}", "{0}_{1}"),
    ("import guest.{0}", "guest.{0}.{1}"),
    ("import guest.{0} as other_{0}", "other_{0}.{1}"),
    ("from importlib import import_module", "import_module('guest.{0}').{1}"),
)
NAMES = ("versions", "items", "begin")


class Log:
    """What was handled, by sender and receiver, in order."""

    def __init__(self) -> None:
        self.numbers: defaultdict[tuple[int, str], list[int]] = defaultdict(list)


class Job:
    """A message; it is not of the edited package and goes as it is."""

    def __init__(self, log: Log, sender: int, number: int) -> None:
        self.log, self.sender, self.number = log, sender, number

    async def handle(self, receiver: str) -> None:
        await asyncio.sleep(0)
        self.log.numbers[self.sender, receiver].append(self.number)


class Web:
    """Modules that import each other at random, without cycles, and actors that use them."""

    def __init__(self, plugin: Guest, rng: random.Random) -> None:
        self.plugin, self.rng = plugin, rng
        self.deps: dict[str, list[str]] = {}
        self.texts: dict[str, str] = {}
        self.disk: dict[str, int] = {}
        for number in range(HELPERS):
            self._add(f"m{number}", HELPER, rng.sample(sorted(self.disk), min(number, 2)))
        helpers = sorted(self.disk)
        for number in range(KINDS):
            self._add(f"kind{number}", WORKER, rng.sample(helpers, 2))
        self.kind_of = {f"/a{number}": f"kind{number % KINDS}" for number in range(ACTORS)}
        used = {name for kind in self.kind_of.values() for name in self.reach(kind)}
        self.editable = sorted(used & set(helpers))

    def _add(self, name: str, text: str, deps: list[str]) -> None:
        styles = [self.rng.choice(STYLES) for _ in deps]
        lines: list[str] = []
        calls = defaultdict[str, list[str]](list)
        for dep, (statement, use) in zip(deps, styles, strict=True):
            lines += dict.fromkeys(statement.format(dep, it) for it in NAMES)
            for it in NAMES:
                calls[it].append(f"{use.format(dep, it)}()")
        self.deps[name] = deps
        self.texts[name] = (
            text.replace("{imports}", "\n".join(lines))
            .replace("{deps}", " | ".join(calls["versions"]) or "{{}}")
            .replace("{items}", "[" + ", ".join(f"*{it}" for it in calls["items"]) + "]")
            .replace("{begins}", "; ".join(calls["begin"]) or "pass")
            .replace("{name}", name)
        )
        if text is HELPER:
            self.disk[name] = 0
        self.write(name)

    def write(self, name: str, **broken: str) -> None:
        parts = SOUND | {"version": str(self.disk.get(name))} | broken
        self.plugin.write(**{name: self.texts[name].format(**parts)})

    def reach(self, name: str) -> set[str]:
        """Return a module and all that it imports, at any distance."""
        return {name}.union(*map(self.reach, self.deps[name]))

    def users(self, module: str) -> set[str]:
        return {at for at, kind in self.kind_of.items() if module in self.reach(kind)}

    def versions(self, address: str, runs: dict[str, int]) -> dict[str, int]:
        reached = self.reach(self.kind_of[address])
        return {name: number for name, number in runs.items() if name in reached}


@pytest.fixture
def rng() -> random.Random:
    sys.stdout.write(f"APLAY_CHAOS_SEED={SEED}\n")  # pytest shows it with a failure
    return random.Random(SEED)


@pytest.fixture
def web(plugin: Guest, rng: random.Random) -> Web:
    return Web(plugin, rng)


@pytest.fixture
async def served(web: Web, serve: Serve, folder: Path) -> Served:
    actors = (f'actors."{at}".use = "guest.{it}:Worker"' for at, it in web.kind_of.items())
    return await serve("\n".join([f'plugins.paths = ["{folder}"]', *actors]))


async def test_no_message_is_lost_doubled_or_reordered_and_the_last_good_code_serves(
    web: Web, served: Served, rng: random.Random
) -> None:
    refs = [served.host.system.ref(at) for at in web.kind_of]
    runs = former = dict(web.disk)
    log, outcomes = Log(), defaultdict[str, int](int)
    await asyncio.gather(*(ref.ask("versions") for ref in refs))  # each has a state
    async with sending(refs, log, rng) as sent:
        for _ in range(EDITS):
            name, kind = rng.choice(web.editable), rng.choice([*BROKEN, *["sound"] * 11, "back"])
            if kind in BROKEN:
                web.write(name, **BROKEN[kind])
                assert (await reload(served)).outcome == "refused", (kind, name)
                web.write(name)
            elif kind == "back" and runs != former:
                assert (await rollback(served)).outcome == "committed"
                runs, former = former, runs
            else:
                changed = {it for it in web.disk if web.disk[it] != runs[it]} | {name}
                web.disk[name] += 1
                web.write(name)
                await edited(web, served, changed)
                former, runs = runs, dict(web.disk)
            outcomes[kind] += 1
            replies = await asyncio.gather(*(ref.ask("versions") for ref in refs))
            assert replies == [web.versions(ref.address, runs) for ref in refs], (kind, name)
    await asyncio.gather(*(ref.ask("versions") for ref in refs))  # they wait behind all else
    for ref in refs:
        status = ref.status()
        assert (status.failed, status.dead, status.pending, status.in_hand) == (0, 0, 0, 0)
        assert status.accepted == status.handled
    assert {key: list(range(count)) for key, count in sent.items()} == log.numbers
    await asyncio.sleep(60)  # plugins, too, have heard of it all
    assert served.host.reloads.leaks.look().modules == ()
    sys.stdout.write(f"{sum(sent.values())} messages, {dict(outcomes)}\n")


async def edited(web: Web, served: Served, changed: Iterable[str]) -> None:
    """Reload, and compare who changes with who depends on it, and with what a dry run said."""
    users = set().union(*map(web.users, changed))
    planned = (await reload(served, dry_run=True)).plan
    report = await reload(served)
    assert report.outcome == "committed", report.line()
    assert planned is not None
    assert report.plan is not None
    assert planned == replace(report.plan, notes=planned.notes)  # on what took long on this machine
    assert {it.address for it in planned.cells} == users
    why = {it.module.rpartition(".")[2]: it.chain for it in planned.affected}
    for name, chain in why.items():
        assert (name in changed) or {it.module.rpartition(".")[2] for it in chain} & set(changed)
    for at in web.kind_of:
        generation = served.host.system.ref(at).status().generation
        assert (generation == report.generation_to) is (at in users)


@asynccontextmanager
async def sending(
    refs: list[ActorRef], log: Log, rng: random.Random
) -> AsyncIterator[dict[tuple[int, str], int]]:
    """Send to the actors, from as many tasks, as fast as they take it."""
    sent: defaultdict[tuple[int, str], int] = defaultdict(int)
    ended = asyncio.Event()

    async def send(sender: int, receivers: list[ActorRef]) -> None:
        while not ended.is_set():
            for _ in range(BURST):
                ref = rng.choice(receivers)
                number = sent[sender, ref.address]
                sent[sender, ref.address] += 1
                await ref.tell(Job(log, sender, number))
            await ref.ask("versions")  # as fast as they can, not faster

    senders = [asyncio.create_task(send(it, rng.sample(refs, 3))) for it in range(len(refs))]
    try:
        yield sent
    finally:
        ended.set()
        await asyncio.gather(*senders)
