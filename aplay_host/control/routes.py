"""The control API: one route per verb, one verb per route."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import reprlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import BadAddress, CommandError
from .envelope import API_VERSION, envelope_pieces, problem
from .jsonable import dump
from .order import LONGEST_REASON, PEER, Order, Who
from .part import count, shallow
from .port import ControlPort
from .records import HealthReport, LetterChoice, Page, VerbReport
from .slices import in_slices
from .sse import EventStream, position
from .stream import EventFilter

LARGEST_BODY = 1024 * 1024
MOST_STREAMS = 16
LONGEST_WAIT = 24 * 3600.0
DEFAULT_WAIT = 5.0
DEFAULT_PEEK, MOST_PEEKED = 10, 1000

_log = logging.getLogger("aplay_host.control")

Handler = Callable[[Request], Awaitable[Any]]
T = TypeVar("T")
Steer = Callable[[Sequence[str], Order], Awaitable[VerbReport]]


class ControlApi:
    """Turns requests into calls of a `ControlPort`, and what it says into JSON.

    `streams` counts the streams of events that are open.
    """

    def __init__(self, port: ControlPort) -> None:
        self.port = port
        self.streams = 0

    def app(self) -> Starlette:
        """Return the application; its table of routes is the whole API."""
        port = self.port
        app = Starlette(
            routes=[
                self._route("GET", "/v1/host", "host", self._host),
                self._route("GET", "/v1/actors", "status", self._actors),
                self._route("GET", "/v1/actors/{address:path}", "show", self._show),
                self._route("GET", "/v1/tree", "tree", self._tree),
                self._route("POST", "/v1/actors:send", "send", self._send),
                self._route("POST", "/v1/actors:ask", "ask", self._ask),
                self._route("POST", "/v1/actors:start", "start", self._steer(port.start)),
                self._route("POST", "/v1/actors:stop", "stop", self._steer(port.stop)),
                self._route("POST", "/v1/actors:restart", "restart", self._steer(port.restart)),
                self._route("GET", "/v1/plugins", "plugins.list", self._plugins),
                self._route("GET", "/v1/plugins/{name:path}", "plugins.show", self._plugin),
                self._route("GET", "/v1/dead", "dead.list", self._dead),
                self._route("GET", "/v1/dead/{id}", "dead.show", self._letter),
                self._route("POST", "/v1/dead:replay", "dead.replay", self._replay),
                self._route("POST", "/v1/dead:drop", "dead.drop", self._drop),
                self._route("GET", "/v1/mail", "mail.list", self._mail),
                self._route("GET", "/v1/mail/{address:path}", "mail.peek", self._peek),
                self._route("POST", "/v1/mail/backup", "mail.backup", self._backup),
                self._route("GET", "/v1/config", "config.show", self._config),
                self._route("POST", "/v1/reload", "reload", self._reload),
                self._route("POST", "/v1/rollback", "rollback", self._rollback),
                self._route("GET", "/v1/events", "events", self._events),
                self._route("GET", "/livez", "health", self._live),
                self._route("GET", "/readyz", "health", self._ready),
                self._route("GET", "/startupz", "health", self._started),
                self._route("GET", "/metrics", "metrics", self._metrics),
            ],
            exception_handlers={HTTPException: _on_http_error},
        )
        app.router.redirect_slashes = False  # a path that is not in the table is no such thing
        return app

    # ---- verbs ---------------------------------------------------------------------------

    async def _host(self, request: Request) -> Any:
        return self.port.host()

    async def _actors(self, request: Request) -> Any:
        query = request.query_params
        addresses, limit = query.getlist("address"), count(query, "limit", least=1)
        return await self.port.actors(addresses, query.get("from"), limit)

    async def _show(self, request: Request) -> Any:
        return await self.port.show(f"/{request.path_params['address']}")

    async def _tree(self, request: Request) -> Any:
        query = request.query_params
        return shallow(await self.port.tree(query.get("root", "/")), count(query, "depth"))

    async def _send(self, request: Request) -> Any:
        body = await _body(request)
        order = _order(request, body, _seconds(body))
        doing = self.port.send(_addresses(body), _message(body), order)
        return await _while_there(request, doing)

    def _steer(self, verb: Steer) -> Handler:
        async def steer(request: Request) -> Any:
            body = await _body(request)
            return await verb(_addresses(body), _order(request, body, _wait(body)))

        return steer

    async def _ask(self, request: Request) -> Any:
        body = await _body(request)
        addresses = _addresses(body)
        if len(addresses) != 1:
            raise CommandError(
                "bad-request", f'"addresses": got {reprlib.repr(addresses)}, want one address'
            )
        order = _order(request, body, _seconds(body))
        doing = self.port.ask(addresses[0], _message(body), order)
        return await _while_there(request, doing)

    async def _plugins(self, request: Request) -> Any:
        return await self.port.plugins()

    async def _plugin(self, request: Request) -> Any:
        return await self.port.plugin(request.path_params["name"])

    async def _config(self, request: Request) -> Any:
        return self.port.config()

    async def _reload(self, request: Request) -> Any:
        body = await _body(request)
        config, dry_run = _flag(body, "config"), _flag(body, "dry_run")
        plugins, order = _texts(body, "plugins"), _order(request, body)
        return await self.port.reload(plugins, order, config=config, dry_run=dry_run)

    async def _rollback(self, request: Request) -> Any:
        body = await _body(request)
        return await self.port.rollback(_order(request, body), dry_run=_flag(body, "dry_run"))

    async def _dead(self, request: Request) -> Any:
        query = request.query_params
        choice = LetterChoice((), query.get("cause"), query.get("address"))
        return await self.port.dead(choice, count(query, "limit", least=1))

    async def _letter(self, request: Request) -> Any:
        return await self.port.letter(request.path_params["id"])

    async def _replay(self, request: Request) -> Any:
        body = await _body(request)
        order = _order(request, body, _seconds(body))
        return await self.port.replay(_choice(body), _text(body, "to"), _rate(body), order)

    async def _drop(self, request: Request) -> Any:
        body = await _body(request)
        return await self.port.drop(_choice(body), _order(request, body))

    async def _mail(self, request: Request) -> Any:
        query = request.query_params
        return self.port.mail(query.get("from"), count(query, "limit"))

    async def _peek(self, request: Request) -> Any:
        query, address = request.query_params, f"/{request.path_params['address']}"
        limit = min(count(query, "n", least=1) or DEFAULT_PEEK, MOST_PEEKED)
        return await self.port.peek(address, limit, body=bool(count(query, "body")))

    async def _backup(self, request: Request) -> Any:
        body = await _body(request)
        path = _text(body, "path")
        if not path:
            raise CommandError("bad-request", 'the body has no "path"')
        return await self.port.backup(path, _order(request, body))

    async def _live(self, request: Request) -> Any:
        return self.port.live()

    async def _ready(self, request: Request) -> Any:
        return await self.port.ready()

    async def _started(self, request: Request) -> Any:
        return self.port.started()

    async def _metrics(self, request: Request) -> Response:
        text, media_type = await self.port.metrics()
        return Response(text, media_type=media_type)

    async def _events(self, request: Request) -> Any:
        ring, query = self.port.events, request.query_params
        wanted = _filter(query)
        if "text/event-stream" in request.headers.get("accept", ""):
            return self._stream(request, wanted)
        limit, first = count(query, "limit", least=1), count(query, "from")
        since = max(count(query, "since") or 0, (first or 1) - 1)
        rows = [row async for row in in_slices(ring.after(since)) if wanted.passes(row)]
        rest = [] if limit is None else rows[limit:]
        return Page(rows[:limit], str(rest[0].seq) if rest else None)

    def _stream(self, request: Request, wanted: EventFilter) -> ASGIApp:
        ring, last = self.port.events, request.headers.get("last-event-id")
        if ring.ended is not None:
            raise CommandError("stopping", "the host is stopping; there are no more events")
        if self.streams >= MOST_STREAMS:
            detail = f"{MOST_STREAMS} streams are open"
            raise CommandError("too-many-streams", detail, hint="end one of them")
        since = count(request.query_params, "since")
        seq = position(ring, last) if last else min(ring.seq if since is None else since, ring.seq)
        stream = EventStream(ring, wanted, seq)

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self.streams += 1
            try:
                await stream(scope, receive, send)
            finally:
                self.streams -= 1

        return counted

    # ---- answers -------------------------------------------------------------------------

    def _route(self, method: str, path: str, verb: str, handler: Handler) -> Route:
        async def respond(request: Request) -> ASGIApp:
            try:
                _admit(request)
                data = await handler(request)
                return data if callable(data) else await self._answer(verb, data)
            except CommandError as error:
                return _problem(error)
            except Exception as error:  # ours; caught here, because further out it is told twice
                _log.exception("control API: %s %s", method, path)
                detail = f"{type(error).__name__}: {error}; the host's log has the traceback"
                return _problem(CommandError("internal", detail))

        return Route(path, respond, methods=[method], name=f"{method} {path}")

    async def _answer(self, verb: str, data: Any) -> Response:
        status = 503 if isinstance(data, HealthReport) and not data.ready else 200
        now = datetime.datetime.now(datetime.UTC)
        page = data if isinstance(data, Page) else Page(data)
        parts = envelope_pieces(verb, page.rows, self.port.host(), now, page.next)
        return _json(b"".join([part async for part in in_slices(parts)]), status)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = error.status_code in (404, 405)
    kind = "no-such-route" if known else "bad-request"
    return _problem(CommandError(kind, f"{request.method} {request.url.path}: {error.detail}"))


def _problem(error: CommandError) -> Response:
    return _json(dump(problem(error)), error.kind.status, "application/problem+json")


def _json(body: bytes, status: int, media_type: str = "application/json") -> Response:
    return Response(body, status, {"Aplay-Api": API_VERSION}, media_type)


def _admit(request: Request) -> None:
    """Let in whom the listener has admitted, and clients of our major version only."""
    if not getattr(request.state, "admitted", False):
        who = request.client.host if request.client is not None else "an unknown peer"
        detail = f"{who} may not steer this host"
        raise CommandError("forbidden", detail, hint="run the command as the host's own user")
    if request.state.crowded:
        detail = "all connections have a request under way"
        raise CommandError("too-many-connections", detail, hint="try again later")
    theirs = request.headers.get("Aplay-Api", API_VERSION)
    if theirs.partition(".")[0] != API_VERSION.partition(".")[0]:
        detail = f"the client speaks version {theirs}, the host {API_VERSION}"
        raise CommandError("api-version", detail, hint="install the same aplay-host for both")


async def _while_there(request: Request, doing: Coroutine[Any, Any, T]) -> T:
    """Return what `doing` returns; a client that goes away cancels it."""
    work = asyncio.ensure_future(doing)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise CommandError("bad-request", "the client went away")
    finally:
        for task in (work, leaving):
            task.cancel()
        await asyncio.wait({work, leaving})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> dict[str, Any]:
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > LARGEST_BODY:
                detail = f"the body is larger than {LARGEST_BODY} bytes"
                raise CommandError("too-large", detail, hint="send a smaller message")
    except ClientDisconnect:
        raise CommandError("bad-request", "the client went away") from None
    try:
        body = json.loads(bytes(received))
    except (ValueError, RecursionError) as error:
        raise CommandError("bad-request", f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise CommandError("bad-request", f"the body is {type(body).__name__}, want an object")
    return body


def _addresses(body: dict[str, Any]) -> list[str]:
    return _texts(body, "addresses")


def _texts(body: dict[str, Any], key: str) -> list[str]:
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise CommandError("bad-request", f'"{key}": got {reprlib.repr(found)}, want a list')
    return found


def _text(body: dict[str, Any], key: str) -> str | None:
    found = body.get(key)
    if not (found is None or isinstance(found, str)):
        raise CommandError("bad-request", f'"{key}": got {reprlib.repr(found)}, want text')
    return found


def _flag(body: dict[str, Any], key: str) -> bool:
    flag = body.get(key, False)
    if not isinstance(flag, bool):
        raise CommandError("bad-request", f'"{key}": got {reprlib.repr(flag)}, want true or false')
    return flag


def _filter(query: QueryParams) -> EventFilter:
    try:
        return EventFilter(tuple(query.getlist("type")), tuple(query.getlist("address")))
    except BadAddress as error:
        raise CommandError("bad-request", str(error)) from None


def _message(body: dict[str, Any]) -> Any:
    if "message" not in body:
        raise CommandError("bad-request", 'the body has no "message"')
    return body["message"]


def _order(request: Request, body: dict[str, Any], wait_s: float = 0.0) -> Order:
    """Return whose order this is, as the socket knows it, and the reason they give."""
    reason = body.get("reason")
    if not (reason is None or (isinstance(reason, str) and len(reason) <= LONGEST_REASON)):
        wanted = f"want null or a text of at most {LONGEST_REASON} characters"
        raise CommandError("bad-request", f'"reason": got {reprlib.repr(reason)}, {wanted}')
    assert request.client is not None  # or it would not have been admitted
    uid = int(request.client.host.removeprefix(PEER))
    return Order(Who("peer", uid, request.client.port), reason or None, wait_s)


def _seconds(body: dict[str, Any]) -> float:
    """Return the time that a send or an ask has, which is never none."""
    seconds = _number(body, "timeout_s")
    if not seconds > 0:
        raise CommandError("bad-request", f'"timeout_s": got {seconds!r}, want seconds above 0')
    return seconds


def _wait(body: dict[str, Any]) -> float:
    """Return how long the end of a verb is waited for; 0 does not wait."""
    seconds = _number(body, "wait_s")
    if not seconds >= 0:
        raise CommandError("bad-request", f'"wait_s": got {seconds!r}, want seconds or 0')
    return seconds


def _number(body: dict[str, Any], key: str) -> float:
    number = body.get(key, DEFAULT_WAIT)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise CommandError("bad-request", f'"{key}": got {reprlib.repr(number)}, want a number')
    return float(min(number, LONGEST_WAIT))


def _rate(body: dict[str, Any]) -> float | None:
    if body.get("rate") is None:
        return None
    rate = _number(body, "rate")
    if not rate > 0:
        raise CommandError("bad-request", f'"rate": got {rate!r}, want messages a second above 0')
    return rate


def _choice(body: dict[str, Any]) -> LetterChoice:
    """Return which letters are meant; all of them is nothing that anybody says by accident."""
    ids = tuple(_texts({"ids": [], **body}, "ids"))
    cause, address = _text(body, "cause"), _text(body, "address")
    if bool(ids) == (cause is not None or address is not None):
        detail = "want ids of dead letters, or a cause or an address to choose them by"
        raise CommandError("bad-request", detail, hint="see them: aplay-host dead list")
    return LetterChoice(ids, cause, address)
