"""The daemon from start to stop, in the process of the test: what it leaves, what it returns."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aplay_host.control import instance as instance_module
from aplay_host.control import is_locked
from aplay_host.errors import CommandError, ConfigError, HostBusy, PluginError, StateDirError
from aplay_host.host import Ready
from aplay_host.host.holds import read_holds
from aplay_host.host.port import HostPort
from aplay_host.kernel import Started
from aplay_host.testing import dist
from tests.host.conftest import life_of
from tests.host.orders import by_me

if TYPE_CHECKING:
    from tests.host.conftest import Make, Serve

ECHO = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
"""


def left_behind(folder: Path) -> set[str]:
    """Return what a host has left in its state directory, but for the lock."""
    state_dir = folder / ".aplay"
    assert not is_locked(state_dir)
    return {path.name for path in state_dir.rglob("*")} - {"lock", "run"}


def offer(site: Path, name: str, target: str) -> None:
    """Install a distribution that offers one actor."""
    dist(site, name, entry_points=f"[aplay_host.actors]\n{name} = {target}\n")
    sys.path.append(str(site))


# ---- an ordinary life ----------------------------------------------------------------------


async def test_a_host_that_is_ready_can_be_found_and_a_stopped_one_leaves_nothing(
    serve: Serve, folder: Path
) -> None:
    served = await serve(ECHO)
    record = json.loads((folder / ".aplay" / "instance.json").read_text())
    assert record["pid"] == served.ready.pid == os.getpid()
    assert record["control"] == served.ready.control
    assert record["config"] == str(folder / "aplay.toml")
    assert Path(record["control"]).is_socket()
    assert served.host.phase == "running"
    assert await served.stop() == 0
    assert left_behind(folder) == set()


async def test_stopping_twice_is_stopping_once(serve: Serve) -> None:
    served = await serve(ECHO)
    served.host.stop("once")
    served.host.stop("twice")
    assert await served.running == 0


async def test_waiting_mail_is_handled_before_the_end(serve: Serve) -> None:
    served = await serve(ECHO)
    echo = served.host.system.ref("/echo")
    for n in range(100):
        echo.tell_nowait(n)
    assert await served.stop() == 0
    assert served.host.system.status().handled == 100


