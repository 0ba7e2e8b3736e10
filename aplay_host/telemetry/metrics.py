"""What is measured of one host, in the form that Prometheus reads."""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from .._version import __version__
from .families import Row, Spread, exposed
from .ledger import Labels, Ledger, Snapshot

if TYPE_CHECKING:
    from ..mailboxes import EngineStats

LAG_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MOST_REASONS = 50
STATES = ("new", "starting", "running", "paused", "restarting", "stopping", "stopped", "failed")


def _none() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class MailReading:
    """What is measured of durable mail; `is_ok` while it can be written."""

    stats: EngineStats
    waiting: int
    is_ok: bool = True


def _no_mail() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Readings:
    """Where to read what others keep, at each scrape; `plugins` gives the state of each one.

    `hook_errors` are by plugin and hook, `per_address` are the patterns of aplay.toml; `mail` is
    None where no mail is durable.
    """

    generation: Callable[[], int]
    plugins: Callable[[], Iterable[str]]
    hook_errors: Callable[[], Mapping[tuple[str, str], int]]
    dead_letters: Callable[[], Mapping[str, int]]
    per_address: Callable[[], Sequence[str]]
    stream_clients: Callable[[], int] = _none
    log_dropped: Callable[[], int] = _none
    mail: Callable[[], MailReading | None] = _no_mail


class Metrics:
    """Counts what it is told, and writes that with what it reads from `ledger` and `readings`.

    What it is told costs one addition; `observe_lag` and `count_stall` may be called by one
    thread that is not the loop's.
    """

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, ledger: Ledger, readings: Readings) -> None:
        self._ledger = ledger
        self._readings = readings
        self._reason = Labels(MOST_REASONS)
        self._requests: Counter[tuple[str, str]] = Counter()
        self._stalls: Counter[str] = Counter()
        self._reloads: Counter[tuple[str, str, str]] = Counter()
        self._reload_seconds: dict[str, float] = {}
        self._config_is_taken = True
        self._lags = [0] * (len(LAG_BOUNDS) + 1)
        self._lag_sum = 0.0
        self._snapshot = Snapshot()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    # ---- what is told ----------------------------------------------------------------------

    def count_request(self, route: str, code: int) -> None:
        """Count an answer of the control API; `route` is the pattern, never the path."""
        self._requests[route, str(code)] += 1

    def count_stall(self, actor_type: str) -> None:
        """Count a time that an actor of this type has blocked the loop."""
        self._stalls[actor_type] += 1

    def observe_lag(self, seconds: float) -> None:
        """Note how late the loop has answered."""
        self._lags[bisect_left(LAG_BOUNDS, seconds)] += 1
        self._lag_sum += seconds

    def count_reload(self, scope: str, trigger: str, outcome: str, seconds: float) -> None:
        """Count a reload, and keep how long a commit took."""
        self._reloads[scope, trigger, outcome] += 1
        if outcome == "committed":
            self._reload_seconds[scope] = seconds

    def note_config(self, taken: bool) -> None:
        """Note whether aplay.toml as it was read is what runs now."""
        self._config_is_taken = taken

    # ---- what is written -------------------------------------------------------------------

    async def text(self) -> bytes:
        """Return all families in Prometheus's text format; the loop runs meanwhile."""
        self._snapshot = await self._ledger.take(self._readings.per_address())
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Tell the registry nothing: it would collect only to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield all families, as of the newest snapshot."""
        return exposed(self._rows() | _rows_of(self._snapshot), self._lag())

    def _lag(self) -> Spread:
        total, buckets = 0, []
        for bound, number in zip((*map(str, LAG_BOUNDS), "+Inf"), self._lags, strict=True):
            total += number
            buckets.append((bound, float(total)))
        return Spread(buckets, self._lag_sum)

    def _rows(self) -> dict[str, list[Row]]:
        read = self._readings
        dead: Counter[str] = Counter()
        for reason, number in read.dead_letters().items():
            dead[self._reason(reason)] += number
        return {
            "aplay_build_info": [((__version__, platform.python_version()), 1)],
            "aplay_generation": [((), read.generation())],
            "aplay_plugins": _by_one(Counter(read.plugins())),
            "aplay_dead_letters_total": _by_one(dead),
            "aplay_reloads_total": list(self._reloads.items()),
            "aplay_reload_last_seconds": _by_one(self._reload_seconds),
            "aplay_config_last_reload_successful": [((), self._config_is_taken)],
            "aplay_loop_stalls_total": _by_one(self._stalls),
            "aplay_hook_errors_total": list(read.hook_errors().items()),
            "aplay_control_requests_total": list(self._requests.items()),
            "aplay_stream_clients": [((), read.stream_clients())],
            "aplay_log_dropped_total": [((), read.log_dropped())],
            **_mail_rows(read.mail()),
        }


def _mail_rows(mail: MailReading | None) -> dict[str, list[Row]]:
    if mail is None:
        return {}
    stats = mail.stats
    values = {
        "puts_total": stats.puts,
        "settles_total": stats.settles,
        "retries_total": stats.retries,
        "letters_total": stats.letters,
        "commits_total": stats.commits,
        "commit_seconds_total": stats.commit_seconds,
        "outstanding": stats.outstanding,
        "waiting_messages": mail.waiting,
        "dead_letters": stats.dead,
        "file_bytes": stats.bytes,
        "wal_bytes": stats.wal_bytes,
        "ok": mail.is_ok,
    }
    return {f"aplay_mail_{name}": [((), value)] for name, value in values.items()}


def _by_one(values: Mapping[str, float]) -> list[Row]:
    """Return rows of a family that has one label."""
    return [((label,), value) for label, value in values.items()]


def _rows_of(found: Snapshot) -> dict[str, list[Row]]:
    """Return the rows of all that is summed by type, and of single actors."""
    types, singles = found.types.items(), found.singles
    return {
        "aplay_actors": [
            ((kind, state), it.states[state]) for kind, it in types if it.states for state in STATES
        ],
        "aplay_messages_accepted_total": [((kind,), it.accepted) for kind, it in types],
        "aplay_messages_settled_total": [
            ((kind, outcome), getattr(it, outcome))
            for kind, it in types
            for outcome in ("handled", "failed", "dead")
        ],
        "aplay_messages_pending": [
            ((kind, box), number) for kind, it in types for box, number in it.pending.items()
        ],
        "aplay_mailbox_capacity_messages": [
            ((kind, box), number) for kind, it in types for box, number in it.capacity.items()
        ],
        "aplay_mailbox_oldest_age_seconds": [
            ((kind,), it.oldest_s) for kind, it in types if it.states
        ],
        "aplay_mailbox_rejected_total": list(_by_reason(found, "rejected")),
        "aplay_handler_seconds_total": [((kind,), it.worked_s) for kind, it in types],
        "aplay_actor_restarts_total": list(_by_reason(found, "restart")),
        "aplay_actor_escalations_total": [
            ((kind,), it.counts["escalation", ""]) for kind, it in types
        ],
        "aplay_actor_pending": [((it.address,), it.pending) for it in singles],
        "aplay_actor_up": [((it.address,), it.up) for it in singles],
    }


def _by_reason(found: Snapshot, wanted: str) -> Iterator[Row]:
    for kind, sums in found.types.items():
        for (what, why), number in sums.counts.items():
            if what == wanted:
                yield (kind, why), number
