from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from counter import Counter

from aplay_host import ActorRef, ActorSystem
from aplay_host.testing import reload_harness

SOURCES = Path(__file__).parents[1] / "src"


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with ActorSystem("test") as system:
        yield system


async def start(system: ActorSystem, options: Counter.Options) -> ActorRef:
    return await system.spawn(Counter, "counter", options=options)


async def test_every_message_is_answered_with_the_total(system: ActorSystem) -> None:
    counter = await start(system, Counter.Options())
    assert await counter.ask({"get": "total"}) == 0
    assert await counter.ask({"n": 1}) == 1
    assert await counter.ask({"n": 4}) == 5
    assert await counter.ask({"get": "total"}) == 5


async def test_told_messages_count_before_a_later_question(system: ActorSystem) -> None:
    counter = await start(system, Counter.Options())
    for _ in range(100):
        await counter.tell({"n": 1})
    assert await counter.ask({"get": "total"}) == 100


async def test_options_say_where_to_start_and_how_far_a_step_goes(system: ActorSystem) -> None:
    counter = await start(system, Counter.Options(start=100, step=-10))
    assert await counter.ask({"n": 2}) == 80


async def test_two_counters_keep_totals_of_their_own(system: ActorSystem) -> None:
    one = await system.spawn(Counter, "one", options=Counter.Options())
    two = await system.spawn(Counter, "two", options=Counter.Options())
    await one.ask({"n": 1})
    assert await two.ask({"get": "total"}) == 0


@pytest.mark.parametrize("message", [None, "total", {"n": "1"}, {"get": "lines"}, {}])
async def test_unknown_message_raises_and_names_the_known_ones(
    system: ActorSystem, message: object
) -> None:
    counter = await start(system, Counter.Options(start=7))
    with pytest.raises(ValueError, match=r'\{"n": 1\} and \{"get": "total"\}, got'):
        await counter.ask(message)
    assert await counter.ask({"get": "total"}) == 7, "a bad message must not change the total"


async def test_total_survives_an_edit_of_the_code() -> None:
    toml = 'actors."/counter" = { use = "counter", options = { start = 5 } }'
    async with reload_harness(SOURCES, toml) as live:
        assert await live.ask("/counter", {"n": 1}) == 6
        report = await live.edit("counter.py", 'case {"get": "total"}', 'case {"get": "sum"}')
        assert report.outcome == "committed"
        assert await live.ask("/counter", {"get": "sum"}) == 6
