"""What the host tells about itself while it runs; by now its log."""

from .logs import LineFormatter, log_to

__all__ = ["LineFormatter", "log_to"]
