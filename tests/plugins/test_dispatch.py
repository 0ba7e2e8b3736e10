"""Calls in order, in isolation and within their limits; all times are virtual seconds."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aplay_host.plugins import Health, HookFailure, HookPlace, Interceptor, hookimpl, hookspecs
from aplay_host.plugins.dispatch import Dispatcher
from aplay_host.plugins.order import explain_place
from aplay_host.testing import VirtualTimeLoop

T = TypeVar("T")
Told = list[str]
STARTED = {"host": None, "system": None}
FAILED = {"ref": None, "spec": None, "failure": None}


def now() -> float:
    return asyncio.get_running_loop().time()


def run(body: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(body)


class Bench:
    """A dispatcher over plugins that tests write as functions."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("aplay_host")
        self.manager.add_hookspecs(hookspecs)
        self.failures: list[HookFailure] = []
        self.dispatcher = Dispatcher(self.manager.hook, self.failures.append)
        self.call, self.enqueue = self.dispatcher.call, self.dispatcher.enqueue

    def add(self, id_: str, function: Callable[..., Any], hook: str, **options: Any) -> None:
        marked = hookimpl(specname=hook, **options)(function)
        self.manager.register(type("Plugin", (), {"hook": staticmethod(marked)})(), id_)

    def types(self) -> list[tuple[str, str]]:
        return [(one.plugin, one.failure.type) for one in self.failures]


@pytest.fixture
def bench() -> Bench:
    return Bench()


DISTS = ("aplay-host", "a", "b", "z")  # the host's own come first
PLUGINS = [
    (f"{dist}/p", band) for dist, band in itertools.product(DISTS, ("tryfirst", "", "trylast"))
]


@given(st.permutations(PLUGINS), st.booleans())
def test_order_does_not_depend_on_registration_order(
    plugins: list[tuple[str, str]], reverse: bool
) -> None:
    bench, told = Bench(), []

    def plugin(name: str) -> Callable[[], None]:
        return lambda: told.append(name)

    for id_, band in plugins:
        name = f"{id_}{band}"
        bench.add(name, plugin(name), "aplay_host_started", **({band: True} if band else {}))
    run(bench.call("aplay_host_started", STARTED, reverse=reverse))
    wanted = [f"{dist}/p{band}" for band in ("tryfirst", "", "trylast") for dist in DISTS]
    assert told == (wanted[::-1] if reverse else wanted)


def test_each_place_in_the_order_can_be_explained(bench: Bench) -> None:
    for id_, band in (("z/p", "tryfirst"), ("b/p", ""), ("a/p", ""), ("aplay-host/p", "")):
        bench.add(id_, lambda: None, "aplay_health", **({band: True} if band else {}))
    found = bench.manager.hook.aplay_health.get_hookimpls()
    explained = [
        explain_place("aplay_health", found, id_, errors=0)
        for id_ in ("z/p", "aplay-host/p", "a/p", "b/p", "c/p")
    ]
    assert explained == [
        HookPlace("aplay_health", 1, 4, "tryfirst, by name"),
        HookPlace("aplay_health", 2, 4, "plain, as the host has it"),
        HookPlace("aplay_health", 3, 4, "plain, by name"),
        HookPlace("aplay_health", 4, 4, "plain, by name"),
        None,
    ]


async def fine() -> None:
    await asyncio.sleep(1)


async def fails() -> None:
    await asyncio.sleep(1)
    raise ValueError("boom")


async def exits() -> None:
    raise SystemExit(3)


async def cancels_itself() -> None:
    raise asyncio.CancelledError


async def cancels_its_task() -> None:
    task = asyncio.current_task()
    assert task
    task.cancel()


async def hangs() -> None:
    await asyncio.Event().wait()


async def ignores() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(60)


def fine_at_once() -> None: ...


def fails_at_once() -> None:
    raise ValueError("boom")


def exits_at_once() -> None:
    raise SystemExit(3)


def gives_a_future() -> asyncio.Future[None]:
    return asyncio.ensure_future(fails())


BEHAVIOURS: dict[Callable[[], Any], tuple[str | None, float]] = {
    fine: (None, 1),
    fails: ("ValueError", 1),
    exits: ("SystemExit", 0),
    cancels_itself: ("CancelledError", 0),
    cancels_its_task: ("CancelledError", 0),
    hangs: ("TimeoutError", 10),
    ignores: ("TimeoutError", 11),
    fine_at_once: (None, 0),
    fails_at_once: ("ValueError", 0),
    exits_at_once: ("SystemExit", 0),
    gives_a_future: ("ValueError", 1),
}


