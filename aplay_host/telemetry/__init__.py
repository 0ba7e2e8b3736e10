"""What the host tells about itself while it runs: log, metrics, what looks wrong, and stalls."""

from .labels import ActorLabels
from .ledger import Ledger, Snapshot
from .lines import ConsoleFormatter, JsonFormatter
from .logs import HostLog, log_to
from .look import Look
from .metrics import Metrics, Readings
from .pages import Page, serve_pages
from .stall import Culprit, Stall, StallWatch

__all__ = [
    "ActorLabels",
    "ConsoleFormatter",
    "Culprit",
    "HostLog",
    "JsonFormatter",
    "Ledger",
    "Look",
    "Metrics",
    "Page",
    "Readings",
    "Snapshot",
    "Stall",
    "StallWatch",
    "log_to",
    "serve_pages",
]
