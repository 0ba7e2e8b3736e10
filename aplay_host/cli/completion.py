"""What shells complete: addresses as a running host has them, and names of plugins.

Each function is for ``shell_complete=``. It answers within 300 ms and says nothing where it
knows nothing: whoever presses Tab has asked for no error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from ..errors import AplayError
from .options import Common

SECONDS = 0.3


def addresses_there(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the addresses that begin so and are not in the line yet."""
    said = ctx.params.get(param.name or "") or ()
    there = (address for address in _addresses(ctx, "/v1/actors") if address not in said)
    return _beginning(incomplete, there)


def mailboxes_there(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the addresses that begin so and have durable mail, or an actor that keeps such."""
    return _beginning(incomplete, _addresses(ctx, "/v1/mail"))


def _addresses(ctx: click.Context, path: str) -> list[str]:
    from .client import Client

    common = ctx.find_object(Common) or Common()
    common.timeout = SECONDS
    try:
        return [row["address"] for row in Client(common).get(path).data]
    except AplayError:
        return []


def plugins_there(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the distributions, and the ``dist/name`` of what they offer, that begin so."""
    from ..plugins import scan

    return _beginning(incomplete, (name for one in scan(sys.path) for name in (one.dist, one.id)))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name.startswith(incomplete)))