@given(st.lists(st.sampled_from(list(BEHAVIOURS)), max_size=6))
def test_any_mix_of_behaviours_calls_every_impl_once_and_attributes_errors(
    mix: list[Callable[[], Any]],
) -> None:
    bench, told = Bench(), []

    def noted(number: int, behaviour: Callable[[], Any]) -> Callable[[], Any]:
        def hook() -> Any:
            told.append(number)
            return behaviour()

        return hook

    async def call() -> float:
        await bench.call("aplay_host_started", STARTED)
        return now()

    for number, behaviour in enumerate(mix):
        bench.add(f"p{number}/p", noted(number, behaviour), "aplay_host_started")
    took = run(call())
    assert told == list(range(len(mix)))
    expected = [BEHAVIOURS[behaviour] for behaviour in mix]
    assert took == sum(seconds for _, seconds in expected)
    assert bench.types() == [(f"p{n}/p", type_) for n, (type_, _) in enumerate(expected) if type_]
    assert bench.dispatcher.leaked == mix.count(ignores)


async def test_system_exit_in_async_impl_does_not_end_the_loop(bench: Bench) -> None:
    bench.add("a/a", exits, "aplay_host_started")
    await bench.call("aplay_host_started", STARTED)
    assert [one.failure.line() for one in bench.failures] == [
        "aplay_host_started: SystemExit: 3 (tests/plugins/test_dispatch.py:"
        f"{exits.__code__.co_firstlineno + 1})"
    ]


async def test_keyboard_interrupt_in_a_hook_reaches_the_operator(bench: Bench) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    bench.add("a/a", interrupted, "aplay_host_started")
    with pytest.raises(KeyboardInterrupt):
        await bench.call("aplay_host_started", STARTED)


async def test_impl_that_ignores_cancellation_is_abandoned_and_counted(bench: Bench) -> None:
    told, release = [], asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                told.append(now())

    bench.add("a/stubborn", stubborn, "aplay_host_started")
    bench.add("b/next", lambda: told.append(now()), "aplay_host_started")
    await bench.call("aplay_host_started", STARTED)
    assert told == [10.0, 11.0]
    assert bench.dispatcher.leaked == 1
    assert [one.failure.line() for one in bench.failures] == [
        "aplay_host_started: not done after 10 s, and it ignores its cancellation"
    ]
    release.set()
    [left] = [task for task in asyncio.all_tasks() if "a/stubborn" in task.get_name()]
    await left


async def test_own_cancelled_error_is_the_plugins_error(bench: Bench) -> None:
    bench.add("a/a", cancels_itself, "aplay_host_started")
    bench.add("b/b", cancels_its_task, "aplay_host_started")
    await bench.call("aplay_host_started", STARTED)
    assert bench.types() == [("a/a", "CancelledError"), ("b/b", "CancelledError")]


async def test_cancelling_the_host_ends_the_call_and_blames_nobody(bench: Bench) -> None:
    entered, told = asyncio.Event(), []

    async def waits() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    bench.add("a/a", waits, "aplay_host_started")
    bench.add("b/b", lambda: told.append("next"), "aplay_host_started")
    call = asyncio.create_task(bench.call("aplay_host_started", STARTED))
    await entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(0)
    assert (told, bench.failures) == (["ended"], [])


async def test_arguments_are_passed_by_name_and_only_those_wanted(bench: Bench) -> None:
    got: list[object] = []
    bench.add(
        "a/a", lambda system, host=0, more=1: got.append((system, host, more)), "aplay_host_started"
    )
    bench.add("b/b", lambda: got.append("none"), "aplay_host_started")
    await bench.call("aplay_host_started", {"host": "H", "system": "S"})
    assert got == [("S", "H", 1), "none"]


async def test_stopping_runs_all_in_reverse_though_one_raises(bench: Bench) -> None:
    told: Told = []

    def noted(name: str, behaviour: Callable[[], Any]) -> Callable[[], Any]:
        def hook() -> Any:
            told.append(f"{name} at {now():g}")
            return behaviour()

        return hook

    for name, behaviour in (("a", fine), ("b", hangs), ("c", fails), ("d", hangs)):
        bench.add(f"{name}/p", noted(name, behaviour), "aplay_host_stopping")
    await bench.call("aplay_host_stopping", {}, seconds=8.0, reverse=True)
    assert told == ["d at 0", "c at 5", "b at 6", "a at 8"]
    assert bench.types() == [
        ("d/p", "TimeoutError"),
        ("c/p", "ValueError"),
        ("b/p", "TimeoutError"),
        ("a/p", "TimeoutError"),
    ]


