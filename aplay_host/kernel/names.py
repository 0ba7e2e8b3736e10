"""The names under which programs written for aplay 0.3.0 know an actor.

Each is a view of something that has another name here; the kernel itself uses none of them.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .address import Address

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import ActorCell
    from .op import Op
    from .openref import OpenRef
    from .ref import ActorRef

STOPPED, STARTED, RUNNING, INIT = "stopped", "started", "running", "init"
"""The words of `_runing_state` and `_human_runing_state`."""


class View:
    """An attribute that shows what the kernel knows.

    A program may assign to the name: that hides the view on the one object, and changes nothing.
    """

    def __init__(self, look: Callable[[Any], Any]) -> None:
        self._look = look

    def __get__(self, holder: Any, owner: type[Any] | None = None) -> Any:
        """Look, now."""
        return self if holder is None else self._look(holder)


def view(look: Callable[[Any], Any]) -> Any:
    """Return a `View`; the attribute's own annotation says of what."""
    return View(look)


class Names:
    """What an actor and an `OpenRef` have in common: aplay's names for what they can tell."""

    __slots__ = ()

    _name: str = view(lambda holder: holder._there.name)
    _address: Address = view(lambda holder: holder._there.address)
    _loop: asyncio.AbstractEventLoop = view(lambda holder: holder._there.system.loop)
    _child: Mapping[str, OpenRef] = view(lambda holder: holder.children)
    _parent: OpenRef | None = view(lambda holder: holder.parent)
    _kernel: OpenRef = view(lambda holder: holder.kernel)

    @property
    def _here(self) -> ActorCell:
        """The cell; raises where there is none."""
        raise NotImplementedError

    @property
    def _acting(self) -> ActorCell:
        """The cell, for a verb."""
        return self._here

    @property
    def _there(self) -> ActorRef:
        """The ref of the address, whoever lives there."""
        return _ref(self._here)

    # ---- the tree ------------------------------------------------------------------------

    @property
    def parent(self) -> OpenRef | None:
        """The ref of the parent; None for the root."""
        parent = self._here.parent
        return None if parent is None else parent.system.open_ref(parent.address)

    @property
    def kernel(self) -> OpenRef:
        """The ref of the root."""
        return self._there.system.open_ref("/")

    @property
    def children(self) -> Mapping[str, OpenRef]:
        """The refs of the children by name, in the order in which they were made."""
        cell = self._here
        children = cell.children or {}
        open_ref = cell.system.open_ref
        return MappingProxyType({name: open_ref(one.address) for name, one in children.items()})

    def get_actor(self, name: str) -> OpenRef | None:
        """Return the ref of the child `name`, None where there is none."""
        return self.children.get(name)

    def create_actor(self, name: str, actor_cls: type[Actor]) -> OpenRef:
        """Make the child `name` and return its ref; it starts with its first message, or `start`.

        The instance is made at once. A child of that name and class that is there already is
        returned as it is. Raises `NameTaken` where it is of another class, `BadAddress`, and what
        ``__init__`` raises; then nothing is left of it. Of ``name parent loop kernel`` the
        instance gets what its ``__init__`` takes.
        """
        cell = self._acting
        return cell.system.create_actor(cell, name, actor_cls)

    # ---- verbs; on a ref, `tell` and those of the lifecycle are the ref's own ---------------

    async def tell(self, message: Any) -> None:
        """Send the actor `message`, by way of its mailbox; see `ActorRef.tell`."""
        await _ref(self._acting).tell(message)

    def tell_nowait(self, message: Any) -> None:
        """Send the actor `message` without waiting for room; raises `MailboxFull`."""
        _ref(self._acting).tell_nowait(message)

    async def send(self, message: Any = None) -> None:
        """Do as `tell`, but send no None."""
        if message is not None:
            await self.tell(message)

    def send_nowait(self, message: Any = None) -> Awaitable[None]:
        """Do as `tell_nowait`, but send no None; what it returns may be awaited, and is done."""
        if message is not None:
            self.tell_nowait(message)
        return Done()

    def start(self) -> Op:
        """Begin with the waiting mail, whatever `decide_to_start` says; a hold wins over it."""
        return _ref(self._acting).start()

    def stop(self) -> Op:
        """Hold the actor: it keeps state and mail, and its children run on."""
        return _ref(self._acting).stop()

    def human_start(self) -> Op:
        """End a person's hold; waiting mail is handled."""
        return _ref(self._acting).human_start()

    # ---- mailbox and states ----------------------------------------------------------------

    @property
    def _mailbox(self) -> Any:
        """The mail that waits, with the methods of a mailbox of aplay's; see `MailboxView`."""
        return MailboxView(self._here)

    @_mailbox.setter
    def _mailbox(self, make: Any) -> None:
        self._acting.offer_mailbox(make)

    @property
    def _runing_state(self) -> str:
        """``init`` before it runs, ``running`` with mail in hand or waiting, else ``stopped``."""
        state = self._there.state
        if state in ("new", "starting", "restarting"):
            return INIT
        if state in ("paused", "stopping"):
            return RUNNING
        return RUNNING if state == "running" and self._here.is_busy else STOPPED

    @_runing_state.setter
    def _runing_state(self, state: object) -> None:
        warnings.warn(
            f"_runing_state of {self._there.address} is read-only; use start() and stop()",
            RuntimeWarning,
            stacklevel=2,
        )

    @property
    def _human_runing_state(self) -> str:
        """``stopped`` while a person holds the actor, else ``started``; may be assigned to."""
        return STOPPED if self._there.held else STARTED

    @_human_runing_state.setter
    def _human_runing_state(self, state: str) -> None:
        if state not in (STOPPED, STARTED):
            raise ValueError(f"_human_runing_state: got {state!r}, want {STOPPED!r} or {STARTED!r}")
        if state == STOPPED:
            self.stop()
        elif self._there.held:
            self.human_start()

    @property
    def _max_tasks(self) -> int:
        """How many messages are handled at once; may be assigned to."""
        return self._here.spec.max_tasks

    @_max_tasks.setter
    def _max_tasks(self, number: int) -> None:
        self._acting.set_max_tasks(number)


