"""A ref through which one also reaches into the actor itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .names import Names
from .ref import ActorRef

if TYPE_CHECKING:
    from .cell import ActorCell


class OpenRef(ActorRef, Names):
    """An `ActorRef` that also has the attributes and methods of the instance behind it.

    It is equal to every ref of the address, and stays good when the instance is another one. A
    method called through it runs at once, past the mailbox and whatever is in hand.
    """

    __slots__ = ()

    @property
    def _here(self) -> ActorCell:
        return self._needed()

    @property
    def _there(self) -> ActorRef:
        return self

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the instance; raises `AttributeError` while there is none."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._instance(name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the instance, unless the ref itself has one of that name."""
        if hasattr(type(self), name):
            object.__setattr__(self, name, value)
        else:
            setattr(self._instance(name), name, value)

    def _instance(self, wanted: str) -> Any:
        cell = self._living()
        if cell is None or cell.behaviour is None:
            state = self.state
            raise AttributeError(f"{wanted}: {self.address} has no instance now, it is {state}")
        return cell.behaviour