async def test_without_time_left_each_is_called_and_none_takes_any(bench: Bench) -> None:
    told: Told = []

    async def stubborn() -> None:
        told.append("stubborn")
        await ignores()

    bench.add("a/next", lambda: told.append("next"), "aplay_host_stopping")
    bench.add("b/stubborn", stubborn, "aplay_host_stopping")
    await bench.call("aplay_host_stopping", {}, seconds=0.0, reverse=True)
    assert (told, now()) == (["stubborn", "next"], 0.0)
    await asyncio.sleep(60)


async def test_slow_lane_delays_only_its_plugin(bench: Bench) -> None:
    told: Told = []

    async def slow(ref: str) -> None:
        await asyncio.sleep(1.5)
        told.append(f"slow {ref} at {now():g}")

    async def quick(ref: str) -> None:
        told.append(f"quick {ref} at {now():g}")

    bench.add("a/slow", slow, "aplay_actor_failed")
    bench.add("b/quick", quick, "aplay_actor_failed")
    for ref in ("/x", "/y"):
        bench.enqueue("aplay_actor_failed", {**FAILED, "ref": ref})
    assert told == []
    await bench.dispatcher.close(60)
    assert told == ["quick /x at 0", "quick /y at 0", "slow /x at 1.5", "slow /y at 3"]
    assert now() == 3.0


async def test_lane_goes_on_after_each_kind_of_failure(bench: Bench) -> None:
    answers = iter([fails, hangs, exits, fine])
    bench.add("a/a", lambda: next(answers)(), "aplay_actor_failed")
    for _ in range(4):
        bench.enqueue("aplay_actor_failed", FAILED)
    await bench.dispatcher.close(60)
    assert [type_ for _, type_ in bench.types()] == ["ValueError", "TimeoutError", "SystemExit"]
    assert now() == 1 + 2 + 0 + 1


async def test_lane_that_has_emptied_takes_new_calls(bench: Bench) -> None:
    told: list[float] = []
    bench.add("a/a", lambda: told.append(now()), "aplay_actor_failed")
    bench.enqueue("aplay_actor_failed", FAILED)
    await asyncio.sleep(5)
    bench.enqueue("aplay_actor_failed", FAILED)
    await asyncio.sleep(5)
    assert told == [0.0, 5.0]


async def test_full_lane_drops_the_newest_and_says_so_once(bench: Bench) -> None:
    told: list[int] = []
    bench.add("a/a", lambda ref: told.append(ref), "aplay_actor_failed")
    for number in range(1030):
        bench.enqueue("aplay_actor_failed", {**FAILED, "ref": number})
    assert [one.failure.line() for one in bench.failures] == [
        "aplay_actor_failed: 1024 calls wait; newer ones are dropped"
    ]
    await bench.dispatcher.close(1)
    assert told == list(range(1024))


async def test_letters_that_found_the_lane_full_are_counted_in_the_next_call(
    bench: Bench,
) -> None:
    told: list[tuple[int, int]] = []
    bench.add("a/a", lambda letter, missed: told.append((letter, missed)), "aplay_dead_letter")
    bench.add("b/b", lambda ref: None, "aplay_actor_failed")
    for number in range(1030):
        bench.enqueue("aplay_dead_letter", {"letter": number, "missed": 0})
    await asyncio.sleep(1)
    for number in (1030, 1031):
        bench.enqueue("aplay_dead_letter", {"letter": number, "missed": 0})
    await bench.dispatcher.close(1)
    assert told[1023:] == [(1023, 0), (1030, 6), (1031, 0)]
    assert bench.dispatcher.dropped == {"a/a": 6}


async def test_closed_dispatcher_takes_no_more_calls_and_starts_no_task(bench: Bench) -> None:
    bench.add("a/a", fine, "aplay_actor_failed")
    await bench.dispatcher.close(0)
    before = asyncio.all_tasks()
    bench.enqueue("aplay_actor_failed", FAILED)
    assert asyncio.all_tasks() == before
    assert bench.failures == []


async def test_close_ends_what_does_not_empty_in_time(bench: Bench) -> None:
    told: list[float] = []

    async def slow() -> None:
        told.append(now())
        await asyncio.sleep(1.5)

    bench.add("a/a", slow, "aplay_actor_failed")
    bench.add("b/b", slow, "aplay_actor_failed")
    for _ in range(5):
        bench.enqueue("aplay_actor_failed", FAILED)
    await bench.dispatcher.close(2.0)
    assert now() == 2.0
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if "a/a" in task.get_name()]
    bench.enqueue("aplay_actor_failed", FAILED)
    await asyncio.sleep(10)
    assert told == [0.0, 0.0, 1.5, 1.5]


