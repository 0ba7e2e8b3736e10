"""A child that its parent makes at once and starts later, or that its first message starts."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from . import lifecycle
from .actor import Actor
from .errors import BadAddress

if TYPE_CHECKING:
    from .cell import ActorCell
    from .spec import ActorSpec

GIVEN = ("name", "parent", "loop", "kernel")
"""What an ``__init__`` written for aplay may ask for."""


def child_spec(parent: ActorCell, name: str, cls: type[Actor]) -> ActorSpec:
    """Return the spec of a child made by name and class only; raises `TypeError` for others."""
    if not isinstance(name, str):
        raise TypeError(f"create_actor: got name {name!r}, want text")
    if not (isinstance(cls, type) and issubclass(cls, Actor)):
        raise TypeError(f"create_actor: got actor_cls {cls!r}, want a class derived from Actor")
    return parent.system.spec_of(cls, kwargs=_given(parent, name, cls))


def _given(parent: ActorCell, name: str, cls: type[Actor]) -> dict[str, Any]:
    """Return what of `GIVEN` the class's ``__init__`` takes by name."""
    if cls.__init__ is Actor.__init__:
        return {}
    parameters = inspect.signature(cls.__init__).parameters.values()
    named = {one.name for one in parameters if one.kind is not one.POSITIONAL_ONLY}
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    wanted = {key for key in GIVEN if takes_any or key in named}
    system = parent.system
    if "loop" not in named and not system.is_bound:
        wanted.discard("loop")  # nobody has to choose one yet
    given: dict[str, Any] = {"name": name}
    if "loop" in wanted:
        given["loop"] = system.loop
    given |= {"parent": system.open_ref(parent.address), "kernel": system.open_ref("/")}
    return {key: value for key, value in given.items() if key in wanted}


def find_child(parent: ActorCell, name: str, cls: type[Actor]) -> ActorCell | None:
    """Return the child of that name and class which the parent's present instance has already."""
    child = (parent.children or {}).get(name)
    if child is None or child.wanted == "gone" or child.spec.cls is not cls:
        return None
    return child if child.planned or child.made_by == parent.incarnation else None


def prepare_child(cell: ActorCell) -> None:
    """Give a new cell its instance, or an adopted one what it needs to go on.

    Raises what ``__init__`` raises; then neither the cell nor any below it is left.
    """
    if cell.state != "new":
        if not cell.held:
            lifecycle.restart(cell)
    elif cell.behaviour is None:
        try:
            cell.make_behaviour()
        except BaseException:
            discard(cell)
            raise


def discard(cell: ActorCell) -> None:
    """Take away a cell that was never started, with all that its instance made."""
    for child in reversed(tuple((cell.children or {}).values())):
        if child.steering is None and child.state == "new":
            discard(child)
        else:
            lifecycle.remove(child)
    cell.system.registry.forget(cell, "removed")


def check_depth(parent: ActorCell, name: str, cls: type[Actor], most: int) -> None:
    """Raise `BadAddress` for a child below `most` levels, and name the classes that led there.

    Two classes that make each other when they start end here, after as many levels.
    """
    if parent.address.count("/") < most or parent.parent is None:
        return
    classes = [cls.__name__]
    above: ActorCell | None = parent
    while above is not None and above.parent is not None:
        classes.append(above.spec.cls.__name__)
        above = above.parent
    raise BadAddress(
        f"{parent.address}/{name} is deeper than {most} levels; from the top the classes are "
        f"{_chain(classes[::-1])}"
    )


def _chain(classes: list[str]) -> str:
    """Draw the way down; where the same classes come again and again, one round of them."""
    for start in range(len(classes)):
        rest = classes[start:]
        for period in range(1, len(rest) // 2 + 1):
            if rest[period:] == rest[:-period]:
                return " -> ".join([*classes[: start + period + 1], "..."])
    return " -> ".join(classes)


def note_declared(parent: ActorCell, name: str) -> None:
    """Note a child that `prepare_children` makes: an exchange asks for it again."""
    if parent.hook_name == "prepare_children":
        parent.declared |= {name}
