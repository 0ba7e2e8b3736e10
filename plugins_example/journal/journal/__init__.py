"""An event log of an aplay-host: one line of JSON for each event."""

from .journal import Journal

__all__ = ["Journal"]
