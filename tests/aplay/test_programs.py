"""Programs in the manner of aplay 0.3.0, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

IMPORTS = """
import asyncio, sys
from aplay_host.aplay import *
"""

FAILING_WORKER = """
class Worker(Actor):
    async def msg_handler(self, msg=None):
        print(self._name, 10 / msg, flush=True)

    def user_task_callback(self, *args, **kwargs):
        error = args[0].exception()
        if error is not None:
            print(self._name, "failed on", kwargs["msg"], type(error).__name__, flush=True)


class Foreman(Actor):
    async def prepare_children(self):
        for name in ("ann", "bob"):
            self.create_actor(name=name, actor_cls=Worker)

    async def msg_handler(self, msg=None):
        name, number = msg
        await self.get_actor(name).send(number)


class Report(Actor):
    async def msg_handler(self, msg=None):
        foreman = self._kernel.get_actor("foreman")
        for worker in foreman._child.values():
            status = worker.status()
            print(worker._address, status.handled, status.failed, flush=True)
        self._kernel.stop()


kernel = KernelActor("firm")
foreman = kernel.create_actor(name="foreman", actor_cls=Foreman)
report = kernel.create_actor(name="report", actor_cls=Report)

async def work():
    for message in (("ann", 1), ("bob", 0), ("bob", 5)):
        await foreman.send(message)
    while sum(w.status().handled + w.status().failed for w in foreman._child.values()) < 3:
        await asyncio.sleep(0)
    await report.send("now")

kernel._loop.create_task(work())
kernel.start()
print("over")
"""

CHILDREN_IN_INIT = """
class Leaf(Actor):
    async def msg_handler(self, msg=None):
        print(self._address, msg, self._parent._name, flush=True)
        if msg == "last":
            self._kernel.stop()


class Branch(Actor):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.leaves = [self.create_actor(name=f"leaf{n}", actor_cls=Leaf) for n in (1, 2)]

    async def msg_handler(self, msg=None):
        for leaf in self.leaves:
            await leaf.send(msg)


class Tree(KernelActor):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.branch = self.create_actor(name="branch", actor_cls=Branch)

    async def msg_handler(self, msg=None):
        print("the tree got", msg, flush=True)


tree = Tree("tree")
assert tree.branch._runing_state == ACTOR_INIT
assert [leaf._address for leaf in tree.branch.leaves] == ["/branch/leaf1", "/branch/leaf2"]
tree.send_nowait("rain")
tree.branch.send_nowait("sun")
tree.branch.leaves[1].send_nowait("wind")
tree._loop.call_later(0.05, tree.branch.leaves[0].send_nowait, "last")
tree.start()
"""

SENDING_BEFORE_THE_LOOP = """
class Adder(Actor):
    total = 0

    async def msg_handler(self, msg=None):
        if msg == "print":
            print(self.total, flush=True)
            self._kernel.stop()
        else:
            self.total += msg


kernel = KernelActor("sums", loop=asyncio.new_event_loop())
adder = kernel.create_actor(name="adder", actor_cls=Adder)
for number in range(1000):
    adder.send_nowait(number)
adder.send_nowait("print")
kernel.start()
"""

ENDLESS_READER = """
class Counter(Actor):
    seen = 0

    async def msg_handler(self, msg=None):
        self.seen += 1
        if self.seen == 5:
            self._kernel.stop()


class Reader(Actor):
    async def msg_handler(self, msg=None):
        counter = self._kernel.get_actor("counter")
        try:
            while True:
                await counter.send("line")
                await asyncio.sleep(0.001)
        finally:
            print("cut off", flush=True)


class Short(Reader):
    stop_timeout = 0.5


kernel = KernelActor("reading")
counter = kernel.create_actor(name="counter", actor_cls=Counter)
reader = kernel.create_actor(name="reader", actor_cls=Short)
reader.send_nowait("read")
kernel.start()
print("over")
"""

WAITING_FOR_A_CLIENT = """
class Session(Actor):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = None

    def decide_to_start(self):
        return super().decide_to_start() and self.client is not None

    async def msg_handler(self, msg=None):
        self.client.append(msg)
        if msg == "bye":
            print(self.client, flush=True)
            self._kernel.stop()


class Gateway(Actor):
    async def msg_handler(self, msg=None):
        session = self._kernel.get_actor("session")
        print("held:", session.status().pending, session._runing_state, flush=True)
        session.client = []
        session.start()


kernel = KernelActor("chat")
session = kernel.create_actor(name="session", actor_cls=Session)
gateway = kernel.create_actor(name="gateway", actor_cls=Gateway)
for word in ("hello", "you", "bye"):
    session.send_nowait(word)
kernel._loop.call_later(0.05, gateway.send_nowait, "a client is there")
kernel.start()
"""


def said(tmp_path: Path, program: str) -> list[str]:
    """Run a program and return what it prints; a warning in it is an error."""
    script = tmp_path / "program.py"
    script.write_text(IMPORTS + program, "utf-8")
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "never" not in done.stderr
    return done.stdout.splitlines()


def test_a_tree_with_a_failing_worker(tmp_path: Path) -> None:
    lines = said(tmp_path, FAILING_WORKER)
    assert sorted(lines[:3]) == ["ann 10.0", "bob 2.0", "bob failed on 0 ZeroDivisionError"]
    assert lines[3:] == ["/foreman/ann 1 0", "/foreman/bob 1 1", "over"]


def test_children_made_in_init(tmp_path: Path) -> None:
    lines = said(tmp_path, CHILDREN_IN_INIT)
    assert sorted(lines[:-1]) == [
        "/branch/leaf1 sun branch",
        "/branch/leaf2 sun branch",
        "/branch/leaf2 wind branch",
        "the tree got rain",
    ]
    assert lines[-1] == "/branch/leaf1 last branch"


def test_a_kernel_that_sends_before_the_loop_runs(tmp_path: Path) -> None:
    assert said(tmp_path, SENDING_BEFORE_THE_LOOP) == ["499500"]


def test_an_endless_reader_is_cut_off_at_the_end(tmp_path: Path) -> None:
    assert said(tmp_path, ENDLESS_READER) == ["cut off", "over"]


def test_an_actor_holds_its_mail_until_a_client_is_there(tmp_path: Path) -> None:
    lines = said(tmp_path, WAITING_FOR_A_CLIENT)
    assert lines == ["held: 3 running", "['hello', 'you', 'bye']"]
