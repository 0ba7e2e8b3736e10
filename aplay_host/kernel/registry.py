"""Which cells there are: by address, and as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .actor import Group
from .address import MOST_LEVELS, Address
from .cell import ActorCell
from .child import check_depth
from .errors import BadAddress, NameTaken
from .spec import ActorSpec

if TYPE_CHECKING:
    from .status import ActorStatus
    from .system import ActorSystem

COUNTS = ("accepted", "handled", "failed", "dead", "pending", "in_hand")


class Registry:
    """The cells of one system, its root among them, from when they are made until removed.

    `nowhere` is the cell where nobody lives: it counts what was sent to such addresses, and
    what those that are gone had counted.
    """

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        address, spec = Address("/"), ActorSpec.of(Group)
        self.nowhere = ActorCell(system, address, None, spec)
        self.nowhere.state = "removed"
        self.root = ActorCell(system, address, None, spec)
        self._cells = {address: self.root}
        # Those that a shutdown has ended, and whose mailboxes still keep what comes late.
        self._late: dict[Address, ActorCell] = {}

    def get(self, address: Address) -> ActorCell | None:
        """Return the cell that lives at `address` now."""
        return self._cells.get(address)

    def receiver(self, address: Address) -> ActorCell | None:
        """Return the cell that takes mail for `address`, even if none lives there any more."""
        return self._cells.get(address) or self._late.get(address)

    def needed(self, address: str, what: str = "") -> ActorCell:
        """Return the cell at `address`; raises `BadAddress` where none lives."""
        cell = self._cells.get(Address(address))
        if cell is None:
            raise BadAddress(f"{what}{address}: no actor lives there")
        return cell

    def below(self, cell: ActorCell) -> Iterator[ActorCell]:
        """Go through all cells below `cell`, parents first, in order of creation."""
        for child in tuple((cell.children or {}).values()):
            yield child
            yield from self.below(child)

    def add(self, parent: ActorCell, name: str, spec: ActorSpec) -> ActorCell:
        """Make a cell; or return that of a child whose parent makes it again, with its mail.

        Raises `BadAddress` and `NameTaken`.
        """
        check_depth(parent, name, spec.cls, MOST_LEVELS)
        address = parent.address.child(name)
        if parent.wanted == "gone" or self._system.stopping:
            going = self.root if self._system.stopping else parent
            raise BadAddress(f"cannot make {address}: {going.address} is being removed")
        if (existing := self._cells.get(address)) is not None:
            return _adopt(parent, existing, spec)
        cell = self._cells[address] = ActorCell(self._system, address, parent, spec)
        if parent.children is None:
            parent.children = {}
        parent.children[name] = cell
        return cell

    def forget(self, cell: ActorCell, reason: str) -> None:
        """Take a cell out of here and of its parent; its mail is dead, its counts are kept."""
        cell.want("gone")
        if cell.probation is not None:
            cell.probation.settle(act=False)
        if cell.box is not None:
            cell.box.release(reason)
        cell.bury_all(reason)
        cell.enter("removed")
        del self._cells[cell.address]
        if cell.accepts_mail:
            self._late[cell.address] = cell
        if cell.parent is not None and cell.parent.children is not None:
            del cell.parent.children[cell.address.name]
        self.nowhere.taken += cell.taken
        self.nowhere.handled += cell.handled
        self.nowhere.failed += cell.failed
        self.nowhere.dead += cell.dead
        if self._system.on_forget is not None:
            self._system.on_forget(cell.status())

    def snapshot(self) -> list[ActorCell]:
        """Return all cells but the root, at once, in order of creation."""
        return list(self._cells.values())[1:]

    def lose(self, address: Address, message: Any) -> None:
        """Make a dead letter of a message to an address where nobody lives."""
        self.nowhere.taken += 1
        self.nowhere.dead += 1
        self._system.dead_letters.add(address, message, "no_actor")

    def status(self) -> ActorStatus:
        """Return the sum over all cells, those that are gone included."""
        every = [cell.status() for cell in (self.nowhere, *self._cells.values())]
        counts: dict[str, Any] = {
            name: sum(getattr(status, name) for status in every) for name in COUNTS
        }
        return replace(self.root.status(), children=(), **counts)


def _adopt(parent: ActorCell, cell: ActorCell, spec: ActorSpec) -> ActorCell:
    made_again = cell.made_by != parent.incarnation and cell.spec.cls is spec.cls
    if cell.planned or cell.wanted == "gone" or not made_again:
        raise NameTaken(f"{cell.address} exists already; choose another name or remove it first")
    cell.adopt(spec)
    return cell
