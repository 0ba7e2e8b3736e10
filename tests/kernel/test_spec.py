"""Settings come from four places, and the later one wins."""

from __future__ import annotations

from typing import Any

import pytest

from aplay_host.kernel import SETTINGS, Actor, ActorSpec, ActorSystem, MailboxSpec, class_settings

from .actors import Recorder


class Base(Actor):
    max_tasks = 2
    mailbox = {"capacity": 5}  # noqa: RUF012 - the way an author writes it
    stop_timeout = 1.0


class Derived(Base):
    max_tasks = 3


def test_built_in_settings_hold_where_nobody_says_otherwise() -> None:
    spec = ActorSpec.of(Actor)
    assert spec == ActorSpec(Actor)
    assert (spec.max_tasks, spec.start_timeout, spec.stop_timeout) == (1, 30.0, 5.0)
    assert spec.mailbox == MailboxSpec("memory", 10_000, "reject")


def test_later_layers_win_setting_by_setting() -> None:
    spec = ActorSpec.of(
        Derived,
        defaults={"max_tasks": 9, "start_timeout": 8.0, "stop_timeout": 7.0},
        settings={"stop_timeout": 2.0},
    )
    assert (spec.max_tasks, spec.start_timeout, spec.stop_timeout) == (3, 8.0, 2.0)


def test_the_mailbox_is_merged_key_by_key() -> None:
    spec = ActorSpec.of(
        Base, defaults={"mailbox": {"capacity": 9, "overflow": "wait"}}, settings={}
    )
    assert spec.mailbox == MailboxSpec(capacity=5, overflow="wait")
    spec = ActorSpec.of(Base, settings={"mailbox": {"capacity": 1}})
    assert spec.mailbox == MailboxSpec(capacity=1)


def test_a_setting_of_none_says_nothing() -> None:
    assert ActorSpec.of(Base, settings={"max_tasks": None, "mailbox": None}).max_tasks == 2


def test_a_class_states_what_it_and_its_bases_state() -> None:
    assert class_settings(Derived) == {
        "max_tasks": 3,
        "mailbox": {"capacity": 5},
        "stop_timeout": 1.0,
    }
    assert class_settings(Recorder) == {}


def test_the_names_of_settings_are_known() -> None:
    assert {
        *("max_tasks", "mailbox", "on_error", "restart", "strategy", "budget", "backoff"),
        *("start_timeout", "stop_timeout", "ask_timeout"),
    } == SETTINGS


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_tasks": 0}, "max_tasks: got 0"),
        ({"max_tasks": 1.5}, "max_tasks: got 1.5"),
        ({"mailbox": {"capacity": 0}}, "capacity: got 0"),
        ({"mailbox": {"capacity": "9"}}, "capacity: got '9'"),
        (
            {"mailbox": {"overflow": "explode"}},
            "overflow: got 'explode', want reject, wait, drop_",
        ),
        ({"on_error": "explode"}, "on_error: got 'explode', want resume, restart, stop or escal"),
        ({"on_error": {ValueError: "explode"}}, "on_error: got 'explode'"),
        ({"restart": "always"}, "restart: got 'always', want permanent, transient or temporary"),
        ({"strategy": "all"}, "strategy: got 'all', want one_for_one, one_for_all or rest_for"),
        ({"budget": {"max": -1}}, r"budget: got .*max=-1.*, want max >= 0"),
        ({"budget": {"within": 0}}, "budget: got .*within=0.*, want .* within > 0"),
        ({"backoff": {"initial": -1}}, "backoff: got .*initial=-1.*, want initial >= 0"),
        ({"backoff": {"factor": 0.5}}, "backoff: got .*factor=0.5.*, want .* factor >= 1"),
        ({"backoff": {"max": -1}}, "backoff: got .*max=-1.*, want .* max >= 0"),
        ({"backoff": {"jitter": 2}}, "backoff: got .*jitter=2.*, want .* jitter from 0 to 1"),
    ],
)
async def test_a_setting_out_of_range_is_refused_and_leaves_nothing(
    system: ActorSystem, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        await system.spawn(Recorder, "a", **settings)
    assert system.tree() == []


async def test_a_setting_that_does_not_exist_is_refused_with_those_that_do(
    system: ActorSystem,
) -> None:
    with pytest.raises(TypeError, match=r"'max_task'.*max_tasks"):
        await system.spawn(Recorder, "a", max_task=3)
    with pytest.raises(TypeError, match="capazity"):
        await system.spawn(Recorder, "a", mailbox={"capazity": 3})
    assert system.tree() == []


async def test_spawn_hands_options_over_as_they_are(system: ActorSystem) -> None:
    options = {"path": object()}
    await system.spawn(Recorder, "a", options=options)
    actor = system.cell_at(system.ref("/a").address)
    assert actor is not None
    assert actor.behaviour is not None
    assert actor.behaviour.options is options


@pytest.mark.parametrize("name", ["start_timeout", "stop_timeout"])
@pytest.mark.parametrize("value", ["5s", -1, float("nan"), float("-inf"), True])
def test_a_time_out_is_a_number_of_seconds(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name}: got .*, want seconds >= 0"):
        ActorSpec.of(Actor, settings={name: value})


def test_a_start_may_take_for_ever_and_a_stop_may_not() -> None:
    endless = float("inf")
    assert ActorSpec.of(Actor, settings={"start_timeout": endless}).start_timeout == endless
    with pytest.raises(ValueError, match="stop_timeout: got inf"):
        ActorSpec.of(Actor, settings={"stop_timeout": endless})
