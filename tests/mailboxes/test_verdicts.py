"""What becomes of a message is decided from its row, its outcome and its box's settings."""

from __future__ import annotations

import pytest

from aplay_host.kernel import HANDLED, RELEASED, Failed, Handled, Outcome, Refuse
from aplay_host.mailboxes import BoxOptions
from aplay_host.mailboxes.verdicts import Buried, Fate, Retried, Returned, Settled, plan_settle

ERROR = Failed(ValueError("no"))


@pytest.mark.parametrize(
    ("attempts", "unreadable", "outcome", "fate"),
    [
        (0, None, HANDLED, Settled()),
        (4, None, Handled(b"state"), Settled()),
        (0, None, RELEASED, Returned()),
        (4, None, RELEASED, Returned()),
        (0, None, ERROR, Retried(1, 0.5)),
        (1, None, ERROR, Retried(2, 1.0)),
        (2, None, ERROR, Retried(3, 2.0)),
        (3, None, ERROR, Retried(4, 3.0)),  # the cap
        (4, None, ERROR, Buried("max_attempts", 5)),
        (9, None, ERROR, Buried("max_attempts", 10)),  # the settings were changed meanwhile
        (1, None, Failed(Refuse("never")), Buried("rejected", 1)),
        (0, "no_handler", ERROR, Buried("no_handler", 0)),
        (0, "corrupt", RELEASED, Returned()),
    ],
)
def test_each_outcome_has_one_fate(
    attempts: int, unreadable: str | None, outcome: Outcome, fate: Fate
) -> None:
    options = BoxOptions(max_attempts=5, retry_base=0.5, retry_cap=3.0)
    assert plan_settle(attempts, unreadable, outcome, options) == fate


def test_a_delay_is_never_more_than_the_cap_after_any_number_of_attempts() -> None:
    options = BoxOptions(max_attempts=10_000, retry_base=0.5, retry_cap=300.0)
    assert plan_settle(9_000, None, ERROR, options) == Retried(9_001, 300.0)


def test_a_cap_below_the_first_pause_is_what_counts() -> None:
    options = BoxOptions(retry_base=0.5, retry_cap=0.1)
    assert plan_settle(0, None, ERROR, options) == Retried(1, 0.1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"durability": "disk"}, "durability: got 'disk'"),
        ({"max_attempts": 0}, "max_attempts: got 0"),
        ({"max_crashes": 0}, "max_crashes: got 0"),
        ({"retry_base": -1.0}, "retry_base: got -1.0"),
        ({"retry_cap": -1.0}, "retry_cap: got -1.0"),
    ],
)
def test_a_setting_out_of_range_is_told_by_its_name(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        BoxOptions(**wrong)  # type: ignore[arg-type]