async def test_closing_without_a_lane_takes_no_time(bench: Bench) -> None:
    await bench.dispatcher.close(60)
    assert now() == 0.0


# ---- answers -------------------------------------------------------------------------------


ONE = Interceptor("one", lambda handler: handler)


def yields_and_fails() -> Any:
    yield ONE
    raise ValueError("boom")


ANSWERS: dict[Callable[[], Any], tuple[tuple[Interceptor, ...], str | None]] = {
    lambda: None: ((), None),
    lambda: ONE: ((ONE,), None),
    lambda: [ONE, ONE]: ((ONE, ONE), None),
    lambda: (one for one in (ONE,)): ((ONE,), None),
    lambda: [ONE, "x"]: ((), "bad-record"),
    lambda: 5: ((), "bad-record"),
    yields_and_fails: ((), "ValueError"),
    fails_at_once: ((), "ValueError"),
    exits_at_once: ((), "SystemExit"),
    lambda: fine(): ((), "awaitable"),
}


@given(st.lists(st.sampled_from(list(ANSWERS)), max_size=6))
def test_any_mix_of_answers_is_gathered_and_errors_are_attributed(
    mix: list[Callable[[], Any]],
) -> None:
    bench = Bench()
    for number, answer in enumerate(mix):
        bench.add(f"p{number}/p", answer, "aplay_interceptors")
    outcomes = bench.dispatcher.call_now("aplay_interceptors", {"ref": None, "spec": None})
    assert [one.plugin for one in outcomes] == [f"p{number}/p" for number in range(len(mix))]
    assert [one.records for one in outcomes] == [ANSWERS[answer][0] for answer in mix]
    wrong = [(f"p{n}/p", ANSWERS[answer][1]) for n, answer in enumerate(mix)]
    assert bench.types() == [(plugin, type_) for plugin, type_ in wrong if type_]


async def test_awaitable_from_a_plain_hook_is_closed_or_cancelled(bench: Bench) -> None:
    never, coroutine = asyncio.get_running_loop().create_future(), fine()
    bench.add("a/a", lambda: coroutine, "aplay_interceptors")
    bench.add("b/b", lambda: never, "aplay_interceptors")
    bench.dispatcher.call_now("aplay_interceptors", {})
    assert bench.types() == [("a/a", "awaitable"), ("b/b", "awaitable")]
    assert never.cancelled()
    with pytest.raises(RuntimeError, match="cannot reuse"):
        await coroutine


async def test_generator_is_run_within_the_guard_of_an_async_hook(bench: Bench) -> None:
    def generate() -> Any:
        yield Health("disk", "ok")
        raise SystemExit

    bench.add("a/a", generate, "aplay_health")
    bench.add("b/b", lambda: Health("net", "ok"), "aplay_health")
    outcomes = await bench.call("aplay_health", {})
    assert [one.records for one in outcomes] == [(), (Health("net", "ok"),)]
    assert bench.types() == [("a/a", "SystemExit")]


@pytest.mark.parametrize(("milliseconds", "warnings"), [(0, 0), (60, 1), (1500, 0)])
def test_body_that_keeps_the_loop_is_a_warning_once(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    milliseconds: int,
    warnings: int,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    took = milliseconds / 1000
    bench.add("a/a", lambda: now.append(now.pop() + took), "aplay_interceptors")
    for _ in range(2):
        bench.dispatcher.call_now("aplay_interceptors", {})
    assert len(caplog.messages) == warnings
    assert all(line.startswith("plugin a/a: aplay_interceptors kept") for line in caplog.messages)


# ---- what of pluggy is not used ------------------------------------------------------------


async def test_first_answer_does_not_keep_the_others_from_being_asked(bench: Bench) -> None:
    for id_ in ("a/a", "b/b"):
        bench.add(id_, lambda: Health("disk", "ok"), "aplay_health")
    assert [len(one.records) for one in await bench.call("aplay_health", {})] == [1, 1]


async def test_plugin_that_is_registered_late_hears_nothing_of_the_past(bench: Bench) -> None:
    told: Told = []
    await bench.call("aplay_host_started", STARTED)
    bench.add("a/a", lambda: told.append("started"), "aplay_host_started")
    assert told == []
