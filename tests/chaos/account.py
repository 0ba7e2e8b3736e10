"""Was any message lost, doubled or put out of order? Told from a ledger alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from .ledger import Entry

Key = tuple[str, int, int]
AT_REST = ("state", "last", "dead")
"""What each life that comes to rest says anew."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, in words, by class; and what is neither right nor wrong.

    ============  =========================================================================
    class         a message
    ============  =========================================================================
    `lost`        was kept, or sent in a turn that counts, and was never handled
    `back`        was settled, and began once more
    `doubled`     had been handled, and began once more in the same life
    `invented`    was handled although it was refused, or never put at all
    `disordered`  began before one that its sender had put earlier
    `gaps`        in doubt was not there, and one put later in that life was
    `mismatched`  is not what the state says: it counts too few, too many or others
    `overrun`     was handled again after a kill, one of more than the credit of its box
    ============  =========================================================================

    In doubt is what was put and neither kept nor refused when its sender was killed: it may be
    there or not, and either is right.
    """

    lost: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    disordered: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    overrun: tuple[str, ...] = ()
    handled: int = 0
    again: int = 0
    doubtful_there: int = 0
    doubtful_gone: int = 0

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong, each with its class."""
        found = {it.name: getattr(self, it.name) for it in fields(self)}
        lists = {name: lines for name, lines in found.items() if isinstance(lines, tuple)}
        return tuple(f"{name}: {line}" for name, lines in lists.items() for line in lines)


def examine(
    entries: Sequence[Entry], routes: Mapping[str, str] | None = None, credit: int = 128
) -> Findings:
    """Return what the ledger says; `routes` tells to whom an actor sends each message on.

    Raises `ValueError` for a ledger that does not end at rest: what is not handled yet cannot be
    told from what is lost.
    """
    if not entries or "rested" not in {entry.kind for entry in entries[-2:]}:
        raise ValueError("the ledger does not end at rest: nothing can be said of what is missing")
    story = _Story(entries, routes or {})
    there = sum(key in story.over for key in story.doubtful)
    return Findings(
        lost=_told(story.owed - story.over),
        back=tuple(_back(entries)),
        doubled=tuple(_doubled(entries)),
        invented=_told(story.over - story.possible),
        disordered=tuple(_disordered(entries)),
        gaps=tuple(_gaps(story)),
        mismatched=tuple(_mismatched(story)),
        overrun=tuple(_overrun(entries, credit)),
        handled=len(story.over),
        again=len(list(_again(entries))),
        doubtful_there=there,
        doubtful_gone=len(story.doubtful) - there,
    )


class _Story:
    """The messages of a ledger, by what became of them."""

    def __init__(self, entries: Sequence[Entry], routes: Mapping[str, str]) -> None:
        self.of: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.kind not in AT_REST or entry.life == entries[-1].life:
                self.of[entry.kind].append(entry)
        self.effects = self.keys("effect")
        self.over = self.effects | self.keys("dead")
        sent = {(routes[at], who, it) for at, who, it in self.effects if at in routes}
        self.owed = self.keys("kept") | sent
        self.doubtful = self.keys("put") - self.keys("kept") - self.keys("refused")
        self.possible = self.owed | self.doubtful

    def keys(self, kind: str) -> set[Key]:
        return {entry.key for entry in self.of[kind]}


def _told(keys: Iterable[Key]) -> tuple[str, ...]:
    return tuple(f"{at} {number} of sender {sender}" for at, sender, number in sorted(keys))


def _back(entries: Sequence[Entry]) -> Iterator[str]:
    settled: set[Key] = set()
    for entry in entries:
        if entry.kind == "settled":
            settled.add(entry.key)
        elif entry.kind == "begun" and entry.key in settled:
            yield f"{_told([entry.key])[0]}, in life {entry.life}"


def _doubled(entries: Sequence[Entry]) -> Iterator[str]:
    handled: set[tuple[int, Key]] = set()
    for entry in entries:
        if entry.kind == "effect":
            handled.add((entry.life, entry.key))
        elif entry.kind == "begun" and (entry.life, entry.key) in handled:
            yield f"{_told([entry.key])[0]}, in life {entry.life}"


def _disordered(entries: Sequence[Entry]) -> Iterator[str]:
    """Within a life a sender's messages begin in order; what is new is newer than all before."""
    latest: dict[tuple[int, str, int], int] = {}
    newest: dict[tuple[str, int], int] = {}
    begun: set[Key] = set()
    for entry in entries:
        if entry.kind != "begun":
            continue
        line, pair = (entry.life, entry.address, entry.sender), (entry.address, entry.sender)
        before = latest.get(line, -1)
        if entry.key not in begun:
            before = max(before, newest.get(pair, -1))
        if entry.number < before:
            yield f"{_told([entry.key])[0]} began after {before}, in life {entry.life}"
        latest[line] = entry.number
        newest[pair] = max(entry.number, newest.get(pair, -1))
        begun.add(entry.key)


def _gaps(story: _Story) -> Iterator[str]:
    missing: dict[int, Key] = {}
    for entry in story.of["put"]:
        if entry.key in story.over:
            if entry.life in missing:
                gone, later = _told([missing.pop(entry.life)]) + _told([entry.key])
                yield f"{gone} is not there, and {later}, put later, is"
        elif entry.key in story.doubtful:
            missing.setdefault(entry.life, entry.key)


def _mismatched(story: _Story) -> Iterator[str]:
    """The last state counts every message once, and no two turns have made the same state."""
    handled, newest = Counter[str](), dict[tuple[str, int], int]()
    for address, sender, number in story.effects:
        handled[address] += 1
        newest[address, sender] = max(number, newest.get((address, sender), number))
    for entry in story.of["state"]:
        if entry.count != handled[entry.address]:
            yield f"{entry.address} counts {entry.count}, and {handled[entry.address]} had effects"
    for entry in story.of["last"]:
        if entry.number != newest.get((entry.address, entry.sender)):
            yield f"{_told([entry.key])[0]} is the last of the state, and not of the effects"
    of_state: dict[tuple[str, int], Key] = {}
    for entry in story.of["settled"]:
        first = of_state.setdefault((entry.address, entry.count), entry.key)
        if first != entry.key:
            one, other = _told([first]) + _told([entry.key])
            yield f"{one} and {other} have both made state {entry.count}"


def _again(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Return the handlers that began once more in a later life than the one with the effect."""
    handled: set[Key] = set()
    begun: set[tuple[int, Key]] = set()
    for entry in entries:
        if entry.kind == "effect":
            handled.add(entry.key)
        elif entry.kind == "begun" and (entry.life, entry.key) not in begun:
            begun.add((entry.life, entry.key))
            if entry.key in handled:
                yield entry


def _overrun(entries: Sequence[Entry], credit: int) -> Iterator[str]:
    lives = Counter((entry.life, entry.address) for entry in _again(entries))
    for (life, address), count in lives.items():
        if count > credit:
            yield f"{address} handled {count} again in life {life}, with a credit of {credit}"
