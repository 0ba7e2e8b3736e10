"""The version, a literal: reading it must cost nothing."""

__version__ = "0.1.0"
