"""The metrics that there are: their names, labels and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; a counter's name ends in ``_total``."""

    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    text: str


TYPE = ("actor_type",)
TYPE_KIND = ("actor_type", "kind")

FAMILIES: Mapping[str, Family] = {
    "aplay_build_info": Family("gauge", ("version", "python"), "Always 1."),
    "aplay_generation": Family("gauge", (), "The number of the generation that runs."),
    "aplay_plugins": Family("gauge", ("state",), "Installed plugins."),
    "aplay_actors": Family("gauge", ("actor_type", "state"), "Actors that are there."),
    "aplay_messages_accepted_total": Family("counter", TYPE, "Messages that were taken in."),
    "aplay_messages_settled_total": Family(
        "counter", ("actor_type", "outcome"), "Messages that are over: handled, failed or dead."
    ),
    "aplay_messages_pending": Family("gauge", TYPE_KIND, "Messages that wait or are in hand."),
    "aplay_mailbox_capacity_messages": Family("gauge", TYPE_KIND, "Messages that may wait."),
    "aplay_mailbox_oldest_age_seconds": Family(
        "gauge", TYPE, "Age of the oldest waiting message; for mail in memory an upper bound."
    ),
    "aplay_mailbox_rejected_total": Family(
        "counter", ("actor_type", "reason"), "Messages that were refused."
    ),
    "aplay_dead_letters_total": Family("counter", ("reason",), "Messages that reached nobody."),
    "aplay_handler_seconds_total": Family("counter", TYPE, "Time in handlers, waits included."),
    "aplay_actor_restarts_total": Family(
        "counter", ("actor_type", "reason"), "New instances that were asked for."
    ),
    "aplay_actor_escalations_total": Family("counter", TYPE, "Failures made the parent's."),
    "aplay_reloads_total": Family(
        "counter", ("scope", "trigger", "outcome"), "Reloads and rollbacks, dry runs left out."
    ),
    "aplay_reload_last_seconds": Family("gauge", ("scope",), "How long the newest commit took."),
    "aplay_config_last_reload_successful": Family(
        "gauge", (), "1 while aplay.toml as it was read last is what runs."
    ),
    "aplay_loop_lag_seconds": Family("histogram", (), "How late the event loop answers."),
    "aplay_loop_stalls_total": Family("counter", TYPE, "Times that an actor blocked the loop."),
    "aplay_hook_errors_total": Family("counter", ("plugin", "hook"), "Plugin hooks that failed."),
    "aplay_control_requests_total": Family(
        "counter", ("route", "code"), "Requests to the control socket."
    ),
    "aplay_stream_clients": Family("gauge", (), "Open event streams."),
    "aplay_log_dropped_total": Family("counter", (), "Log lines that there was no room for."),
    "aplay_mail_puts_total": Family("counter", (), "Durable messages that were taken in."),
    "aplay_mail_settles_total": Family("counter", (), "Ends of durable messages and their tries."),
    "aplay_mail_retries_total": Family(
        "counter", (), "Durable messages that wait for one more try."
    ),
    "aplay_mail_letters_total": Family("counter", (), "Durable messages that became dead letters."),
    "aplay_mail_commits_total": Family("counter", (), "Commits of the file of durable mail."),
    "aplay_mail_commit_seconds_total": Family("counter", (), "Time that those took."),
    "aplay_mail_outstanding": Family("gauge", (), "Puts and ends that are not committed yet."),
    "aplay_mail_waiting_messages": Family("gauge", (), "Durable messages that are not settled."),
    "aplay_mail_dead_letters": Family("gauge", (), "Dead letters that the file keeps."),
    "aplay_mail_file_bytes": Family("gauge", (), "Size of the file of durable mail."),
    "aplay_mail_wal_bytes": Family("gauge", (), "Size of its write-ahead log."),
    "aplay_mail_ok": Family("gauge", (), "1 while durable mail can be written."),
    "aplay_actor_pending": Family(
        "gauge", ("address",), "Messages that wait or are in hand; metrics.per_address only."
    ),
    "aplay_actor_up": Family("gauge", ("address",), "1 while it runs; metrics.per_address only."),
}

Row = tuple[Sequence[str], float]
"""The values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram: ``(upper bound, how many up to it)``, the last bound being infinite."""

    buckets: Sequence[tuple[str, float]]
    sum: float


def exposed(rows: Mapping[str, Iterable[Row]], lag: Spread) -> Iterator[Metric]:
    """Yield every family, with what `rows` has for its name."""
    for name, family in FAMILIES.items():
        if family.kind == "histogram":
            histogram = HistogramMetricFamily(name, family.text)
            histogram.add_metric([], buckets=list(lag.buckets), sum_value=lag.sum)
            yield histogram
            continue
        make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = make(name, family.text, labels=family.labels)
        for labels, value in rows.get(name, ()):
            metric.add_metric([_encodable(one) for one in labels], value)
        yield metric


def _encodable(label: str) -> str:
    """Return `label` with what UTF-8 cannot hold replaced: a class may be named anything."""
    return label.encode("utf-8", "replace").decode()
