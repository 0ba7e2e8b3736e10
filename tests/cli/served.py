"""The command as a process of its own, and a host as another, each ended by the test."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, NoReturn

from aplay_host.cli.connection import UnixConnection
from aplay_host.testing import dist
from tests.environment import Environment

ACTORS = Path(__file__).parent / "actors"
HEAD = f"""\
plugins.paths = ["{ACTORS}"]
host.drain_timeout = 0.3
"""
PATIENCE = 60.0
"""Seconds after which a test gives up on a process; none should come near it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one line of JSON on stdout."""
        assert self.out.endswith("\n"), self
        (line,) = self.out.splitlines()
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    @property
    def data(self) -> Any:
        return self.document["data"]

    @property
    def problem(self) -> str:
        """The name of the problem that is the one line of JSON on stderr."""
        (line,) = self.err.splitlines()
        return str(json.loads(line)["type"]).removeprefix("urn:aplay:problem:")


class Served:
    """A host as a process; `log` is what it has written to stderr."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any], errors: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.ready = ready
        self._errors = errors

    @property
    def log(self) -> str:
        return self._errors.read_text("utf-8")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Return the exit code once the process has ended by itself."""
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def ask(self, address: str, message: Any) -> Any:
        """Ask an actor over the socket, without a process for it."""
        body = {"addresses": [address], "message": message, "timeout_s": 5.0}
        return self._call("POST", "/v1/actors:ask", body)["reply"]

    def send(self, address: str, message: Any) -> None:
        self._call("POST", "/v1/actors:send", {"addresses": [address], "message": message})

    def row(self, address: str) -> dict[str, Any]:
        """Return the status of one actor."""
        (row,) = self._call("GET", f"/v1/actors?address={address}")
        assert isinstance(row, dict)
        return row

    def plugin(self, id_: str) -> dict[str, Any]:
        """Return the row of one entry, empty while there is none."""
        rows = self._call("GET", "/v1/plugins")
        return next((one for one in rows if one["id"] == id_), {})

    @property
    def phase(self) -> str:
        """What the host says that it is doing."""
        return str(self._call("GET", "/v1/host")["state"])

    def busy(self, address: str, message: Any) -> None:
        """Send a message and return when its handler has begun."""
        self.send(address, message)
        until(lambda: self.row(address)["in_hand"] == 1)

    def block(self, address: str) -> None:
        """Have an actor block the loop, for good; return when nobody is answered any more.

        Nor is this message: uvloop writes after all that is ready has run.
        """
        asked = UnixConnection(Path(self.ready["control"]), PATIENCE)
        body = {"addresses": [address], "message": {"do": "block"}}
        asked.request("POST", "/v1/actors:send", json.dumps(body))
        until(lambda: not self._answers(0.2))
        asked.close()

    def _answers(self, seconds: float) -> bool:
        connection = UnixConnection(Path(self.ready["control"]), seconds)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except TimeoutError:
            return False
        finally:
            connection.close()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = UnixConnection(Path(self.ready["control"]), PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert "data" in answer, answer
        return answer["data"]


class Project:
    """A folder with an aplay.toml, the commands that are run in it, and its hosts.

    They run in the test's own environment, or in another one.
    """

    def __init__(self, folder: Path, environment: Environment | None = None) -> None:
        self.folder = folder
        self._python = str(environment.python if environment else sys.executable)
        self._path = environment.pythonpath if environment else os.environ.get("PYTHONPATH", "")
        self.state_dir = folder / ".aplay"
        self._started: list[subprocess.Popen[str]] = []

    def install(self, name: str, entry_point: str, files: Mapping[str, str] | None = None) -> None:
        """Install a distribution that offers one actor."""
        points = f"[aplay_host.actors]\n{entry_point}\n"
        dist(self.folder / "site-packages", name, files=files, entry_points=points)

    def write(self, text: str, head: str = HEAD) -> Path:
        """Write aplay.toml, by default with a head that makes the tests' actors known."""
        file = self.folder / "aplay.toml"
        file.write_text(head + dedent(text), "utf-8")
        return file

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        """Run a command to its end; what is in ``site-packages`` here is installed for it."""
        process = self._popen(arguments, environ)
        try:
            out, err = process.communicate(stdin, timeout=PATIENCE)
        finally:
            end(process)
        return Ended(process.returncode, out, err)

    def serve(self, *arguments: str, **environ: str) -> Served:
        """Start a host whose log is for people; return when it says that it is ready."""
        read, write = os.pipe()
        try:
            given = ("--log-format", "console", "--ready-fd", str(write), *arguments)
            process, errors = self._host(given, environ, pass_fds=(write,))
        finally:
            os.close(write)
        with os.fdopen(read, "rb") as stream:
            assert select.select([read], [], [], PATIENCE)[0], "the host is not ready in time"
            line = stream.readline()
        assert line, (process.wait(PATIENCE), errors.read_text("utf-8"))
        return Served(process, json.loads(line), errors)

    def start(self, *arguments: str, **environ: str) -> Served:
        """Start a host that may never be ready."""
        process, errors = self._host(arguments, environ)
        return Served(process, {}, errors)

    def left_behind(self) -> set[str]:
        """Return what is in the state directory, but for the lock and the socket's folder."""
        return {path.name for path in self.state_dir.rglob("*")} - {"lock", "run"}

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            end(process)

    def _host(
        self, arguments: tuple[str, ...], environ: dict[str, str], **options: Any
    ) -> tuple[subprocess.Popen[str], Path]:
        """Start a host, and return where its stderr goes: a pipe is full when nobody reads it."""
        errors = self.folder.with_name(f"{self.folder.name}.{len(self._started)}.err")
        command = [self._python, "-m", "aplay_host", "serve", *arguments]
        with errors.open("w") as stream:
            process = self._begin(command, environ, stderr=stream, **options)
        return process, errors

    def script(self, text: str) -> Ended:
        """Run Python code to its end, in the environment of the commands."""
        process = self._begin([self._python, "-c", text], {})
        try:
            out, err = process.communicate("", timeout=PATIENCE)
        finally:
            end(process)
        return Ended(process.returncode, out, err)

    def exec(self, *arguments: str) -> NoReturn:
        """Become a command; for the child of a fork."""
        command = [self._python, "-m", "aplay_host", *arguments]
        os.execve(self._python, command, self._environ({}))

    def popen(self, arguments: Sequence[str], **streams: Any) -> subprocess.Popen[str]:
        """Begin a command with these `streams`; the test ends it, or `close` does."""
        return self._begin([self._python, "-m", "aplay_host", *arguments], {}, **streams)

    def _popen(
        self, arguments: tuple[str, ...], environ: dict[str, str], **options: Any
    ) -> subprocess.Popen[str]:
        return self._begin([self._python, "-m", "aplay_host", *arguments], environ, **options)

    def _begin(
        self, command: list[str], environ: dict[str, str], **options: Any
    ) -> subprocess.Popen[str]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environ(environ),
            text=True,
            **{**pipes, **options},
        )
        self._started.append(process)
        return process

    def _environ(self, environ: dict[str, str]) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if name != "APLAY_CONFIG"}
        site = (str(self.folder / "site-packages"), self._path)
        outer["PYTHONPATH"] = os.pathsep.join(filter(None, site))
        return outer | environ


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process if it still runs, and close its pipes."""
    if process.poll() is None:
        process.kill()
    process.wait(PATIENCE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None and not stream.closed:
            stream.close()


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Look again and again until `holds`; every look is a question to another process.

    It has the processor to itself in between, and comes to what is waited for the sooner.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)
