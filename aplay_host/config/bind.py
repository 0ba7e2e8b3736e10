"""Where to listen, as a person writes it."""

from __future__ import annotations

_WANTED = 'want "host:port" such as "127.0.0.1:9750" or "[::1]:9750"'


def split_bind(bind: str) -> tuple[str, int]:
    """Return the host and the port of ``host:port``, an IPv6 address being in brackets.

    Raises `ValueError` for anything else.
    """
    host, _, port = bind.rpartition(":")
    is_v6 = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if is_v6 else host
    is_port = port.isascii() and port.isdecimal() and int(port[:6]) < 65536
    if not (bare and is_port and is_v6 == (":" in bare)):
        raise ValueError(_WANTED)
    return bare, int(port)


def parse_bind(bind: str) -> str:
    """Return `bind` if it is empty or a place to listen; else raises `ValueError`."""
    if bind:
        split_bind(bind)
    return bind
