"""What is told in place of what nobody may see."""

from __future__ import annotations

import re

STARS = "********"
PASSWORD_OF_URL = re.compile(r"""(?<=://)([^\s/:@"']*:)([^\s/@"']+)(?=@)""")
"""The user with the colon, then the password."""


def without_password(text: str) -> str:
    """Return `text` with stars for the password in each URL."""
    return PASSWORD_OF_URL.sub(rf"\1{STARS}", text)
