"""Actors that do what they are ordered, and keep a ledger of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aplay_host.kernel import Actor, AplayError, Refuse, Terminated

from .actors import forever, ignore_cancels
from .ledger import Ledger, Order, Tick

SYSTEMS: tuple[dict[str, Any], ...] = ({"handoff": True}, {"handoff": False})
"""The ways in which a system can be made, as arguments; what is proved holds for each."""
TIMEOUTS = {"start_timeout": 2.0, "stop_timeout": 1.0}
"""Short enough for the deeds and hooks below to outlast them."""
HOOK_ENDINGS = ("return", "turn", "short", "raise", "late")
"""What a hook of `Hooked` may do; ``late`` outlasts `TIMEOUTS`."""


class Worker(Actor):
    """Does the deed of each order: the method ``do_…`` of that name, or a pause of `PAUSES`.

    Returns the order's number. A deed ``stubborn`` ignores being cancelled until `end` is set.
    """

    def __init__(self, ledger: Ledger, end: asyncio.Event, **_: Any) -> None:
        self.ledger = ledger
        self.end = end

    async def msg_handler(self, order: Order | Tick | Terminated) -> int | None:
        if not isinstance(order, Order):
            self.ledger.handle_own(self.ref(), order)
            return None
        with self.ledger.handling(self.ref(), order):
            if order.deed in PAUSES:
                await asyncio.sleep(PAUSES[order.deed])
            elif order.deed != "return":
                await getattr(self, f"do_{order.deed}")(order)
        return order.number

    async def do_raise(self, _: Order) -> None:
        raise ValueError("ordered")

    async def do_refuse(self, _: Order) -> None:
        raise Refuse("ordered")

    async def do_endless(self, _: Order) -> None:
        await forever()

    async def do_stubborn(self, _: Order) -> None:
        await ignore_cancels(self.end)
        raise ValueError("too late to matter")

    async def do_cancelled(self, _: Order) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async def do_forward(self, order: Order) -> None:
        for _ in range(2):
            await self.ledger.tell(self.ref(order.target), self._order(order))

    async def do_ask(self, order: Order) -> None:
        await self.ledger.ask(self.ref(order.target), self._order(order), timeout=2.0)

    async def do_stop(self, _: Order) -> None:
        self.ref().stop()

    async def do_restart(self, _: Order) -> None:
        self.ref().restart()

    async def do_remove(self, _: Order) -> None:
        self.ref().remove()

    async def do_exit(self, _: Order) -> None:
        self.exit()

    async def do_fail(self, _: Order) -> None:
        self.exit(ValueError("ordered"))

    async def do_task(self, order: Order) -> None:
        async def later() -> None:
            await asyncio.sleep(0.5)
            self.ledger.tell_nowait(self.ref(), self._order(order))
            raise ValueError("ordered")

        self.create_task(later())

    async def do_circle(self, order: Order) -> None:
        back = self.ledger.order(f"{self.address} for {order.number}", "ask", self.address)
        await self.ledger.ask(self.ref(order.target), back, timeout=2.0)

    async def do_await_self(self, _: Order) -> None:
        await self.ref().restart()

    async def do_tick(self, order: Order) -> None:
        self.ledger.set_timer(self, order.number % 2, 0.5, repeat=False)

    async def do_ticks(self, order: Order) -> None:
        self.ledger.set_timer(self, order.number % 2, 0.4, repeat=True)

    async def do_untick(self, order: Order) -> None:
        self.ledger.cancel_timer(self, order.number % 2)

    async def do_watch(self, order: Order) -> None:
        self.ledger.watch(self, order.target)

    def _order(self, cause: Order) -> Order:
        return self.ledger.order(f"{self.address} for {cause.number}")


PAUSES = {"turn": 0.0, "short": 0.1, "long": 1.5}
"""How many seconds the deeds that only wait take."""

DEEDS = (
    *("return", "raise", "refuse", "endless", "stubborn", "cancelled", "forward", "ask"),
    *("stop", "restart", "remove", "exit", "fail", "task", "circle", "await_self"),
    *("tick", "ticks", "untick", "watch"),
    *PAUSES,
)


class Hooked(Worker):
    """A worker whose hooks do what `starts` and `stops` list, one after another, then nothing.

    A list lasts for all instances. Each start makes the `children` again, plain workers.
    """

    def __init__(
        self,
        ledger: Ledger,
        end: asyncio.Event,
        starts: list[str] | None = None,
        stops: list[str] | None = None,
        children: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(ledger, end)
        self.starts, self.stops, self.made = starts or [], stops or [], children or {}

    async def on_start(self) -> None:
        for name, settings in self.made.items():
            with suppress(AplayError):  # taken by one that was made from outside
                await self.spawn(
                    Worker, name, kwargs={"ledger": self.ledger, "end": self.end}, **settings
                )
        await self._act(self.starts)

    async def on_stop(self, reason: str) -> None:
        await self._act(self.stops)

    async def _act(self, endings: list[str]) -> None:
        ending = endings.pop(0) if endings else "return"
        if ending == "raise":
            raise ValueError("ordered")
        if ending != "return":
            await asyncio.sleep({"late": 10.0, **PAUSES}[ending])
