"""What goes over the wire: one JSON object a frame, in both directions."""

import json
import re

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


class BadFrame(ValueError):
    """A frame that is not understood; its text is for whoever sent it."""


def name_in(path: str) -> str | None:
    """Return who connects, ``/ann`` being ann; None where the path is no name."""
    name = path.removeprefix("/").partition("?")[0]
    return name if _NAME.fullmatch(name) else None


def read_frame(frame: str | bytes) -> tuple[str | None, str]:
    """Return whom ``{"to": "bob", "text": "hi"}`` is for, None for everybody, and the text.

    Raises `BadFrame`.
    """
    try:
        content = json.loads(frame)
    except ValueError:
        content = None
    match content:
        case {"text": str(text), "to": str(to)}:
            return to, text
        case {"text": str(text), **rest} if not rest:
            return None, text
    raise BadFrame('want {"text": "hi"}, or {"text": "hi", "to": "bob"}')