async def test_a_handler_that_has_to_be_cut_off_makes_the_stop_a_failure(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve("host.drain_timeout = 2" + ECHO)
    served.host.system.ref("/echo").tell_nowait("wait")
    assert await served.stop() == 1
    assert "not in order: handlers were cut off" in caplog.text


async def test_a_host_starts_again_where_one_has_stopped(serve: Serve) -> None:
    assert await (await serve(ECHO)).stop() == 0
    assert await (await serve(ECHO)).stop() == 0


async def test_an_empty_file_is_a_host_without_actors(serve: Serve) -> None:
    served = await serve("")
    assert served.host.system.tree() == []


# ---- actors and plugins that are bad -------------------------------------------------------


async def test_an_actor_whose_import_fails_stands_failed_while_others_run(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "broken_at_import.py").write_text("raise ImportError('no driver')\n")
    bad = '\nplugins.paths = ["."]\n[actors."/bad"]\nuse = "broken_at_import:A"\n'
    served = await serve(bad + ECHO)
    states = {status.address: status.state for status in served.host.system.tree()}
    assert states == {"/bad": "failed", "/echo": "running"}
    assert await served.host.system.ref("/echo").ask("x") == "x"
    fault = served.host.system.ref("/bad").status().last_error
    assert fault is not None
    assert "no driver (broken_at_import.py:1)" in fault.text
    assert await served.stop() == 0


async def test_an_actor_that_does_not_start_stands_failed_while_others_run(serve: Serve) -> None:
    served = await serve('[actors."/bad"]\nuse = "tests.host.actors:NoStart"\n' + ECHO)
    states = [status.state for status in served.host.system.tree()]
    assert states == ["failed", "running"]


async def test_a_strict_host_refuses_a_bad_plugin_by_name_and_starts_nobody(
    make: Make, folder: Path
) -> None:
    offer(folder / "site-packages", "acme", "no_such_module_of_acme:A")
    host = make('plugins.strict = true\n[actors."/bad"]\nuse = "acme"\n' + ECHO)
    with pytest.raises(PluginError, match=r"acme/acme: import: .*no_such_module_of_acme"):
        await life_of(host)
    assert host.system.tree() == []
    assert left_behind(folder) == set()


async def test_a_start_waits_for_an_installer_that_is_at_work(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site-packages"
    offer(site, "acme", "tests.host.actors:Echo")
    record = site / "acme-1.0.dist-info" / "RECORD"
    complete = record.read_text()
    record.unlink()
    sleep = asyncio.sleep

    async def work_on(seconds: float) -> None:
        record.write_text(complete)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", work_on)
    served = await serve('[actors."/new"]\nuse = "acme"\n')
    assert record.exists()
    assert served.host.system.ref("/new").state == "running"


async def test_a_host_that_has_stopped_is_no_finder_of_modules_any_more(serve: Serve) -> None:
    before = list(sys.meta_path)
    served = await serve(ECHO)
    assert sys.meta_path == [served.host.plugins.finder, *before]
    await served.stop()
    assert sys.meta_path == before


async def test_a_bad_plugin_is_logged_where_nobody_is_strict(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    offer(folder / "site-packages", "acme", "no_such_module_of_acme:A")
    await serve('[actors."/bad"]\nuse = "acme"\n' + ECHO)
    assert "plugin acme/acme is failed" in caplog.text


async def test_a_setting_that_matches_no_plugin_is_a_warning(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    await serve('plugins.disable = ["no-such-dist"]\n' + ECHO)
    assert "no-such-dist" in caplog.text


# ---- starts that fail ----------------------------------------------------------------------


async def test_a_use_that_names_nobody_starts_nothing_and_leaves_nothing(
    make: Make, folder: Path
) -> None:
    host = make('[actors."/x"]\nuse = "no.such"\n' + ECHO)
    with pytest.raises(ConfigError, match=r"no\.such"):
        await life_of(host)
    assert host.system.tree() == []
    assert left_behind(folder) == set()


async def test_a_state_directory_that_cannot_be_made_starts_nothing(
    make: Make, folder: Path
) -> None:
    (folder / "file").touch()
    with pytest.raises(StateDirError, match="file/state"):
        await life_of(make('host.state_dir = "file/state"\n' + ECHO))
    assert (folder / "file").read_bytes() == b""


async def test_a_second_host_is_busy_and_takes_nothing_from_the_first(
    serve: Serve, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance_module, "LOCK_PATIENCE", 0.0)
    served = await serve(ECHO)
    with pytest.raises(HostBusy, match=f"pid {os.getpid()} "):
        await life_of(make(ECHO))
    assert served.ready.control is not None
    assert Path(served.ready.control).is_socket()
    assert await served.stop() == 0


async def test_a_directory_for_the_socket_that_is_not_ours_is_not_used(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / ".aplay").mkdir()
    (folder / ".aplay" / "run").symlink_to(folder)
    served = await serve(ECHO)
    assert served.ready.control is None
    assert "running without: " in caplog.text
    assert "not a directory of ours" in caplog.text
    assert not list(folder.glob("*.sock"))


async def test_a_host_without_a_socket_warns_and_runs(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / ".aplay" / "run" / "control.sock" / "in the way").mkdir(parents=True)
    served = await serve(ECHO)
    assert served.ready.control is None
    assert "no control socket, running without" in caplog.text
    assert await served.host.system.ref("/echo").ask("x") == "x"
    assert await served.stop() == 0


async def test_whoever_is_told_ready_and_raises_ends_the_host_in_order(
    make: Make, folder: Path
) -> None:
    host = make(ECHO)

    def fail(ready: object) -> None:
        raise LookupError

    host._on_ready = fail
    with pytest.raises(LookupError):
        await life_of(host)
    assert left_behind(folder) == set()


# ---- stops that come early -----------------------------------------------------------------


NEVER_UP = '[actors."/never"]\nuse = "tests.host.actors:NeverUp"\n'


async def test_a_stop_before_the_tree_stands_is_an_orderly_one(make: Make, folder: Path) -> None:
    host = make(ECHO + NEVER_UP)
    told: list[object] = []
    host._on_ready = told.append
    host.system.events.subscribe((Started,), lambda event: host.stop("early"))
    assert await life_of(host) == 0
    assert told == []
    assert left_behind(folder) == set()


async def test_an_actor_that_exits_while_it_starts_ends_the_host(make: Make, folder: Path) -> None:
    host = make('[actors."/exits"]\nuse = "tests.host.actors:Exits"\n' + ECHO)
    assert await life_of(host) == 1
    assert isinstance(host.system.fatal, SystemExit)
    assert left_behind(folder) == set()


async def test_a_handler_that_exits_ends_the_host_in_order_and_the_others_first_finish(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    served = await serve(ECHO + '[actors."/other"]\nuse = "tests.host.actors:Echo"\n')
    other = served.host.system.ref("/other")
    for n in range(10):
        other.tell_nowait(n)
    served.host.system.ref("/echo").tell_nowait({"raise": "SystemExit"})
    assert await served.running == 1
    assert "a handler raised SystemExit(3)" in caplog.text
    assert served.host.system.status().handled == 10
    assert left_behind(folder) == set()


# ---- what the log says ---------------------------------------------------------------------


async def test_the_log_says_ready_only_when_every_actor_runs(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aplay_host")
    served = await serve(ECHO)
    assert f"ready, 1 actor, pid {os.getpid()}" in caplog.messages
    await served.stop()
    caplog.clear()
    await serve(ECHO + '[actors."/down"]\nuse = "tests.host.actors:NoStart"')
    assert f"started, 2 actors, pid {os.getpid()}; failed: /down" in caplog.messages


async def test_an_actor_whose_class_cannot_be_had_is_named_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    await serve(ECHO + '[actors."/gone"]\nuse = "tests.host.actors:Gone"')
    (line,) = [text for text in caplog.messages if text.startswith("/gone is failed: ")]
    assert '"tests.host.actors:Gone" cannot be loaded' in line


async def test_a_file_without_actors_is_served_with_a_warning(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await serve("")
    assert f"{folder / 'aplay.toml'} names no actor" in caplog.messages


async def test_a_stop_says_after_a_second_what_it_waits_for(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aplay_host")
    served = await serve(ECHO)
    echo = served.host.system.ref("/echo")
    echo.tell_nowait("wait")
    echo.tell_nowait("more")
    assert await served.stop() == 1
    waiting = "waiting up to 30 s for /echo (1 in hand, 1 waiting); a second signal cuts them off"
    assert waiting in caplog.messages


async def test_an_address_that_is_almost_right_gets_a_suggestion(serve: Serve) -> None:
    served = await serve(ECHO)
    with pytest.raises(CommandError) as caught:
        await HostPort(served.host).actors(["/ecoh"])
    assert caught.value.hint == "did you mean /echo?"


async def test_actors_can_be_stopped_and_started_while_the_disk_takes_no_file(
    serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = (await serve(ECHO)).host
    port, file = HostPort(host), folder / ".aplay" / "held.json"
    file.mkdir()  # where no file can be put
    await port.stop(["/echo"], by_me(5.0))
    assert "who is stopped is not kept over a restart until the next stop or start" in caplog.text
    assert (host.system.ref("/echo").state, set(host.holds)) == ("stopped", {"/echo"})
    assert not list(file.parent.glob("held.json.*"))
    await port.start(["/echo"], by_me(5.0))
    assert (host.system.ref("/echo").state, set(host.holds)) == ("running", set())
    file.rmdir()
    await port.stop(["/echo"], by_me(5.0))
    assert set(read_holds(file.parent)) == {"/echo"}


async def test_an_actor_that_is_stopped_in_its_start_does_not_keep_the_host_from_being_ready(
    make: Make,
) -> None:
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    host = make('[actors."/up"]\nuse = "tests.host.actors:NeverUp"')
    host._on_ready = ready.set_result
    running = asyncio.create_task(life_of(host))
    for _ in range(1000):  # a start tells nobody that it has begun
        if host.system.ref("/up").state == "starting":
            break
        await asyncio.sleep(0)
    await HostPort(host).stop(["/up"], by_me(10.0))
    await ready
    assert host.system.ref("/up").state == "stopped"
    host.stop("the test is over")
    assert await running == 0
