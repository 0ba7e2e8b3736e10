"""A durable mailbox that commits turns: its store lives in memory, and outlives a system."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

from aplay_host.kernel import (
    FINAL,
    Actor,
    ActorSpec,
    ActorSystem,
    Address,
    Again,
    Dead,
    Depth,
    Handled,
    Inlet,
    MailboxSpec,
    Outcome,
    Parcel,
    Refuse,
    Released,
    TreeNode,
    TreePlan,
    Unreadable,
    Verdict,
)

KEPT = {"kind": "turns"}
"""The ``mailbox`` setting of an actor whose mail a `TurnStore` keeps."""


class TurnStore:
    """What was committed, as JSON text; with `by_hand` a commit is made when the test says so.

    `rows` are the messages of all boxes in order, `state` what actors saved, by address; `dead`
    are addresses, messages and reasons. With `broken` no box can be opened or put into.
    """

    def __init__(self, *, by_hand: bool = False, after: float = 1.0, tries: int = 2) -> None:
        self.by_hand, self.after, self.tries = by_hand, after, tries
        self.broken = self.crashed = False
        self.rows: dict[int, tuple[str, str]] = {}
        self.state: dict[str, str] = {}
        self.dead: list[tuple[str, Any, str]] = []
        self.boxes: dict[str, TurnBox] = {}
        self.newest: dict[str, str] = {}
        self.ops: list[Callable[[], object]] = []
        self.ends: list[Callable[[], object]] = []
        self.numbers = iter(range(1, 1_000_000))

    def make(self, address: Address, spec: MailboxSpec) -> TurnBox | None:
        if spec.kind != KEPT["kind"]:
            return None
        box = self.boxes[address] = TurnBox(self, address)
        return box

    def messages(self, address: str) -> list[Any]:
        """Return what is kept for an address."""
        return [json.loads(text) for at, text in self.rows.values() if at == address]

    def do(self, op: Callable[[], object]) -> None:
        """Let the next commit do `op`."""
        self.ops.append(op)
        if not self.by_hand and len(self.ops) == 1:
            asyncio.get_running_loop().call_soon(self.commit)

    def then(self, end: Callable[[], object]) -> None:
        """Call `end` after the next commit."""
        self.ends.append(end)

    def commit(self) -> None:
        """Commit all that came so far, and tell it."""
        ops, self.ops = self.ops, []
        ends, self.ends = self.ends, []
        if self.crashed:
            return
        for op in ops:
            op()
        for end in ends:
            end()

    def crash(self) -> None:
        """Forget what was not committed, as the end of a process does, and commit no more."""
        self.recover()
        self.crashed = True

    def recover(self) -> None:
        """Be there for the next system, with what was committed."""
        self.ops, self.ends, self.newest, self.crashed = [], [], dict(self.state), False

    def seen(self, saved: str) -> list[Any]:
        """Return the items of what an actor saved, which has nothing else."""
        (items,) = json.loads(saved).values()
        return list(items)


class TurnBox:
    """One actor's box; ``bad`` cannot be read, and what is no JSON cannot be kept."""

    durable = True
    prefetch = 64

    def __init__(self, store: TurnStore, address: str) -> None:
        self.store: Any = store
        self.address = address
        self.inlet: Inlet | None = None
        self.credit = self.held = 0
        self.closed: list[bool] = []
        self.specs: list[MailboxSpec] = []
        self.outcomes: list[Outcome] = []
        self.tries: defaultdict[Parcel, int] = defaultdict(int)
        self.seqs: dict[Parcel, int] = {}
        self.ready: set[Parcel] = set()
        self.line: deque[Parcel] = deque()
        for seq in [seq for seq, (at, _) in store.rows.items() if at == address]:
            parcel = Parcel(None)
            self.seqs[parcel] = seq
            self.ready.add(parcel)
            self.line.append(parcel)
        self.found = self.held = len(self.line)

    async def open(self, inlet: Inlet) -> int:
        if self.store.broken:
            raise OSError("the store is broken")
        self.inlet = inlet
        return self.found

    def put(self, parcel: Parcel) -> asyncio.Future[None] | None:
        if self.store.broken:
            raise OSError("the store is broken")
        kept: asyncio.Future[None] | None = None
        if parcel.kept:
            self._insert(parcel, json.dumps(parcel.message))
            kept = asyncio.get_running_loop().create_future()
            self.store.then(partial(_end, kept))
        else:
            self.ready.add(parcel)
        self._stand(parcel)
        return kept

    def draft(self, parcel: Parcel) -> None:
        json.dumps(parcel.message)

    def take(self, parcel: Parcel) -> None:
        """Give a send of somebody's turn its place; the commit is that of the turn."""
        self._insert(parcel, json.dumps(parcel.message))
        self._stand(parcel)

    def _insert(self, parcel: Parcel, text: str) -> None:
        seq = self.seqs[parcel] = next(self.store.numbers)
        self.store.do(lambda: self.store.rows.__setitem__(seq, (self.address, text)))
        self.store.then(partial(self._confirm, parcel))

    def _confirm(self, parcel: Parcel) -> None:
        self.ready.add(parcel)
        self._deliver()

    def _stand(self, parcel: Parcel) -> None:
        self.held += not parcel.exempt
        self.line.append(parcel)
        self._deliver()

    def demand(self, count: int) -> None:
        self.credit += count
        self._deliver()

    def _deliver(self) -> None:
        while self.credit and self.line and self.line[0] in self.ready and self.inlet:
            self.credit -= 1
            self.inlet.deliver((self.line.popleft(),))

    def begin(self, parcel: Parcel) -> Any:
        message = json.loads(self.store.rows[self.seqs[parcel]][1])
        return Unreadable("no_handler", "nobody knows it") if message == "bad" else message

    def settle(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        self.outcomes.append(outcome)
        verdict = self._verdict(parcel, outcome)
        if isinstance(outcome, Handled):
            self._commit_turn(outcome)
        if not isinstance(verdict, Again):
            self.held -= not parcel.exempt
            if (seq := self.seqs.pop(parcel, None)) is not None:
                self.store.do(lambda: self._delete(seq, verdict))
        return verdict

    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Verdict:
        if not parcel.kept or isinstance(outcome, Handled):
            return FINAL
        if isinstance(outcome, Released):
            return Again()
        if isinstance(outcome.error, Refuse):
            return Dead("rejected")
        if parcel.error is not None:
            return Dead("no_handler")
        self.tries[parcel] += 1
        tried_enough = self.tries[parcel] >= self.store.tries
        return Dead("max_attempts") if tried_enough else Again(self.store.after)

    def _commit_turn(self, outcome: Handled) -> None:
        if (text := outcome.saved) is not None:
            self.store.newest[self.address] = text
            self.store.do(lambda: self.store.state.__setitem__(self.address, text))
        for box, parcel in outcome.sends:
            assert isinstance(box, TurnBox)
            box.take(parcel)
        if outcome.then is not None:
            self.store.do(lambda: None)
            self.store.then(partial(outcome.then, None))

    def _delete(self, seq: int, verdict: Verdict) -> None:
        _, text = self.store.rows.pop(seq)
        if isinstance(verdict, Dead):
            self.store.dead.append((self.address, json.loads(text), verdict.reason))

    def change(self, spec: MailboxSpec) -> None:
        self.specs.append(spec)
        if spec.capacity == 666:
            raise ValueError("no such capacity")

    def recall(self, kind: type[Any]) -> Any:
        text = self.store.newest.get(self.address)
        return kind() if text is None else kind(**json.loads(text))

    def snapshot(self, saved: Any) -> str | None:
        text = json.dumps(vars(saved))
        return None if text == self.store.newest.get(self.address) else text

    def depth(self) -> Depth:
        return Depth(self.held)

    async def close(self, removed: bool) -> None:
        self.closed.append(removed)
        self.store.commit()
        if removed:
            for message in self.store.messages(self.address):
                self.store.dead.append((self.address, message, "removed"))
            left = {n: it for n, it in self.store.rows.items() if it[0] != self.address}
            self.store.rows = left


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def planned(*nodes: tuple[str, type[Actor]], **settings: Any) -> TreePlan:
    """Return a plan of actors whose mail a `TurnStore` keeps."""
    settings = {"mailbox": KEPT, **settings}
    return TreePlan(
        tuple(TreeNode(Address(at), ActorSpec.of(cls, settings=settings)) for at, cls in nodes)
    )


def outcomes_of(system: ActorSystem, address: str) -> list[type[Outcome]]:
    """Return the kinds of the outcomes that the box at an address was told."""
    cell = system.cell_at(Address(address))
    assert cell is not None
    assert cell.box is not None
    box = cell.box.box
    assert isinstance(box, TurnBox)
    return [type(one) for one in box.outcomes]
