"""Two plugins that offer a mailbox of the same kind: who has it, and what each is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..kernel import in_memory
from .records import MailboxRegistration


@dataclass(frozen=True, slots=True)
class KindOffer:
    """One kind of mailbox, and the ``dist/name`` of the plugin that offers it."""

    plugin: str
    record: MailboxRegistration


OWN_MAILBOXES = "aplay-host/mailboxes"
"""Who offers the kinds that no plugin does."""
BUILT_IN = {
    "memory": KindOffer(OWN_MAILBOXES, MailboxRegistration("memory", in_memory, survives="restart"))
}
"""The kinds that are there without anybody's offering them."""


@dataclass(frozen=True, slots=True)
class KindPlan:
    """The kinds that count, and the offers that do not, each with what to tell its plugin."""

    kinds: Mapping[str, KindOffer]
    refused: tuple[tuple[KindOffer, str], ...] = ()


def plan_kinds(offers: Sequence[KindOffer], standing: Mapping[str, KindOffer]) -> KindPlan:
    """Decide which of `offers` count beside the kinds that are `standing` already.

    ==========================  ==========================
    a kind is                   then
    ==========================  ==========================
    standing                    the newcomers are refused
    offered once                it counts
    offered more than once      all its offers are refused
    ==========================  ==========================
    """
    kinds, refused = dict(standing), []
    for offer in offers:
        kind = offer.record.kind
        rivals = [one.plugin for one in offers if one.record.kind == kind]
        owners = [standing[kind].plugin, offer.plugin] if kind in standing else rivals
        if len(owners) > 1:
            refused.append((offer, _clash(kind, owners)))
        else:
            kinds[kind] = offer
    return KindPlan(kinds, tuple(refused))


def _clash(kind: str, owners: Sequence[str]) -> str:
    """Return what to tell; the last owner is the one that can be disabled in any case."""
    if len(set(owners)) == 1:
        return f'mailbox kind "{kind}" is offered twice by {owners[0]}'
    names = sorted(set(owners))
    named = f"{', '.join(names[:-1])} and {names[-1]}"
    cure = f'disable one: [plugins] disable = ["{owners[-1]}"]'
    return f'mailbox kind "{kind}" is offered by {named}; {cure}'
