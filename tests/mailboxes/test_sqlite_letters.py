"""Dead letters are kept, looked at, sent again and dropped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aplay_host.errors import MailboxUnavailable
from aplay_host.mailboxes import EngineSettings

from .rig import Rig, rig, until

pytestmark = pytest.mark.real_time


async def _dead(it: Rig, count: int, name: str = "a") -> None:
    """Let `count` messages of an actor die, in order."""
    ref, _ = await it.keeper(name, bad=range(count), max_attempts=1)
    for number in range(count):
        await ref.tell(number)
    await it.settled(ref)
    await ref.remove()


async def test_letters_are_listed_newest_first_and_shown_with_their_record(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 5)
    async with rig(tmp_path) as it:
        letters = await it.engine.dead_letters()
        ids = [letter.id for letter in letters]
        assert ids == sorted(ids, reverse=True)
        assert [letter.record for letter in letters] == [None] * 5
        assert len(await it.engine.dead_letters(2)) == 2
        first = await it.engine.dead_letter(ids[-1])
        assert first is not None
        assert first.record is not None
        assert it.engine.codec.plain(first.record) == 0
        assert await it.engine.dead_letter(1) is None
        assert it.engine.stats().dead == 5


async def test_a_replayed_letter_is_a_message_again_with_its_id_and_without_its_counts(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 3)
        letters = await it.engine.dead_letters()
        ids = [letter.id for letter in letters]
        assert await it.engine.replay([*ids, 7]) == tuple(ids)
        assert await it.engine.dead_letters() == ()
        rows = await it.engine.peek("/a", 10)
        assert [row.id for row in rows] == sorted(ids)
        assert {(row.attempts, row.replays) for row in rows} == {(0, 1)}
        ref, seen = await it.keeper(bad=(1,), max_attempts=2)
        await it.settled(ref)
        assert seen == [0, 1, 1, 2]
        (letter,) = await it.engine.dead_letters()
        assert (letter.id, letter.replays) == (sorted(ids)[1], 1)


async def test_more_letters_than_one_statement_can_name_are_all_replayed(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ref, _ = await it.keeper(capacity=100_000, durability="process")
        await ref.stop()
        many = 33_000
        await asyncio.gather(*(ref.tell(number) for number in range(many)))
        await ref.remove()
        ids = [letter.id for letter in await it.engine.dead_letters()]
        assert len(await it.engine.replay(ids)) == many
        assert it.engine.problem is None
        assert (it.row().messages, it.engine.stats().dead) == (many, 0)


async def test_letters_can_be_sent_to_another_address(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 2)
        ref, seen = await it.keeper("other")
        ids = [letter.id for letter in await it.engine.dead_letters()]
        await it.engine.replay(ids, to="/other")
        await it.settled(ref)
        assert seen == [0, 1]


async def test_a_letter_that_two_people_replay_is_sent_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 1)
        (letter,) = await it.engine.dead_letters()
        both = await asyncio.gather(it.engine.replay([letter.id]), it.engine.replay([letter.id]))
        assert sorted(both, key=len) == [(), (letter.id,)]
        assert len(await it.engine.peek("/a", 10)) == 1


async def test_a_letter_that_is_replayed_is_not_dropped_as_well(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 1)
        (letter,) = await it.engine.dead_letters()
        sent, gone = await asyncio.gather(
            it.engine.replay([letter.id]), it.engine.drop([letter.id])
        )
        assert (sent, gone) == ((letter.id,), ())
        assert (len(await it.engine.peek("/a", 10)), it.engine.stats().dead) == (1, 0)


async def test_dropped_letters_are_gone(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 3)
        ids = [letter.id for letter in await it.engine.dead_letters()]
        assert await it.engine.drop([ids[0], 99]) == (ids[0],)
        assert [letter.id for letter in await it.engine.dead_letters()] == ids[1:]
        assert it.engine.stats().dead == 2


async def test_no_more_letters_are_kept_than_the_settings_say(tmp_path: Path) -> None:
    async with rig(tmp_path, settings=EngineSettings(dead_keep=3)) as it:
        await _dead(it, 10)
        await until(lambda: it.engine.stats().outstanding == 0)
        await it.engine.link.flush()
        letters = await it.engine.dead_letters()
        assert [it.engine.codec.plain(await _record(it, one.id)) for one in letters] == [9, 8, 7]
        assert it.engine.stats().dead == 3


async def _record(it: Rig, id_: int) -> bytes:
    letter = await it.engine.dead_letter(id_)
    assert letter is not None
    assert letter.record is not None
    return letter.record


async def test_a_backup_is_whole_and_the_owners_alone(tmp_path: Path) -> None:
    async with rig(tmp_path / "mail") as it:
        await _dead(it, 2)
        ref, _ = await it.keeper("b")
        await ref.stop()
        await ref.tell("waits")
        (tmp_path / "copy").mkdir(mode=0o700)
        copy = tmp_path / "copy" / "mail.db"
        assert await it.engine.backup(copy) == copy.stat().st_size
        assert copy.stat().st_mode & 0o777 == 0o600
        with pytest.raises(FileExistsError):
            await it.engine.backup(copy)
    async with rig(tmp_path / "copy") as it:
        assert len(await it.engine.dead_letters()) == 2
        assert len(await it.engine.peek("/b", 5)) == 1


@pytest.mark.parametrize("name", ["copy.db", "mail.db-journal", "inflight.new"])
async def test_a_backup_beside_the_mail_is_refused(tmp_path: Path, name: str) -> None:
    """Under some of these names the next start would remove it."""
    async with rig(tmp_path / "mail") as it:
        await it.keeper()
        with pytest.raises(OSError, match="another folder"):
            await it.engine.backup(tmp_path / "mail" / ".." / "mail" / name)
        assert not (tmp_path / "mail" / name).exists()


async def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        engine = it.engine
    with pytest.raises(MailboxUnavailable, match="is closed"):
        await engine.dead_letters()
    assert engine.problem is not None


async def test_a_replay_that_the_end_of_the_host_overtakes_is_told_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await _dead(it, 1)
        (letter,) = await it.engine.dead_letters()
        replay = asyncio.ensure_future(it.engine.replay([letter.id]))
        await asyncio.sleep(0)  # it has asked for the letter
        await it.engine.stop()
        with pytest.raises(MailboxUnavailable, match="closed"):
            await asyncio.wait_for(replay, 1)
