"""All that can be told of one actor: gathered from kernel, file and plugins, then explained."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from ..config import list_options
from ..control import ActorDetail, ActorRow, InHandRow, OptionRow, TimerRow
from ..errors import MailboxUnavailable, StoreCorrupt
from ..kernel import ActorStatus, Address, Inside
from .actorview import ActorView, Newer, Stalled
from .durable import KIND
from .explain import explain, next_restart
from .holds import stopped_by
from .origin import origin_of, source_of
from .retry import retry_of
from .rows import WallClock, error_row

if TYPE_CHECKING:
    from .host import Host


LONG_STALL, STALL_TOLD = 1.0, 10.0
"""Seconds from which on a stall of the loop is one to tell of, and those for which it is."""
MOST_LETTERS = 1000
"""How many dead letters are looked at for those of one actor."""


async def actor_detail(
    host: Host, status: ActorStatus, row: ActorRow, wall: WallClock
) -> ActorDetail:
    """Return `row`, that of the actor with this `status`, with why it is as it is and more."""
    unread = await _unread(host, status)
    inside = host.system.look_inside(status.address)
    view = view_of(host, status, wall, inside, unread)
    options = list_options(host.config, status.address, status.spec.options)
    return ActorDetail(
        **{field.name: getattr(row, field.name) for field in dataclasses.fields(row)},
        why=tuple(explain(view)),
        options=tuple(OptionRow(it.key, it.value, it.source) for it in options),
        source=source_of(status.spec.cls, host.plugins.finder.located)
        if view.fault is None
        else None,
        in_hand_now=view.in_hand_now,
        timers=tuple(
            TimerRow(it.key, it.message_type, it.seconds, it.interval) for it in inside.timers
        ),
        watchers=inside.watchers,
        next_restart=next_restart(status, view.now),
        retry=view.retry,
        restart_history=tuple(error_row(error, wall) for error in status.history),
    )


def view_of(
    host: Host,
    status: ActorStatus,
    wall: WallClock,
    inside: Inside,
    unread: Mapping[str, int] | None = None,
) -> ActorView:
    """Return what is known now of the actor with this `status`."""
    address, now = status.address, host.system.now()
    stopper = stopped_by(status, host.holds)
    return ActorView(
        status=status,
        origin=origin_of(address, status.spec.cls, host.origins),
        now=now,
        clock=wall(now).astimezone(),
        declared=host.config.place_of(address, "use"),
        fault=host.faults.get(address),
        ancestors=_ancestors(host, status),
        stopped_by=stopper,
        hold=host.holds[address] if stopper == "person" else None,
        in_hand_now=_in_hand(inside),
        hook=inside.hook,
        host_generation=host.current.number,
        wait=inside.wait,
        busy=tuple(_busy(host, inside)),
        stalled=_stalled(host, wall(now)),
        newer=_newer(host, address, wall),
        retry=retry_of(host.system.cell_at(address), now),
        mail_problem=host.mail.problem if status.spec.mailbox.kind == KIND else None,
        unread=unread or {},
    )


async def _unread(host: Host, status: ActorStatus) -> Mapping[str, int]:
    """Return how many of the newest dead letters wait for a class that accepts them, by type."""
    if status.spec.mailbox.kind != KIND or not host.mail.is_started:
        return {}
    try:
        letters = await host.mail.dead_letters(MOST_LETTERS)
    except (MailboxUnavailable, StoreCorrupt):  # of which another rule tells
        return {}
    mine = (it for it in letters if it.address == status.address and it.reason == "no_handler")
    return Counter(it.type for it in mine)


def _in_hand(inside: Inside) -> tuple[InHandRow, ...]:
    return tuple(InHandRow(it.message_type, it.seconds, it.where) for it in inside.in_hand)


def _busy(host: Host, inside: Inside) -> Iterator[tuple[Address, InHandRow]]:
    """Yield what those have in hand that keep an exchange from going on."""
    for address in inside.wait.busy if inside.wait else ():
        yield from ((address, it) for it in _in_hand(host.system.look_inside(address)))


def _stalled(host: Host, clock: datetime) -> Stalled | None:
    """Return the newest long stall of the loop, if it was just now."""
    for stall in reversed(host.stalls.stalls):
        ago = max(0.0, (clock - stall.at).total_seconds())
        if ago <= STALL_TOLD and stall.seconds >= LONG_STALL:
            return Stalled(stall.culprit.who, stall.address, stall.seconds, stall.place, ago)
    return None


def _newer(host: Host, address: Address, wall: WallClock) -> Newer | None:
    """Return what is on disk for this actor and does not run; a bad file concerns all."""
    trouble = host.reloads.trouble
    if trouble is None:
        return None
    plan = trouble.report.plan
    if plan is not None and not any(step.address == address for step in plan.cells):
        return None
    return Newer(trouble.report, wall(trouble.at))


def _ancestors(host: Host, status: ActorStatus) -> tuple[ActorStatus, ...]:
    above, found = status.address.parent, []
    while above != "/":
        found.append(host.system.ref(above).status())
        above = above.parent
    return tuple(found)
