"""The client of the control API: finds the running host and speaks to it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ..config import peek
from ..control import API_VERSION, PROBLEM_PREFIX, Instance, is_locked, read_instance
from ..errors import PROBLEM_KINDS, CommandError
from .options import Common
from .stream import Sent, messages

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from .connection import UnixConnection

Query = list[tuple[str, str]]

OK = 200
WITHOUT_LIMIT = 24 * 3600.0
LONGEST_SILENCE = 45.0
"""A stream says something every 15 seconds, in seconds."""


class Answer:
    """A host's answer: the HTTP status, the body as it came, and the body as an object.

    `started` is the time at which the host began, where one was asked.
    """

    def __init__(self, status: int, body: bytes, started: str = "") -> None:
        self.status = status
        self.body = body
        self.started = started
        self.document: dict[str, Any] = json.loads(body)

    @property
    def data(self) -> Any:
        """What the verb answered."""
        return self.document["data"]


class Client:
    """Speaks to the host that runs the configuration file of this call.

    Every method raises `CommandError`: ``no-host`` where none runs, ``timeout`` where it does
    not answer, and whatever the host itself reports.
    """

    def __init__(self, common: Common) -> None:
        self._common = common
        self._state_dir = _state_dir(common)

    def get(self, path: str, query: Query | None = None) -> Answer:
        """Ask for `path`; an answer that is a problem is raised, a health report is not."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def deliver(self, verb: str, address: str, message: Any) -> Answer:
        """Have the host ``send`` or ``ask``; it gives that as long as this call may take.

        We wait a little longer than the host does, because its answer to a late reply says
        more than ours.
        """
        seconds = self._common.timeout or WITHOUT_LIMIT
        body = {"addresses": [address], "message": message, "timeout_s": seconds}
        return self._post(f"/v1/actors:{verb}", body)

    def act(self, verb: str, addresses: Sequence[str]) -> Answer:
        """Have the host carry out `verb` on these actors and wait for that, if it is wanted."""
        seconds = (self._common.timeout or WITHOUT_LIMIT) if self._common.wait else 0
        return self._post(f"/v1/actors:{verb}", {"addresses": addresses, "wait_s": seconds})

    def dead(self, verb: str, choice: dict[str, Any], patience: float = 1.0, **more: Any) -> Answer:
        """Have the host ``replay`` or ``drop`` dead letters, `patience` seconds longer."""
        body = {**choice, "timeout_s": self._common.timeout or WITHOUT_LIMIT, **more}
        return self._post(f"/v1/dead:{verb}", body, patience)

    def back_up(self, path: str) -> Answer:
        """Have the host copy all durable mail into the new file `path`, which is absolute."""
        return self._post("/v1/mail/backup", {"path": path})

    def reload(self, path: str = "/v1/reload", **body: Any) -> Answer:
        """Have the host change what it runs, and return its report."""
        return self._post(path, body)

    def _post(self, path: str, body: dict[str, Any], patience: float = 1.0) -> Answer:
        body["reason"] = self._common.reason
        return self._call("POST", path, json.dumps(body).encode("utf-8"), patience)

    def instance(self) -> Instance:
        """Return the record of the host that runs; raises ``no-host``, ``forbidden``, ``timeout``.

        ``timeout`` is for one that has no control socket: it will not answer.
        """
        try:
            instance = read_instance(self._state_dir)
        except PermissionError as error:
            raise self._forbidden(error) from None
        if instance is not None and instance.control is None and is_locked(self._state_dir):
            hint = "set [control] enabled = true, or see in its log why it has none"
            detail = f"the host (pid {instance.pid}) runs without a control socket"
            raise CommandError("timeout", detail, hint=hint)
        if instance is None or instance.control is None:
            raise self._no_host()
        return instance

    def _call(self, method: str, path: str, body: bytes | None, patience: float = 0.0) -> Answer:
        instance = self.instance()
        began = time.monotonic()
        with self._spoken_to(instance, patience) as connection:
            response = self._send(connection, method, path, body)
            answer = Answer(response.status, response.read(), instance.started)
        if self._common.verbose:
            took = f"{answer.status} in {1000 * (time.monotonic() - began):.0f} ms"
            asked = f"pid {instance.pid}, {instance.config}, {instance.control}"
            print(f"{method} {path}: {took} from {asked}", file=sys.stderr)
        if "type" in answer.document:
            raise reported(answer.document)
        return answer

    def follow(self, path: str, query: Query) -> Iterator[Sent]:
        """Yield the messages of a stream until it says that it ends.

        A host that sends nothing for longer than it would be silent does not answer.
        """
        instance = self.instance()
        with self._spoken_to(instance) as connection:
            target = f"{path}?{urlencode(query)}"
            response = self._send(connection, "GET", target, None, "text/event-stream")
            if response.status != OK:
                raise reported(json.loads(response.read()))
            connection.sock.settimeout(LONGEST_SILENCE)
            for sent in messages(response):
                yield sent
                if sent.name == "bye":
                    return
        raise self._no_host()

    def _send(
        self,
        connection: UnixConnection,
        method: str,
        path: str,
        body: bytes | None,
        accept: str = "application/json",
    ) -> HTTPResponse:
        headers = {"Aplay-Api": API_VERSION, "Accept": accept, "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        theirs = response.headers.get("Aplay-Api", API_VERSION)
        if theirs.partition(".")[0] != API_VERSION.partition(".")[0]:
            detail = f"the host speaks version {theirs}, the client {API_VERSION}"
            raise CommandError("api-version", detail, hint="install the same aplay-host for both")
        return response

    @contextmanager
    def _spoken_to(self, instance: Instance, patience: float = 0.0) -> Iterator[UnixConnection]:
        """Connect for the block; what goes wrong in it is a host that does not answer, or none."""
        from .connection import HTTPException, UnixConnection  # most of what this file costs

        timeout = self._common.timeout + patience if self._common.timeout else None
        connection = UnixConnection(Path(instance.control or ""), timeout)
        try:
            yield connection
        except TimeoutError:
            raise self._no_answer(instance) from None
        except PermissionError as error:
            raise self._forbidden(error) from None
        except (OSError, HTTPException, ValueError) as error:
            if is_locked(self._state_dir):
                raise self._no_answer(instance, str(error)) from None
            raise self._no_host() from None
        finally:
            connection.close()

    def _no_host(self) -> CommandError:
        detail = f"no host is running for {self._common.config_file()}"
        return CommandError("no-host", detail, hint="start it: aplay-host serve")

    def _no_answer(self, instance: Instance, why: str = "") -> CommandError:
        waited = f" within {self._common.timeout:.3g} s" if self._common.timeout else ""
        detail = f"the host (pid {instance.pid}) did not answer{waited}" + (f": {why}" * bool(why))
        hint = f"the loop may be blocked; `kill -USR1 {instance.pid}` writes its stacks to its log"
        return CommandError("timeout", detail, hint=hint)

    def _forbidden(self, error: PermissionError) -> CommandError:
        detail = f"whether a host runs there cannot be seen: {error.strerror}: {error.filename}"
        hint = "run the command as the host's own user, or set [control] group in aplay.toml"
        return CommandError("forbidden", detail.removesuffix(": None"), hint=hint)


def _state_dir(common: Common) -> Path:
    """Return where the host of this call keeps its state: also of a file broken since it began."""
    file = common.config_file()
    found = peek(file, common.settings)
    if found.broken is not None:
        instance = read_instance(found.state_dir)
        if instance is None or instance.config != str(file):
            raise found.broken
    return found.state_dir


def wait_until_ready(client: Client, seconds: float) -> Answer:
    """Return the first health report that says ready, waiting for the host to come, too.

    Raises the ``no-host`` or ``timeout`` that held when `seconds` were over; 0 waits for ever.
    """
    deadline = time.monotonic() + seconds
    while True:
        late = seconds and time.monotonic() >= deadline
        try:
            answer = client.get("/readyz")
            if answer.status == 200:
                return answer
            problem = CommandError("timeout", "the host did not become ready in time")
        except CommandError as error:
            if error.kind.name not in ("no-host", "starting"):
                raise
            problem = error
        if late:
            raise problem
        time.sleep(0.05)  # there is nothing to wait on: the host may not even be there


def reported(document: dict[str, Any]) -> CommandError:
    """Return the error that a problem document of a host describes."""
    name = str(document["type"]).removeprefix(PROBLEM_PREFIX)
    kind = name if name in PROBLEM_KINDS else "internal"
    return CommandError(
        kind,
        str(document.get("detail", name)),
        hint=str(document.get("hint", "")),
        address=document.get("address"),
    )
