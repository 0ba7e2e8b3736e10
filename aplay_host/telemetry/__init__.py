"""What the host tells about itself while it runs: its log, its metrics, what looks wrong."""

from .ledger import Ledger, Snapshot
from .logs import LineFormatter, log_to
from .look import Look
from .metrics import Metrics, Readings
from .pages import Page, serve_pages

__all__ = [
    "Ledger",
    "LineFormatter",
    "Look",
    "Metrics",
    "Page",
    "Readings",
    "Snapshot",
    "log_to",
    "serve_pages",
]
