"""A message that takes the host with it is found, and no other is charged for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aplay_host import Actor

from .rig import Keeper, Stuck, crash_image, rig, until

DURABLE = {"kind": "sqlite"}

pytestmark = pytest.mark.real_time


async def _host_that_dies(folder: Path, image: Path, names: tuple[str, ...]) -> Path:
    """Return the files of a host that was killed with a message of each of `names` in hand."""
    async with rig(folder, actors=(Stuck,)) as it:
        for name in names:
            begun = asyncio.Event()
            kwargs = {"begun": begun}
            ref = await it.system.spawn(
                Stuck, name, kwargs=kwargs, mailbox=DURABLE, stop_timeout=0.01
            )
            await ref.tell(name)
            await ref.tell(f"behind {name}")
            await begun.wait()
        return crash_image(folder, image)


async def _crashes(it: Any, address: str) -> list[int]:
    return [row.crashes for row in await it.engine.peek(address, 10)]


async def test_who_was_in_hand_alone_is_charged_with_one_crash(tmp_path: Path) -> None:
    image = await _host_that_dies(tmp_path / "mail", tmp_path / "image", ("a",))
    async with rig(image) as it:
        assert await _crashes(it, "/a") == [1, 0]
    async with rig(image) as it:  # an orderly start later
        assert await _crashes(it, "/a") == [1, 0]


async def test_in_company_nobody_is_charged(tmp_path: Path) -> None:
    image = await _host_that_dies(tmp_path / "mail", tmp_path / "image", ("a", "b", "c"))
    async with rig(image) as it:
        for address in ("/a", "/b", "/c"):
            assert await _crashes(it, address) == [0, 0]


async def test_after_its_last_crash_it_is_a_dead_letter_and_what_is_behind_it_is_handled(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "mail"
    for death in range(3):
        folder = await _host_that_dies_again(folder, tmp_path / f"image{death}")
    async with rig(folder) as it:
        ref, seen = await it.keeper()
        await it.settled(ref)
        assert seen == ["behind"]
        (letter,) = await it.engine.dead_letters()
        assert (letter.reason, letter.crashes, letter.attempts) == ("crashed", 3, 0)
        assert ref.status().dead == 1


async def _host_that_dies_again(folder: Path, image: Path) -> Path:
    async with rig(folder, actors=(Stuck,)) as it:
        begun = asyncio.Event()
        ref = await it.system.spawn(
            Stuck, "a", kwargs={"begun": begun}, mailbox=DURABLE, stop_timeout=0.01
        )
        if not it.engine.stats().puts and it.row().messages == 0:
            await ref.tell("poison")
            await ref.tell("behind")
        await asyncio.wait_for(begun.wait(), 10)
        return crash_image(folder, image)


async def test_suspects_run_one_at_a_time_before_all_other_mail(tmp_path: Path) -> None:
    image = await _host_that_dies(tmp_path / "mail", tmp_path / "image", ("a", "b", "c"))
    at_once: list[int] = []
    order: list[str] = []
    busy = 0

    class Watched(Actor):
        async def msg_handler(self, msg: Any) -> None:
            nonlocal busy
            busy += 1
            order.append(msg)
            at_once.append(busy)
            await asyncio.sleep(0.01)
            busy -= 1

    async with rig(image) as it:
        refs = [await it.system.spawn(Watched, name, mailbox=DURABLE) for name in "abc"]
        other, seen = await it.keeper("other")
        await other.tell("new")
        for ref in refs:
            await it.settled(ref)
        await it.settled(other)
        assert order[:3] == ["a", "b", "c"]
        assert at_once[:3] == [1, 1, 1]
        assert sorted(order[3:]) == ["behind a", "behind b", "behind c"]
        assert seen == ["new"]


async def test_a_suspect_whose_actor_is_held_is_passed_over(tmp_path: Path) -> None:
    image = await _host_that_dies(tmp_path / "mail", tmp_path / "image", ("a", "b"))
    async with rig(image) as it:
        held = await it.system.spawn(Keeper, "a", kwargs={"seen": []}, mailbox=DURABLE)
        held.stop()
        ref, seen = await it.keeper("b")
        await it.settled(ref)
        assert seen == ["b", "behind b"]
        assert held.status().pending == 2


async def test_a_suspect_without_an_actor_is_passed_over(tmp_path: Path) -> None:
    image = await _host_that_dies(tmp_path / "mail", tmp_path / "image", ("gone",))
    async with rig(image) as it:
        ref, seen = await it.keeper("other")
        await ref.tell("new")
        await until(lambda: seen == ["new"])
        assert it.row("/gone").messages == 2


async def test_a_suspect_that_fails_is_tried_again_and_the_next_one_runs(tmp_path: Path) -> None:
    image = await _host_that_dies(tmp_path / "mail", tmp_path / "image", ("a", "b"))
    async with rig(image) as it:
        bad, tried = await it.keeper("a", bad=("a",), retry_base=100.0, retry_cap=100.0)
        ref, seen = await it.keeper("b")
        await it.settled(ref)
        assert (tried, seen) == (["a"], ["b", "behind b"])
        assert bad.status().pending == 2
