"""The dead letters of a host: looked at, sent again, dropped.

Those there are now are the kernel's, in memory. Whoever keeps others has them here as well.
"""

from __future__ import annotations

import asyncio
import reprlib
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

from ..control import (
    LetterChoice,
    LetterDetail,
    LetterFailure,
    LetterReport,
    LetterRow,
    Page,
    plain,
    problem,
    rfc3339,
)
from ..errors import BadAddress, CommandError
from ..kernel import Address, DeadLetter, DeadLetters
from .rows import WallClock

LONGEST_REPR = 2000
IN_MEMORY = "m"
"""What the ids of letters that are kept in memory begin with."""

Tell = Callable[[DeadLetter], Awaitable[dict[str, Any] | None]]
"""Sends a letter again; returns the problem that it met, None when it was accepted."""


class Letters:
    """The letters that the kernel keeps; `wall` turns its times into dates."""

    def __init__(self, kept: DeadLetters, wall: WallClock) -> None:
        self._kept = kept
        self._wall = wall

    def page(self, choice: LetterChoice, limit: int | None) -> Page:
        """Return the rows of these letters, the newest first, `limit` at most."""
        rows = [self._row(letter) for letter in reversed(self._matching(choice))]
        cut = rows if limit is None else rows[:limit]
        return Page(cut, None if len(cut) == len(rows) else rows[len(cut)].id)

    def detail(self, id_: str) -> LetterDetail:
        """Return one letter with what is in it; raises ``no-such-dead-letter``."""
        (letter,) = self._chosen(LetterChoice((id_,)))
        row, (payload, form) = self._row(letter), _payload(letter.message)
        known = {field.name: getattr(row, field.name) for field in fields(row)}
        return LetterDetail(**known, payload=payload, payload_form=form)

    async def replay(self, choice: LetterChoice, pause: float, tell: Tell) -> LetterReport:
        """Have these letters told, `pause` seconds apart; those that are refused are kept."""
        letters, failed = self._chosen(choice), []
        for place, letter in enumerate(letters):
            if place:
                await asyncio.sleep(pause)  # also 0: who gets them may make room in between
            if (trouble := await self._tell_again(letter, tell)) is not None:
                failed.append(LetterFailure(_id(letter), trouble))
        return LetterReport(len(letters), len(letters) - len(failed), tuple(failed))

    async def _tell_again(self, letter: DeadLetter, tell: Tell) -> dict[str, Any] | None:
        """Tell a letter, which nobody else finds meanwhile; it is gone once it was accepted."""
        if self._kept.take(letter.number) is None:
            return problem(_gone(_id(letter)))  # somebody was quicker
        accepted = False
        try:
            trouble = await tell(letter)
            accepted = trouble is None
        finally:
            if not accepted:
                self._kept.put_back(letter)
        return trouble

    def drop(self, choice: LetterChoice) -> LetterReport:
        """Forget these letters."""
        letters = self._chosen(choice)
        for letter in letters:
            self._kept.take(letter.number)
        return LetterReport(len(letters), len(letters))

    def _chosen(self, choice: LetterChoice) -> list[DeadLetter]:
        """Return these letters, the oldest first; raises ``no-such-dead-letter`` for none."""
        letters = self._matching(choice)
        missing = sorted(set(choice.ids) - {_id(letter) for letter in letters})
        if missing or not letters:
            raise _gone(missing[0] if missing else None)
        return letters

    def _matching(self, choice: LetterChoice) -> list[DeadLetter]:
        return [
            letter
            for letter in self._kept
            if (not choice.ids or _id(letter) in choice.ids)
            and choice.cause in (None, letter.reason)
            and (choice.address is None or _is_for(letter, choice.address))
        ]

    def _row(self, letter: DeadLetter) -> LetterRow:
        return LetterRow(
            id=_id(letter),
            address=letter.target,
            reason=letter.reason,
            at=rfc3339(self._wall(letter.time)),
            message_type=type(letter.message).__qualname__,
            error=letter.error,
        )


def _id(letter: DeadLetter) -> str:
    return f"{IN_MEMORY}{letter.number}"


def _gone(id_: str | None) -> CommandError:
    detail = "no dead letter is like that" if id_ is None else f"no dead letter has the id {id_}"
    return CommandError("no-such-dead-letter", detail, hint="see them all: aplay-host dead list")


def _is_for(letter: DeadLetter, given: str) -> bool:
    text = given if given.startswith("/") else f"/{given}"
    try:
        return letter.target.matches(text) if "*" in text else letter.target == Address(text)
    except BadAddress as error:
        raise CommandError("bad-request", str(error)) from None


def _payload(message: Any) -> tuple[Any, str]:
    """Return `message` as JSON where it is plain, else the start of its ``repr``."""
    try:
        return plain(message), "json"
    except TypeError:
        cut = reprlib.Repr()  # it survives what a guest's __repr__ does
        cut.maxstring = cut.maxother = LONGEST_REPR
        cut.maxlevel = cut.maxlist = cut.maxtuple = cut.maxset = cut.maxdict = 20
        return cut.repr(message), "repr"
