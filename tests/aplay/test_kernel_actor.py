"""A program that stands alone: a kernel, its children, and the loop that it runs."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aplay_host.aplay import Actor, KernelActor
from aplay_host.kernel import ActorSystem, StartFailed

from .turns import checked, settle

LOG = list[str]


class Noting(Actor):
    """Notes in `notes` what becomes of it; ``stop`` ends the program."""

    notes: LOG

    async def on_start(self) -> None:
        self.notes.append(f"{self._address} starts")

    async def msg_handler(self, msg: Any = None) -> Any:
        self.notes.append(f"{self._address} {msg}")
        if msg == "stop":
            self._kernel.stop()
        if isinstance(msg, BaseException):
            raise msg

    async def on_stop(self, reason: str) -> None:
        self.notes.append(f"{self._address} stops: {reason}")


class Kernel(KernelActor, Noting):
    def __init__(self, log: LOG | None = None, **kwargs: Any) -> None:
        super().__init__("test", **kwargs)
        self.notes = [] if log is None else log


def child(kernel: Kernel, name: str = "x", log: LOG | None = None) -> Any:
    ref = kernel.create_actor(name, Noting)
    ref.notes = kernel.notes if log is None else log
    return ref


def in_thread(program: Callable[[], None]) -> None:
    """Run a program in a thread, which has no loop, and raise what it raises."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            program()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


# start(), in a thread of its own


def test_what_is_asked_before_the_loop_runs_happens_when_it_does() -> None:
    log: LOG = []

    def program() -> None:
        kernel = Kernel(log)
        one, two = child(kernel, "one"), child(kernel, "two")
        for msg in ("a", "b", "stop"):
            one.send_nowait(msg)
        two.start()
        kernel.send_nowait("to the kernel")
        assert (one.state, two.state, kernel.state, log) == ("new", "new", "new", [])
        assert checked(one.status()) == (3, 0, 0, 0, 3, 0)
        assert checked(kernel.ref().status()) == (1, 0, 0, 0, 1, 0)
        kernel.start()
        assert (one.state, two.state) == ("removed", "removed")
        assert checked(kernel.system.status()) == (4, 4, 0, 0, 0, 0)

    in_thread(program)
    assert log[:3] == ["/ starts", "/one starts", "/two starts"]
    assert log[-3:] == ["/two stops: shutdown", "/one stops: shutdown", "/ stops: shutdown"]
    assert [line for line in log if line.startswith("/one ") and "st" not in line] == [
        "/one a",
        "/one b",
    ]
    assert "/ to the kernel" in log


def test_a_made_loop_is_closed_and_a_given_one_is_not() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    def program() -> None:
        kernel = Kernel()
        child(kernel).send_nowait("stop")
        loops.append(kernel._loop)
        kernel.start()
        assert loops[0].is_closed()
        given = asyncio.new_event_loop()
        kernel = Kernel(loop=given)
        assert kernel._loop is kernel.loop is given
        child(kernel).send_nowait("stop")
        kernel.start()
        assert not given.is_closed()
        given.close()

    in_thread(program)


def test_the_loop_that_is_set_for_the_thread_is_used() -> None:
    def program() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        kernel = Kernel()
        child(kernel).send_nowait("stop")
        assert kernel._loop is loop
        kernel.start()
        loop.close()
        another = Kernel()._loop
        assert another is not loop
        another.close()
        asyncio.set_event_loop(None)

    in_thread(program)


def test_stop_before_start_ends_it_at_once() -> None:
    log: LOG = []

    def program() -> None:
        kernel = Kernel(log)
        child(kernel).send_nowait("never")
        kernel.stop()
        kernel.start()

    in_thread(program)
    assert log == []


def test_a_kernel_runs_once() -> None:
    def program() -> None:
        kernel = Kernel()
        child(kernel).send_nowait("stop")
        kernel.start()
        with pytest.raises(RuntimeError, match="'test' has run before"):
            kernel.start()

    in_thread(program)


def test_an_error_of_the_kernels_start_is_raised_and_ends_the_tree() -> None:
    log: LOG = []

    class Broken(Kernel):
        async def prepare_children(self) -> None:
            child(self)
            raise OSError("no children")

    def program() -> None:
        Broken(log).start()

    with pytest.raises(StartFailed, match="OSError: no children"):
        in_thread(program)
    assert log == []


def test_system_exit_ends_the_tree_in_order_and_is_raised_at_the_end() -> None:
    log: LOG = []

    def program() -> None:
        kernel = Kernel(log)
        child(kernel).send_nowait(SystemExit(3))
        kernel.start()

    with pytest.raises(SystemExit) as caught:
        in_thread(program)
    assert caught.value.code == 3
    assert log[-2:] == ["/x stops: shutdown", "/ stops: shutdown"]


# run(), in a loop that runs already


async def test_run_ends_with_stop_and_the_system_is_as_any_other() -> None:
    log: LOG = []
    kernel = Kernel(log)
    assert kernel._loop is asyncio.get_running_loop()
    running = asyncio.create_task(kernel.run())
    await settle()
    assert (kernel.state, kernel.address, kernel.system.name) == ("running", "/", "test")
    assert kernel._parent is None
    ref = child(kernel)
    assert ref._kernel == kernel._kernel == kernel.ref() == kernel.ref("/")
    assert await ref.ask("hello") is None
    assert await kernel.system.spawn(Actor, "y", parent="/x") == kernel.ref("/x/y")
    kernel.start()  # in a running program no more than what it is for every actor
    kernel.stop()
    await running
    assert log[-2:] == ["/x stops: shutdown", "/ stops: shutdown"]


