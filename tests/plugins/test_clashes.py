"""Who has a kind of mailbox that more than one plugin offers."""

from __future__ import annotations

import pytest

from aplay_host.plugins import MailboxRegistration
from aplay_host.plugins.clashes import KindOffer, plan_kinds


def make(address: object, spec: object) -> None:
    """Make nothing."""


def offer(plugin: str, kind: str = "ring") -> KindOffer:
    return KindOffer(plugin, MailboxRegistration(kind, make, survives="nothing"))


BUILT_IN = offer("aplay-host/mailboxes", "memory")
ACME, TOOLBOX, CASE = offer("acme/queues"), offer("toolbox/extras"), offer("case/x")


@pytest.mark.parametrize(
    ("offers", "standing", "kept", "refused"),
    [
        ([ACME], [], ["acme/queues"], []),
        ([TOOLBOX, ACME], [], [], ["toolbox/extras", "acme/queues"]),
        ([ACME, TOOLBOX, CASE], [], [], ["acme/queues", "toolbox/extras", "case/x"]),
        ([ACME], [TOOLBOX], ["toolbox/extras"], ["acme/queues"]),
        ([offer("acme/queues", "memory")], [BUILT_IN], ["aplay-host/mailboxes"], ["acme/queues"]),
        ([ACME, offer("b/b", "pile")], [], ["acme/queues", "b/b"], []),
        ([ACME, ACME], [], [], ["acme/queues", "acme/queues"]),
    ],
)
def test_who_has_a_kind(
    offers: list[KindOffer], standing: list[KindOffer], kept: list[str], refused: list[str]
) -> None:
    plan = plan_kinds(offers, {one.record.kind: one for one in standing})
    assert [one.plugin for one in plan.kinds.values()] == kept
    assert [one.plugin for one, _ in plan.refused] == refused


def test_each_owner_is_told_of_all_the_others_and_what_to_do() -> None:
    texts = {text for _, text in plan_kinds([TOOLBOX, ACME], {}).refused}
    assert texts == {
        'mailbox kind "ring" is offered by acme/queues and toolbox/extras; '
        'disable one: [plugins] disable = ["acme/queues"]'
    }


def test_newcomer_is_told_to_go_and_not_the_one_that_stands() -> None:
    ((_, text),) = plan_kinds([offer("acme/queues", "memory")], {"memory": BUILT_IN}).refused
    assert text == (
        'mailbox kind "memory" is offered by acme/queues and aplay-host/mailboxes; '
        'disable one: [plugins] disable = ["acme/queues"]'
    )


def test_one_plugin_that_offers_a_kind_twice_is_told_so() -> None:
    texts = {text for _, text in plan_kinds([ACME, ACME], {}).refused}
    assert texts == {'mailbox kind "ring" is offered twice by acme/queues'}
