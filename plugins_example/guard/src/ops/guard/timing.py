"""A stop watch around the handler of an actor."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

Handler = Callable[[Any], Awaitable[Any]]

_log = logging.getLogger(__name__)


def timing(address: str, slow_ms: float) -> Callable[[Handler], Handler]:
    """Return what wraps the handler of the actor at `address`; slow messages are logged.

    The reply and the errors of the handler pass unchanged.
    """

    def wrap(next_handler: Handler) -> Handler:
        now = asyncio.get_running_loop().time

        async def handler(msg: Any) -> Any:
            began = now()
            try:
                return await next_handler(msg)
            finally:
                took = (now() - began) * 1000
                if took > slow_ms:
                    kind = type(msg).__qualname__
                    _log.warning("%s took %.0f ms for a message of type %s", address, took, kind)

        return handler

    return wrap
