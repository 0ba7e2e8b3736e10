"""Actors that are counted, and what a real parser reads of the page about them."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from aplay_host.kernel import Actor, ActorStatus, ActorSystem, Refuse
from aplay_host.telemetry import Ledger, Metrics, Readings

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Worker(Actor):
    """Sleeps for a number; does what a word says."""

    async def msg_handler(self, msg: Any) -> Any:
        match msg:
            case "raise":
                raise ValueError("boom")
            case "refuse":
                raise Refuse("not now")
            case "wait":
                await asyncio.Event().wait()
            case float() | int():
                await asyncio.sleep(msg)
        return msg


class Other(Worker):
    """The same under another name."""


def name_of(_: object, cls: type) -> str:
    return cls.__name__


def made(system: ActorSystem, **readings: Any) -> tuple[Ledger, Metrics]:
    """Return the ledger of `system`, and metrics that read nothing else but `readings`."""
    ledger = Ledger(system, name_of)
    given: dict[str, Any] = {
        "generation": lambda: 1,
        "plugins": list,
        "hook_errors": dict,
        "dead_letters": lambda: system.dead_letters.counts,
        "per_address": list,
    }
    return ledger, Metrics(ledger, Readings(**given | readings))


async def read(metrics: Metrics) -> Series:
    """Return what Prometheus's own parser reads, by name and labels."""
    return parsed(await metrics.text())


def parsed(text: bytes) -> Series:
    families = text_string_to_metric_families(text.decode())
    samples = [sample for family in families for sample in family.samples]
    found = {(it.name, frozenset(it.labels.items())): it.value for it in samples}
    assert len(found) == len(samples)  # no series is told twice
    return found


def of(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def statuses(system: ActorSystem) -> list[ActorStatus]:
    return system.tree()