def _ref(cell: ActorCell) -> ActorRef:
    return cell.system.ref(cell.address)


class Done:
    """An awaitable that is over before anybody waits for it."""

    __slots__ = ()

    def __await__(self) -> Any:
        return iter(())


class MailboxView:
    """What `_mailbox` gives: the line of one actor.

    Whatever else it is asked for it asks the mailbox that the actor was given, if any.
    """

    __slots__ = ("_cell",)

    def __init__(self, cell: ActorCell) -> None:
        self._cell = cell

    async def put(self, msg: Any = None) -> None:
        """Give `msg` a place in line; the actor handles it as any other. See `ActorRef.tell`."""
        await self._cell.system.ref(self._cell.address).tell(msg)

    async def get(self) -> Any:
        """Take the first message out of the line, and wait for one where there is none.

        It counts as handled; whoever asked it gets None for a reply. An actor with a free slot
        takes what comes itself: this is for a handler that wants more than the one it got.
        """
        while (taken := self._cell.take_first()) is None:
            await self._cell.next_change()
        return taken[0]

    async def size(self) -> int:
        """Return how many messages wait."""
        return self._cell.pending

    async def empty(self) -> bool:
        """Tell whether none waits."""
        return self._cell.pending == 0

    async def prepare(self) -> None:
        """Do nothing: a start opens the mailbox that the actor was given."""

    async def ready(self) -> bool:
        """Tell whether it can be used, which it can."""
        return True

    async def policy(self) -> bool:
        """Tell whether there is room for one more message."""
        return not self._cell.is_full

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the mailbox that the actor was given."""
        own = self._cell.offered if self._cell.box is None else self._cell.box.box
        if own is None:
            raise AttributeError(f"the mailbox of {self._cell.address} has no {name!r}")
        return getattr(own, name)
