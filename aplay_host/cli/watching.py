"""Showing something again and again, in place, on a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable
from typing import NoReturn

from ..errors import CommandError

SECONDS = 1.0
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
WRAP_OFF, WRAP_ON = "\x1b[?7l", "\x1b[?7h"  # the terminal itself cuts what is too long


def watch_lines(look: Callable[[], Iterable[str]]) -> NoReturn:
    """Show what `look` returns each second, until Ctrl-C; a host that goes away may come back.

    What a terminal has no room for is cut; the last picture stays.
    """
    while True:
        try:
            lines = list(look())
        except CommandError as error:
            if error.exit_code not in (3, 4):
                raise
            lines = [f"{error}", f"  {error.hint}"]
        sys.stdout.write(picture(lines, shutil.get_terminal_size().lines))
        sys.stdout.flush()
        time.sleep(SECONDS)


def picture(lines: list[str], height: int) -> str:
    """Return what a terminal has to get in order to show `lines` in place of what it shows."""
    room = height - 1  # the last line is the cursor's
    if len(lines) > room:
        lines = [*lines[: room - 1], f"… and {len(lines) - room + 1} more lines"]
    body = "".join(f"{line}{CLEAR_LINE}\n" for line in lines)
    return f"{HOME}{WRAP_OFF}{body}{CLEAR_BELOW}{WRAP_ON}"
