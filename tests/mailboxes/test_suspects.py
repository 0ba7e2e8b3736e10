"""Who is charged with the death of a host is decided from what was in hand."""

from __future__ import annotations

import pytest

from aplay_host.mailboxes.suspects import BootPlan, plan_boot


@pytest.mark.parametrize(
    ("listed", "rows", "plan"),
    [
        ((), (), BootPlan()),
        ((), (1,), BootPlan()),
        ((1,), (1, 2), BootPlan((1,), (1,))),
        ((1,), (2,), BootPlan()),  # its outcome was committed
        ((1, 2, 3), (1, 2, 3, 4), BootPlan((), (1, 2, 3))),
        ((1, 2), (2,), BootPlan((), (2,))),
    ],
)
def test_only_who_was_alone_is_charged(
    listed: tuple[int, ...], rows: tuple[int, ...], plan: BootPlan
) -> None:
    assert plan_boot(listed, rows) == plan