async def test_start_in_a_running_loop_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"use 'await kernel\.run\(\)'"):
        Kernel().start()


async def test_cancelling_run_ends_the_tree_in_order() -> None:
    log: LOG = []
    kernel = Kernel(log)
    child(kernel).start()
    running = asyncio.create_task(kernel.run())
    await settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert log[-2:] == ["/x stops: shutdown", "/ stops: shutdown"]


async def test_a_kernel_that_is_bound_to_another_loop_says_so() -> None:
    other = asyncio.new_event_loop()
    with pytest.raises(RuntimeError, match="'test' belongs to another loop"):
        await Kernel(loop=other).run()
    other.close()


async def test_a_kernel_made_outside_may_run_in_another_loop_while_nobody_used_its_own() -> None:
    made: list[Kernel] = []
    in_thread(lambda: made.append(Kernel()))
    ref = child(made[0])
    ref.send_nowait("stop")
    await made[0].run()
    assert made[0].notes[-2:] == ["/x stops: shutdown", "/ stops: shutdown"]


async def test_stop_while_the_kernel_starts_cuts_the_start() -> None:
    class Endless(Kernel):
        async def on_start(self) -> None:
            await asyncio.Event().wait()

    kernel = Endless()
    running = asyncio.create_task(kernel.run())
    await settle()
    assert kernel.state == "starting"
    kernel.stop()
    await running
    assert kernel.notes == []


async def test_the_root_never_fails() -> None:
    class Fragile(Kernel):
        on_error = "escalate"

    kernel = Fragile()
    running = asyncio.create_task(kernel.run())
    await kernel.send(ValueError("no"))
    await kernel.send("goes on")
    await settle()
    assert (kernel.state, kernel.notes[-1]) == ("running", "/ goes on")
    kernel.stop()
    await running


async def test_a_message_in_hand_of_the_kernel_may_finish() -> None:
    log: LOG = []

    class Busy(Kernel):
        async def msg_handler(self, msg: Any = None) -> Any:
            self.stop()
            await asyncio.sleep(1)
            log.append("finished")

    kernel = Busy(log)
    kernel.send_nowait(1)
    kernel.send_nowait(2)
    await kernel.run()
    assert "finished" in log
    assert log[-1] == "/ stops: shutdown"
    assert checked(kernel.system.status())[4:] == (0, 0)


async def test_an_endless_handler_of_the_kernel_is_cut_off() -> None:
    class Endless(Kernel):
        async def msg_handler(self, msg: Any = None) -> Any:
            await asyncio.Event().wait()

    kernel = Endless()
    kernel.send_nowait(1)
    running = asyncio.create_task(kernel.run())
    await settle()
    kernel.stop()
    await running
    assert asyncio.get_running_loop().time() <= 5.0
    assert checked(kernel.system.status()) == (1, 0, 1, 0, 0, 0)


async def test_the_root_of_a_plain_system_is_stopped_alone(system: ActorSystem) -> None:
    ref = await system.spawn(Actor, "a")
    await system.ref("/").stop()
    assert (ref.state, system.stopping) == ("running", False)


# Ctrl-C, in a process of its own

PROGRAM = """
import asyncio, sys
from aplay_host.aplay import Actor, KernelActor

class Worker(Actor):
    stop_timeout = 2.0

    async def msg_handler(self, msg=None):
        print("working", flush=True)
        if msg == "stubborn":
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print("cancelled", flush=True)
        await asyncio.sleep(0.3)

    async def on_stop(self, reason):
        print("worker:", reason, flush=True)

class Program(KernelActor):
    async def on_stop(self, reason):
        print("kernel:", reason, flush=True)

kernel = Program("program")
worker = kernel.create_actor("worker", Worker)
worker.send_nowait(sys.argv[1])
kernel.start()
print("after", flush=True)
"""


def interrupted(tmp_path: Path, msg: str, interrupts: int = 1) -> tuple[int, list[str]]:
    """Run the program, interrupt it when it works; return exit code and what it said."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM, "utf-8")
    command = [sys.executable, "-W", "error", str(script), msg]
    # A shell's background job is born deaf to SIGINT, and so are the tests that it runs.
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=listens
    ) as program:
        last_resort = threading.Timer(20, program.kill)
        last_resort.start()
        assert program.stdout is not None
        assert program.stdout.readline() == "working\n"
        program.send_signal(signal.SIGINT)
        said = []
        for _ in range(interrupts - 1):
            said.append(program.stdout.readline().strip())
            program.send_signal(signal.SIGINT)
        said += program.stdout.read().splitlines()
        last_resort.cancel()
    return program.returncode, said


def test_ctrl_c_ends_the_tree_in_order_and_start_returns(tmp_path: Path) -> None:
    code, said = interrupted(tmp_path, "work")
    assert (code, said) == (0, ["worker: shutdown", "kernel: shutdown", "after"])


def test_a_second_ctrl_c_does_not_wait_for_the_stubborn(tmp_path: Path) -> None:
    code, said = interrupted(tmp_path, "stubborn", interrupts=2)
    assert code == 0
    assert said[0] == "cancelled"
    assert said[-1] == "after"
