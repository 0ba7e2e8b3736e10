"""Counting what the control API answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

NO_ROUTE = "none"

Count = Callable[[str, int], object]
"""Takes the pattern of a route, and the code of an answer."""


class Counted:
    """Passes requests on to `app` and tells `count` of each answer when it begins.

    The route is the pattern in the table, ``/v1/actors/{address}``, or ``none``: never the path,
    of which there is no end.
    """

    def __init__(self, app: Starlette, count: Count) -> None:
        self._app = app
        self._count = count
        self._patterns: dict[Any, str] = {
            route.endpoint: route.path.replace(":path", "")
            for route in app.routes
            if isinstance(route, Route)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._patterns.get(scope.get("endpoint"), NO_ROUTE)
                self._count(route, message["status"])
            await send(message)

        await self._app(scope, receive, counted)
