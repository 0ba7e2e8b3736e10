"""A message that fails is tried again, first in line, and is a dead letter in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aplay_host import Actor, ActorSystem, MessageTooLarge, Unencodable
from aplay_host.mailboxes import EngineSettings, accept

from .rig import QUICK, Keeper, Order, rig, until

pytestmark = pytest.mark.real_time


async def test_a_message_is_dead_after_exactly_as_many_attempts_as_it_may_have(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper(bad=("poison",), max_attempts=4)
        await ref.tell("poison")
        await ref.tell("after")
        await it.settled(ref)
        assert seen == ["poison"] * 4 + ["after"]  # nothing passes it
        (letter,) = await it.engine.dead_letters()
        assert (letter.reason, letter.attempts, letter.crashes) == ("max_attempts", 4, 0)
        assert letter.error == "ValueError: no poison"
        assert letter.trace is not None
        assert "msg_handler" in letter.trace
        status = ref.status()
        assert (status.handled, status.failed, status.dead) == (1, 0, 1)


async def test_attempts_are_counted_over_a_restart_of_the_host(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper(bad=("poison",), retry_base=100.0, retry_cap=100.0)
        await ref.tell("poison")
        await until(lambda: it.engine.stats().retries == 1)
        assert seen == ["poison"]
        assert it.row().retrying == 1
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper(bad=("poison",), max_attempts=3)
        await it.settled(ref)
        assert seen == ["poison"] * 2  # at once, and with the one before
        assert it.row().retrying == 0


async def test_what_is_to_be_tried_again_is_counted_once_when_its_actor_comes_back(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper(bad=("poison",), retry_base=100.0, retry_cap=100.0)
        await ref.tell("poison")
        await until(lambda: it.engine.stats().retries == 1)
        await it.system.shutdown()
        assert it.row().retrying == 0
        async with ActorSystem(mailboxes=it.engine.make_mailbox) as system:
            kwargs = {"seen": [], "bad": ("poison",)}
            later = QUICK | {"retry_base": 100.0, "retry_cap": 100.0}
            await system.spawn(Keeper, "a", kwargs=kwargs, mailbox=later)
            await until(lambda: it.engine.stats().retries == 2)
            assert it.row().retrying == 1


async def test_a_refusal_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        await ref.tell("refused")
        await it.settled(ref)
        assert seen == ["refused"]
        (letter,) = await it.engine.dead_letters()
        assert (letter.reason, letter.error) == ("rejected", "Refuse: not this")


async def test_a_failed_request_is_not_tried_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper(bad=("bad",))
        try:
            await ref.ask("bad")
        except ValueError:
            pass
        await it.settled(ref)
        assert seen == ["bad"]
        assert await it.engine.dead_letters() == ()
        assert ref.status().failed == 1


async def test_with_several_tasks_others_pass_what_waits_for_its_second_try(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        kwargs: dict[str, Any] = {"seen": [], "bad": ("poison",)}
        mailbox = QUICK | {"retry_base": 100.0, "retry_cap": 100.0}
        ref = await it.system.spawn(Keeper, "a", kwargs=kwargs, mailbox=mailbox, max_tasks=2)
        await ref.tell("poison")
        await ref.tell("other")
        await until(lambda: "other" in kwargs["seen"])
        assert it.row().retrying == 1


async def test_mail_of_an_unknown_type_waits_as_a_dead_letter_until_the_type_is_there(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper()
        await ref.stop()
        await ref.tell(Order("a"))
        await ref.tell("plain")
        await ref.tell(Order("b"))
    async with rig(tmp_path, actors=()) as it:  # its plugin is not there
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == ["plain"]
        letters = await it.engine.dead_letters()
        assert {letter.reason for letter in letters} == {"no_handler"}
        assert {letter.type for letter in letters} == {"acme-rig:Order@1"}
        new = accept(it.engine.codec.types, Keeper)
        it.engine.types_known(new)
        await until(lambda: len(seen) == 3)
        assert seen[1:] == [Order("a"), Order("b")]
        assert await it.engine.dead_letters() == ()


async def test_a_record_that_is_not_what_was_written_is_corrupt(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper()
        await ref.stop()
        await ref.tell("whole")
    _spoil(tmp_path)
    async with rig(tmp_path) as it:
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == []
        (letter,) = await it.engine.dead_letters()
        assert letter.reason == "corrupt"
        detail = await it.engine.dead_letter(letter.id)
        assert detail is not None
        assert detail.record == b"spoiled"  # as it is, for whoever can make something of it


def _spoil(folder: Path) -> None:
    import sqlite3

    with sqlite3.connect(folder / "mail.db") as db:
        db.execute("UPDATE msg SET body = ?", (b"spoiled",))
    db.close()


async def test_an_error_that_no_file_can_have_is_kept_as_far_as_it_can(tmp_path: Path) -> None:
    class Odd(Actor):
        async def msg_handler(self, msg: Any) -> None:
            raise ValueError("half a character: \udc80")

    async with rig(tmp_path) as it:
        ref = await it.system.spawn(Odd, "a", mailbox=QUICK | {"max_attempts": 1})
        await ref.tell(1)
        await it.settled(ref)
        (letter,) = await it.engine.dead_letters()
        assert letter.error == "ValueError: half a character: ?"
        assert it.engine.problem is None


async def test_a_message_over_the_limit_is_refused_where_it_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=EngineSettings(max_body=100)) as it:
        ref, _ = await it.keeper()
        with pytest.raises(MessageTooLarge):
            await ref.tell("x" * 200)
        with pytest.raises(Unencodable):
            ref.tell_nowait({1, 2})
        assert ref.status().accepted == 0
        assert it.row().messages == 0
