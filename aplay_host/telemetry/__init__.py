"""What the host tells about itself: log, metrics, what looks wrong, stalls, news for systemd."""

from .labels import ActorLabels
from .ledger import Ledger, Snapshot
from .lines import ConsoleFormatter, JsonFormatter
from .logs import HostLog, log_to
from .look import Look
from .metrics import MailReading, Metrics, Readings
from .pages import Page, serve_pages
from .sdnotify import Notifier
from .stall import Culprit, Stall, StallWatch

__all__ = [
    "ActorLabels",
    "ConsoleFormatter",
    "Culprit",
    "HostLog",
    "JsonFormatter",
    "Ledger",
    "Look",
    "MailReading",
    "Metrics",
    "Notifier",
    "Page",
    "Readings",
    "Snapshot",
    "Stall",
    "StallWatch",
    "log_to",
    "serve_pages",
]
