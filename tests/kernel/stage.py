"""One actor, brought into each state of its life."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aplay_host.kernel import (
    Actor,
    ActorRef,
    ActorSpec,
    ActorSystem,
    StartFailed,
    TreeNode,
    TreePlan,
)

from .actors import begin, cell, settle


class Stage:
    """One actor at ``/a``, brought into a state, with what its hooks did in `log`."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.log: list[str] = []
        self.may_start = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.failures_left = 0
        self.work: list[asyncio.Task[Any]] = []
        self.may_start.set()
        self.may_stop.set()

    @property
    def ref(self) -> ActorRef:
        return self.system.ref("/a")

    async def spawn(self, **settings: Any) -> None:
        await self.system.spawn(Staged, "a", kwargs={"stage": self}, **settings)

    async def new(self) -> None:
        """Planted behind an actor that has not finished starting."""
        self.may_start.clear()
        before = ActorSpec.of(Staged, kwargs={"stage": self, "name": "before"})
        spec = ActorSpec.of(Staged, kwargs={"stage": self})
        plan = TreePlan(
            (
                TreeNode(self.system.ref("/before").address, before),
                TreeNode(self.ref.address, spec),
            )
        )
        self.work.append(await begin(self.system.plant(plan)))

    async def starting(self) -> None:
        self.may_start.clear()
        self.work.append(await begin(self.spawn()))

    async def running(self) -> None:
        await self.spawn()

    async def paused(self) -> None:
        """As one that escalated and waits for its parent to take it down."""
        await self.spawn()
        cell(self.system, "/a").enter("paused")

    async def restarting(self) -> None:
        """In the pause, with its old instance gone."""
        await self.spawn(on_error="restart", backoff={"initial": 10.0})
        self.ref.tell_nowait("raise")
        await settle()

    async def stopping(self) -> None:
        await self.spawn()
        self.may_stop.clear()
        self.ref.stop()
        await settle()

    async def stopped(self) -> None:
        await self.spawn()
        await self.ref.stop()

    async def failed(self) -> None:
        self.failures_left = 1
        with pytest.raises(StartFailed):
            await self.spawn(budget={"max": 0})

    async def removed(self) -> None:
        await self.spawn()
        await self.ref.remove()

    async def bring(self, state: str) -> None:
        await getattr(self, state)()
        assert self.ref.state == state
        self.log.clear()

    async def finish(self) -> None:
        self.may_start.set()
        self.may_stop.set()
        await asyncio.gather(*self.work, return_exceptions=True)
        await settle()


class Staged(Actor):
    def __init__(self, stage: Stage, name: str = "a") -> None:
        self.stage = stage
        self.is_subject = name == "a"
        if self.is_subject:
            stage.log.append("made")

    async def on_start(self) -> None:
        self._note("start")
        await self.stage.may_start.wait()
        if self.stage.failures_left and self.is_subject:
            self.stage.failures_left -= 1
            raise ValueError("cannot start")

    async def msg_handler(self, msg: Any) -> Any:
        self._note(f"handled {msg}")
        if msg == "raise":
            raise ValueError("ordered")
        return msg

    async def on_stop(self, reason: str) -> None:
        self._note(f"stop: {reason}")
        await self.stage.may_stop.wait()

    def _note(self, text: str) -> None:
        if self.is_subject:
            self.stage.log.append(text)
