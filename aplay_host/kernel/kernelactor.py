"""The actor at the root, with which a program stands alone: it makes its system and runs it."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .actor import Actor
from .address import Address
from .ending import LAST_SECOND
from .events import SystemStopping
from .op import start_failed
from .spec import ActorSpec
from .system import ActorSystem

if TYPE_CHECKING:
    from .cell import ActorCell


class OwnSystem(ActorSystem):
    """A system that looks for its loop when somebody needs one before it is open."""

    made_loop: asyncio.AbstractEventLoop | None = None
    """The loop, where this system had to make it; whoever runs it closes it."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop given, else the running, else the thread's current one, else a new one."""
        if self._loop is None:
            found = _running_loop() or _current_loop()
            if found is None:
                found = self.made_loop = asyncio.new_event_loop()
            self.bind(found)
        return super().loop


class KernelActor(Actor):
    """The behaviour of ``/``; made by hand, it is a whole program's tree of actors.

    Children made, mail sent and verbs called before the loop runs take effect when it does.
    `start` runs the loop until `stop`, from whichever actor, or Ctrl-C; then the tree ends in
    order. Where a loop runs already, use ``await kernel.run()``. It runs once.

    It fails as any actor does, but is never restarted: it goes on with the next message.
    """

    def __init__(
        self,
        name: str = "kernel",
        loop: asyncio.AbstractEventLoop | None = None,
        parent: object = None,
        kernel: object = None,
    ) -> None:
        """Take the system's name, and the loop to run on; `OwnSystem.loop` says which otherwise."""
        system = self._here.system
        system.name = name
        if loop is not None:
            system.bind(loop)

    @property
    def _here(self) -> ActorCell:
        if self._cell is None:
            self._cell = self._root_of(OwnSystem())
        return self._cell

    def _root_of(self, system: ActorSystem) -> ActorCell:
        """Make this instance the root's."""
        root = system.cell_at(Address("/"))
        assert root is not None
        root.spec = ActorSpec.of(type(self))
        root.behaviour = self
        root.incarnation = 1
        root.open_line()
        system.ending.comes_with_root = True
        return root

    def start(self) -> None:  # type: ignore[override]
        """Run the loop until the kernel is stopped or interrupted, and end the tree in order.

        Ctrl-C ends it like `stop`; a second one cuts off what is in hand, a third one is an
        ordinary `KeyboardInterrupt`. Raises `StartFailed` when the kernel's own start failed, and
        the `SystemExit` that ended the tree if one did. In a running program it does nothing but
        what `start` does for every actor; before `run`, in a running loop, it is a `RuntimeError`.
        """
        system = self._here.system
        if _running_loop() is not None:
            if system.unsteered is not None:
                raise RuntimeError("a loop is running here: use 'await kernel.run()'")
            super().start()
            return
        if system.unsteered is None:
            raise RuntimeError(f"the kernel {system.name!r} has run before; make another one")
        loop = system.loop
        with _interrupts(loop, system):
            try:
                fatal = loop.run_until_complete(self._serve())
            finally:
                if isinstance(system, OwnSystem) and loop is system.made_loop:
                    _close(loop)
        if fatal is not None:
            raise fatal

    async def run(self) -> None:
        """Do as `start` in a loop that runs already; being cancelled ends the tree as well."""
        fatal = await self._serve()
        if fatal is not None:
            raise fatal

    async def _serve(self) -> BaseException | None:
        """Run until the system ends, and return what ended it, if it was not a person."""
        system = self._here.system
        ended = asyncio.get_running_loop().create_future()
        system.events.subscribe(
            (SystemStopping,), lambda _: None if ended.done() else ended.set_result(None)
        )
        system.open()
        try:
            await _wait_for_start(self._here, ended)
            await ended
        finally:
            await system.shutdown()
        return system.fatal


async def _wait_for_start(root: ActorCell, ended: asyncio.Future[None]) -> None:
    """Wait until the root runs; raises `StartFailed`, unless it was stopped before it did."""
    attempt = root.next_attempt()
    if attempt is not None:
        either: set[asyncio.Future[Any]] = {attempt, ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if root.state != "running" and not ended.done():
        raise start_failed(root)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """End what still runs on a loop of our own, as far as it can be ended, and close it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=LAST_SECOND))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _current_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that somebody set for this thread, None where there is none to be used."""
    if sys.version_info < (3, 12):
        # There, asking would make one; nothing public tells whether it has.
        policy = asyncio.get_event_loop_policy()
        loop = getattr(getattr(policy, "_local", None), "_loop", None)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # it warns before it makes one
            try:
                loop = asyncio.get_event_loop()
            except (RuntimeError, DeprecationWarning):
                return None
    return None if loop is None or loop.is_closed() else loop


@contextmanager
def _interrupts(loop: asyncio.AbstractEventLoop, system: ActorSystem) -> Iterator[None]:
    """Let Ctrl-C end the system; where somebody else sees to it, or it cannot be, do nothing."""
    ways = iter((system.ending.begin, system.abort))

    def interrupt(*_: object) -> None:
        way = next(ways, None)
        if way is None:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(way)

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
