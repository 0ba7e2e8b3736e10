"""The command line: the only floor that prints.

`main` is a group whose verbs are imported when they are called for; `client` speaks to the
host's control API; `output` turns answers into text.
"""

from .main import main

__all__ = ["main"]
