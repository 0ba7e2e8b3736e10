"""Code that a reload has superseded and somebody holds still."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any

MOST_ALIVE = 3
"""So many generations may be alive before a restart is worth it; two are by design."""

_KEY = "__superseded__"


@dataclass(frozen=True, slots=True)
class Leaks:
    """What should be gone: modules, as ``name (#3)``, and the tasks that run in them.

    `generations` are those in which these modules ran last.
    """

    modules: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    generations: frozenset[int] = frozenset()

    def line(self) -> str:
        """Return it as one line for people."""
        many = len(self.generations) + 2 > MOST_ALIVE
        cure = "restart recommended" if many else "end in on_dispose what holds them"
        tasks = f", by {', '.join(self.tasks)}" if self.tasks else ""
        return f"superseded code is still held: {', '.join(self.modules)}{tasks} · {cure}"


class _Token:
    """Lives in the globals of one superseded module: they outlive it in its functions."""

    def __init__(self, module: str, generation: int) -> None:
        self.module, self.generation = module, generation


class LeakAudit:
    """Looks, `seconds` after a commit, for superseded modules that are still alive.

    ============================================  =========================================
    a superseded module                           then
    ============================================  =========================================
    ran last in the generation before `current`   alive by design: a rollback goes there
    runs again, after a rollback                  no longer superseded
    any other that is alive                       a leak: one line for `warn`
    ============================================  =========================================
    """

    def __init__(
        self, current: Callable[[], int], warn: Callable[[str], None], seconds: float = 60.0
    ) -> None:
        self._current, self._warn, self._seconds = current, warn, seconds
        self._tokens: weakref.WeakSet[_Token] = weakref.WeakSet()
        self._timer: asyncio.TimerHandle | None = None
        self._told = Leaks()

    def note(self, modules: Mapping[str, ModuleType | None], generation: int) -> None:
        """Remember modules that ran last in `generation`, and look for them later."""
        for name, module in modules.items():
            if module is not None:
                token = vars(module)[_KEY] = _Token(name, generation)
                self._tokens.add(token)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def look(self) -> Leaks:
        """Return what leaks now. Collects garbage first, if anything seems to."""
        if not self._alive():
            return Leaks()
        gc.collect()
        found = self._alive()
        return Leaks(
            tuple(sorted(f"{it.module} (#{it.generation})" for it in found)),
            tuple(sorted({text for text, token in _running() if token in found})),
            frozenset(it.generation for it in found),
        )

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        leaks = self.look()
        if leaks.modules and leaks != self._told:
            self._warn(leaks.line())
        self._told = leaks

    def _alive(self) -> list[_Token]:
        old = [it for it in self._tokens if it.generation < self._current() - 1]
        return [it for it in old if _token_in(sys.modules.get(it.module)) is not it]


def _running() -> Iterator[tuple[str, object]]:
    """Yield each task at work in superseded code, as text, with the token of the code."""
    for task in asyncio.all_tasks():
        for frame in _frames(task.get_coro()):
            if token := frame.f_globals.get(_KEY):
                place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                yield f"task {task.get_name()} ({place} in {frame.f_code.co_name})", token


def _frames(awaited: Any) -> Iterator[FrameType]:
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        yield frame
        awaited = awaited.cr_await


def _token_in(module: object) -> object:
    return getattr(module, "__dict__", {}).get(_KEY)
