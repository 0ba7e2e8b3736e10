"""The dead letters of a host, those in memory and those in the file: seen, sent again, dropped."""

from __future__ import annotations

import asyncio
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Protocol

from ..control import (
    ErrorRow,
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
from ..errors import (
    BadAddress,
    CommandError,
    MailboxUnavailable,
    StoreCorrupt,
    UnreadableRecord,
)
from ..kernel import Address, DeadLetter, DeadLetters
from ..mailboxes import SqliteEngine, StoredLetter
from .delivery import unavailable
from .rows import WallClock

LONGEST_REPR = 2000
IN_MEMORY, IN_FILE = "m", "d"
"""What the ids of letters begin with, by where they are."""
BATCH = 256
"""How many letters of the file are sent again in one transaction."""

Found = DeadLetter | StoredLetter
Trouble = dict[str, Any] | None
"""The problem that a letter met, None when it was accepted."""


class Post(Protocol):
    """Sends letters again."""

    async def is_durable(self, address: str) -> bool:
        """Tell whether that actor's mail is in the file; raises `CommandError` for no actor."""
        ...

    async def tell(self, address: str, message: Any) -> Trouble:
        """Tell a message."""
        ...


class Letters:
    """The letters that the kernel has in memory and the engine in its file, as one list.

    `wall` turns the kernel's times into dates. A letter of the file that the kernel has as well
    is there once.
    """

    def __init__(self, memory: DeadLetters, mail: SqliteEngine, wall: WallClock) -> None:
        self._memory = memory
        self._mail = mail
        self._wall = wall

    async def page(self, choice: LetterChoice, limit: int | None) -> Page:
        """Return the rows of these letters, the newest first, `limit` at most."""
        is_all = choice == LetterChoice()
        found = await self._matching(choice, limit + 1 if is_all and limit is not None else None)
        rows = [self._row(letter) for letter in reversed(found)]
        cut = rows if limit is None else rows[:limit]
        return Page(cut, None if len(cut) == len(rows) else rows[len(cut)].id)

    async def detail(self, id_: str) -> LetterDetail:
        """Return one letter with what is in it; raises ``no-such-dead-letter``."""
        (letter,) = await self._chosen(LetterChoice((id_,)))
        row = self._row(letter)
        known = {field.name: getattr(row, field.name) for field in fields(row)}
        if isinstance(letter, DeadLetter):
            payload, form = _payload(letter.message)
            return LetterDetail(**known, payload=payload, payload_form=form)
        payload, form = body_of(self._mail, letter.record or b"")
        return LetterDetail(
            **known,
            payload=payload,
            payload_form=form,
            history=() if letter.error is None else (_error_row(letter),),
            traceback=letter.trace,
            sender=letter.sender or None,
        )

    async def replay(
        self, choice: LetterChoice, to: str | None, pause: float, post: Post
    ) -> LetterReport:
        """Send these letters again, `pause` seconds apart; those that are refused are kept."""
        letters, failed = await self._chosen(choice), []
        for place, next_ in enumerate(_batches(letters, 1 if pause else BATCH)):
            if place:
                await asyncio.sleep(pause)  # also 0: who gets them may make room in between
            if isinstance(next_, list):
                failed += await self._revive(next_, to, post)
            elif (trouble := await self._tell_again(next_, to, post)) is not None:
                failed.append(LetterFailure(_id(next_), trouble))
        return LetterReport(len(letters), len(letters) - len(failed), tuple(failed))

    async def _tell_again(self, letter: DeadLetter, to: str | None, post: Post) -> Trouble:
        """Tell a letter, which nobody else finds meanwhile; it is gone once it was accepted."""
        if self._memory.take(letter.number) is None:
            return problem(_gone(_id(letter)))  # somebody was quicker
        accepted = False
        try:
            trouble = await post.tell(to or letter.target, letter.message)
            accepted = trouble is None
        finally:
            if not accepted:
                self._memory.put_back(letter)
        return trouble

    async def _revive(
        self, letters: Sequence[StoredLetter], to: str | None, post: Post
    ) -> list[LetterFailure]:
        """Put letters back into their mailboxes in one transaction; tell those for memory."""
        troubles: dict[int, Trouble] = {}
        durable = []
        for letter in letters:
            try:
                if await post.is_durable(to or letter.address):
                    durable.append(letter.id)
                else:
                    troubles[letter.id] = await self._tell_stored(letter, to, post)
            except CommandError as error:
                troubles[letter.id] = problem(error)
        try:
            done = set(await self._mail.replay(durable, to)) if durable else set()
            troubles |= {id_: problem(_gone(id_of(id_))) for id_ in durable if id_ not in done}
        except (MailboxUnavailable, StoreCorrupt) as error:
            troubles |= dict.fromkeys(durable, problem(unavailable(error)))
        return [LetterFailure(_id(it), told) for it in letters if (told := troubles.get(it.id))]

    async def _tell_stored(self, letter: StoredLetter, to: str | None, post: Post) -> Trouble:
        """Tell a letter of the file to an actor that keeps its mail in memory."""
        with self._mail.claimed([letter.id]) as mine:
            found = await self._mail.dead_letter(letter.id) if mine else None
            if found is None:
                return problem(_gone(_id(letter)))
            return await self._tell_claimed(found, to, post)

    async def _tell_claimed(self, found: StoredLetter, to: str | None, post: Post) -> Trouble:
        try:
            message = self._mail.codec.decode(found.record or b"")
        except UnreadableRecord as error:
            detail = f"{_id(found)} cannot be read: {error}"
            return problem(CommandError("handler-failed", detail))
        trouble = await post.tell(to or found.address, message)
        if trouble is None:
            await self._mail.forget([found.id])
        return trouble

    async def drop(self, choice: LetterChoice) -> LetterReport:
        """Forget these letters, but for those that somebody is sending again."""
        letters = await self._chosen(choice)
        stored = [letter.id for letter in letters if isinstance(letter, StoredLetter)]
        gone = {id_of(id_) for id_ in (await self._mail.drop(stored) if stored else ())}
        for letter in letters:
            if isinstance(letter, DeadLetter) and self._memory.take(letter.number) is not None:
                gone.add(_id(letter))
        left = [id_ for letter in letters if (id_ := _id(letter)) not in gone]
        failed = tuple(LetterFailure(id_, problem(_gone(id_))) for id_ in left)
        return LetterReport(len(letters), len(gone), failed)

    # ---- which -------------------------------------------------------------------------------

    async def _chosen(self, choice: LetterChoice) -> list[Found]:
        """Return these letters, the oldest first; raises ``no-such-dead-letter`` for none."""
        letters = await self._matching(choice)
        missing = sorted(set(choice.ids) - {_id(letter) for letter in letters})
        if missing or not letters:
            raise _gone(missing[0] if missing else None)
        return letters

    async def _matching(self, choice: LetterChoice, limit: int | None = None) -> list[Found]:
        """Return the letters that fit, the oldest first; of the file, the newest `limit`."""
        found: list[Found] = [letter for letter in self._memory if not letter.kept]
        found += await self._stored(choice, limit)
        return sorted((it for it in found if _fits(it, choice)), key=self._at)

    async def _stored(self, choice: LetterChoice, limit: int | None) -> Iterable[StoredLetter]:
        if not self._mail.is_started:
            return ()
        if not choice.ids:
            return reversed(await self._mail.dead_letters(limit))
        numbers = [number for id_ in choice.ids if (number := _number(id_)) is not None]
        found = [await self._mail.dead_letter(number) for number in dict.fromkeys(numbers)]
        return [letter for letter in found if letter is not None]

    # ---- for people --------------------------------------------------------------------------

    def _row(self, letter: Found) -> LetterRow:
        if isinstance(letter, DeadLetter):
            return LetterRow(
                id=_id(letter),
                address=letter.target,
                reason=letter.reason,
                at=rfc3339(self._at(letter)),
                message_type=type(letter.message).__qualname__,
                error=letter.error,
            )
        return LetterRow(
            id=_id(letter),
            address=letter.address,
            reason=letter.reason,
            at=rfc3339(self._at(letter)),
            message_type=letter.type,
            attempts=letter.attempts,
            crashes=letter.crashes,
            size=letter.size,
            error=letter.error,
            replays=letter.replays,
            kept=True,
        )

    def _at(self, letter: Found) -> datetime:
        """Return when the message died."""
        if isinstance(letter, DeadLetter):
            return self._wall(letter.time)
        return datetime.fromtimestamp(letter.at, UTC)


def body_of(mail: SqliteEngine, record: bytes) -> tuple[Any, str]:
    """Return what is in a durable message as JSON, or the start of its bytes, with the form."""
    try:
        return mail.codec.plain(record), "json"
    except UnreadableRecord:
        return record[: LONGEST_REPR // 2].hex(), "hex"


def id_of(number: int) -> str:
    """Return the id of a durable message, which it has as a dead letter, too."""
    return f"{IN_FILE}{number}"


def _id(letter: Found) -> str:
    if isinstance(letter, DeadLetter):
        return f"{IN_MEMORY}{letter.number}"
    return id_of(letter.id)


def _number(id_: str) -> int | None:
    """Return the number of a letter in the file; None for what is no such id."""
    text = id_.removeprefix(IN_FILE)
    is_one = id_ != text and text.isascii() and text.isdigit() and len(text) <= 18
    return int(text) if is_one else None


def _batches(letters: Iterable[Found], size: int) -> Iterator[DeadLetter | list[StoredLetter]]:
    """Yield letters in their order, those of the file up to `size` together."""
    batch: list[StoredLetter] = []
    for letter in letters:
        if batch and (len(batch) == size or isinstance(letter, DeadLetter)):
            yield batch
            batch = []
        if isinstance(letter, StoredLetter):
            batch.append(letter)
        else:
            yield letter
    if batch:
        yield batch


def _error_row(letter: StoredLetter) -> ErrorRow:
    kind, _, text = (letter.error or "").partition(": ")
    return ErrorRow(kind, text, "", rfc3339(datetime.fromtimestamp(letter.at, UTC)))


def _gone(id_: str | None) -> CommandError:
    detail = "no dead letter is like that" if id_ is None else f"no dead letter has the id {id_}"
    return CommandError("no-such-dead-letter", detail, hint="see them all: aplay-host dead list")


def _fits(letter: Found, choice: LetterChoice) -> bool:
    return (
        (not choice.ids or _id(letter) in choice.ids)
        and choice.cause in (None, letter.reason)
        and (choice.address is None or _is_for(letter, choice.address))
    )


def _is_for(letter: Found, given: str) -> bool:
    text = given if given.startswith("/") else f"/{given}"
    try:
        target = letter.target if isinstance(letter, DeadLetter) else Address(letter.address)
        return target.matches(text) if "*" in text else target == Address(text)
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
