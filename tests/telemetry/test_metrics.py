"""The page for Prometheus, as Prometheus's own parser reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aplay_host.kernel import ActorSystem
from aplay_host.telemetry.families import FAMILIES

from .counted import Worker, made, of, read


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with ActorSystem("test") as system:
        yield system


async def test_a_parser_finds_every_family_with_its_kind_and_labels(system: ActorSystem) -> None:
    _, metrics = made(
        system,
        plugins=lambda: ["active", "active", "failed"],
        hook_errors=lambda: {("acme/x", "aplay_health"): 3},
        per_address=lambda: ["/a"],
    )
    ref = await system.spawn(Worker, "a", on_error="restart", mailbox={"capacity": 1})
    ref.tell_nowait("raise")
    await asyncio.sleep(10)
    system.ref("/nobody").tell_nowait(1)
    ref.tell_nowait(100)
    await asyncio.sleep(1)
    ref.tell_nowait(1)
    with pytest.raises(Exception, match="full"):
        ref.tell_nowait(2)
    metrics.count_request("/v1/actors", 200)
    metrics.count_stall("Worker")
    metrics.observe_lag(0.3)
    metrics.count_reload("all", "command", "committed", 0.2)
    found = {it.name: it for it in text_string_to_metric_families((await metrics.text()).decode())}
    assert set(found) == {name.removesuffix("_total") for name in FAMILIES}
    for name, family in FAMILIES.items():
        it = found[name.removesuffix("_total")]
        labels = {label for sample in it.samples for label in sample.labels} - {"le"}
        assert (it.type, labels) == (family.kind, set(family.labels)), name
        assert it.documentation == family.text


async def test_what_was_told_is_in_the_page(system: ActorSystem) -> None:
    _, metrics = made(system, stream_clients=lambda: 3, log_dropped=lambda: 12)
    for _ in range(2):
        metrics.count_request("/v1/actors", 404)
        metrics.count_stall("acme/x")
    metrics.count_reload("all", "watcher", "refused", 9.0)
    metrics.count_reload("config", "signal", "committed", 0.25)
    metrics.note_config(False)
    for seconds in (0.001, 0.1, 0.2, 60):
        metrics.observe_lag(seconds)
    series = await read(metrics)
    assert of(series, "aplay_control_requests_total", route="/v1/actors", code="404") == 2
    assert of(series, "aplay_loop_stalls_total", actor_type="acme/x") == 2
    told = {"scope": "all", "trigger": "watcher", "outcome": "refused"}
    assert of(series, "aplay_reloads_total", **told) == 1
    assert of(series, "aplay_reload_last_seconds", scope="config") == 0.25
    assert ("aplay_reload_last_seconds", frozenset({("scope", "all")})) not in series
    assert of(series, "aplay_config_last_reload_successful") == 0
    assert of(series, "aplay_stream_clients") == 3
    assert of(series, "aplay_log_dropped_total") == 12
    assert of(series, "aplay_loop_lag_seconds_bucket", le="0.005") == 1
    assert of(series, "aplay_loop_lag_seconds_bucket", le="0.1") == 2
    assert of(series, "aplay_loop_lag_seconds_bucket", le="+Inf") == 4
    assert of(series, "aplay_loop_lag_seconds_count") == 4
    assert of(series, "aplay_loop_lag_seconds_sum") == pytest.approx(60.301)


async def test_accepted_is_what_is_settled_and_what_is_pending(system: ActorSystem) -> None:
    _, metrics = made(system)
    ref = await system.spawn(Worker, "a")
    for message in ("raise", "refuse", "x", 100, 1, 2):
        ref.tell_nowait(message)
    await asyncio.sleep(1)
    series = await read(metrics)
    settled = [
        of(series, "aplay_messages_settled_total", actor_type="Worker", outcome=outcome)
        for outcome in ("handled", "failed", "dead")
    ]
    pending = of(series, "aplay_messages_pending", actor_type="Worker", kind="memory")
    assert (settled, pending) == ([2, 1, 0], 3)
    assert of(series, "aplay_messages_accepted_total", actor_type="Worker") == 6


async def test_every_state_has_a_series_so_that_an_alert_can_end(system: ActorSystem) -> None:
    _, metrics = made(system)
    await system.spawn(Worker, "a")
    series = await read(metrics)
    assert of(series, "aplay_actors", actor_type="Worker", state="running") == 1
    assert of(series, "aplay_actors", actor_type="Worker", state="failed") == 0


async def test_a_label_may_be_any_text(system: ActorSystem) -> None:
    texts = ('quo"te', "back\\slash", "new\nline", "half \ud800")
    _, metrics = made(system, dead_letters=lambda: dict.fromkeys(texts, 1))
    reasons = {dict(labels).get("reason") for _, labels in await read(metrics)}
    assert reasons >= {'quo"te', "back\\slash", "new\nline", "half ?"}


async def test_reasons_of_dead_letters_are_finite(system: ActorSystem) -> None:
    _, metrics = made(system, dead_letters=lambda: {f"because {n}": 1 for n in range(80)})
    series = await read(metrics)
    assert of(series, "aplay_dead_letters_total", reason="other") == 30


async def test_two_hosts_of_one_process_have_metrics_of_their_own(system: ActorSystem) -> None:
    _, one = made(system)
    async with ActorSystem("other") as other:
        _, two = made(other)
        one.count_stall("x")
        assert ("aplay_loop_stalls_total", frozenset({("actor_type", "x")})) not in await read(two)


async def test_a_page_leaves_the_loop_to_others_while_it_looks(system: ActorSystem) -> None:
    _, metrics = made(system)
    top = await system.spawn(Worker, "top")
    for n in range(1100):
        await system.spawn(Worker, f"a{n}", parent=top)
    turns, ended = 0, asyncio.Event()

    async def count() -> None:
        nonlocal turns
        while not ended.is_set():
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    before = turns
    await metrics.text()
    ended.set()
    await counting
    assert turns - before >= 3
