"""Probes and metrics of a host that runs, over its socket and over TCP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aplay_host.errors import ConfigError
from aplay_host.host.port import HostPort
from aplay_host.plugins import Health
from aplay_host.reload import ReloadReport, ReloadTrouble, Request
from tests.control.test_sse import streaming
from tests.control.wire import call
from tests.host.conftest import life_of
from tests.telemetry.counted import Series, of, parsed

if TYPE_CHECKING:
    from tests.host.conftest import Make, Serve, Served

TCP = """
    [metrics]
    bind = "127.0.0.1:0"
    per_address = ["/echo"]
"""
ECHO = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
"""
ENTRY_POINT = "tests.host.actors:Echo"


async def get(address: str | None, target: str) -> tuple[int, str]:
    """Return status and body of a page over TCP."""
    assert address is not None
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


async def scraped(served: Served) -> Series:
    assert served.ready.control is not None
    got = await call(Path(served.ready.control), "GET", "/metrics")
    assert got.status == 200
    return parsed(got.body)


async def looks_like(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  a host that starts tells nobody
        await asyncio.sleep(0.01)


# ---- where they are ------------------------------------------------------------------------


async def test_probes_and_metrics_are_answered_over_tcp(serve: Serve, folder: Path) -> None:
    served = await serve(TCP + ECHO)
    address = served.ready.metrics
    assert address is not None
    assert not address.endswith(":0")
    record = json.loads((folder / ".aplay" / "instance.json").read_text())
    assert record["metrics"] == address
    for probe in ("/livez", "/readyz", "/startupz"):
        assert await get(address, probe) == (200, "ok\n")
    status, body = await get(address, "/metrics")
    assert status == 200
    assert of(parsed(body.encode()), "aplay_actor_up", address="/echo") == 1
    assert (await get(address, "/v1/host"))[0] == 404


async def test_streams_are_counted_while_they_are_open(serve: Serve) -> None:
    served = await serve(ECHO)
    assert of(await scraped(served), "aplay_stream_clients") == 0
    async with streaming(Path(served.ready.control or "")) as stream:
        assert await stream.open("/v1/events") == 200
        assert of(await scraped(served), "aplay_stream_clients") == 1


async def test_without_bind_nothing_listens(serve: Serve) -> None:
    assert (await serve(ECHO)).ready.metrics is None


async def test_a_port_that_is_taken_is_a_mistake_in_the_file(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        host = make(ECHO + f'\n    [metrics]\n    bind = "{bind}"\n')
        with pytest.raises(ConfigError, match=f'metrics.bind: cannot listen at "{bind}": .*in use'):
            await life_of(host)


# ---- probes --------------------------------------------------------------------------------


async def test_a_host_that_starts_says_so_until_its_required_actors_have_started(
    make: Make,
) -> None:
    host = make(
        TCP
        + """
        [actors."/never"]
        use = "tests.host.actors:NeverUp"
        """
    )
    running = asyncio.create_task(life_of(host))
    await looks_like(lambda: host.planted)
    address = host.vitals.address
    assert await get(address, "/livez") == (200, "ok\n")
    assert await get(address, "/startupz") == (503, "not ready: /never has not started yet\n")
    assert await get(address, "/readyz") == (503, "not ready: the host is starting\n")
    host.stop("over")
    await running


async def test_an_optional_actor_keeps_no_start_probe_waiting(make: Make) -> None:
    host = make(
        """
        [actors."/never"]
        use = "tests.host.actors:NeverUp"
        required = false
        [actors."/bad"]
        use = "tests.host.actors:NoStart"
        budget = { max = 0 }
        """
    )
    running = asyncio.create_task(life_of(host))
    await looks_like(lambda: host.planted and host.system.ref("/bad").state == "failed")
    assert host.phase == "starting"
    assert host.health.started().ready
    host.stop("over")
    await running
    assert host.health.started().ready  # for ever


async def test_a_failed_required_actor_makes_the_host_unready(serve: Serve) -> None:
    served = await serve(
        TCP
        + """
        [actors."/bad"]
        use = "tests.host.actors:NoStart"
        budget = { max = 0 }
        """
    )
    assert await get(served.ready.metrics, "/readyz") == (503, "not ready: /bad is failed\n")
    assert await get(served.ready.metrics, "/livez") == (200, "ok\n")


async def test_a_held_actor_makes_the_host_degraded_and_not_unready(serve: Serve) -> None:
    served = await serve(TCP + ECHO)
    await served.host.system.ref("/echo").stop()
    await asyncio.sleep(60)
    assert await get(served.ready.metrics, "/readyz") == (200, "ok\n")
    assert (await HostPort(served.host).ready()).status == "degraded"


async def test_a_required_actor_that_does_not_come_back_is_told_after_five_seconds(
    serve: Serve,
) -> None:
    served = await serve(
        ECHO + '    on_error = "restart"\n    backoff = { initial = "20s", jitter = 0 }\n'
    )
    port = HostPort(served.host)
    served.host.system.ref("/echo").tell_nowait({"raise": "ValueError"})
    await asyncio.sleep(4)
    assert (await port.ready()).status == "ok"
    await asyncio.sleep(2)
    report = await port.ready()
    assert report.status == "not ready"
    assert report.checks[-1].detail == "/echo is restarting, and has not run for 6 s"
    await asyncio.sleep(20)
    assert (await port.ready()).status == "ok"


async def test_a_plugin_check_that_hangs_delays_no_probe(serve: Serve) -> None:
    served = await serve(TCP + ECHO)
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    async def hang() -> list[Health]:
        asked.set()
        await asyncio.Event().wait()
        return []

    served.host.rounds._ask = hang
    asking = asyncio.create_task(served.host.rounds.run())
    await asked.wait()
    began = loop.time()
    for probe in ("/livez", "/readyz", "/startupz"):
        assert await get(served.ready.metrics, probe) == (200, "ok\n")
    assert loop.time() - began < 0.5
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


# ---- metrics -------------------------------------------------------------------------------


async def test_the_socket_has_the_same_metrics(serve: Serve) -> None:
    served = await serve(ECHO)
    echo = served.host.system.ref("/echo")
    await echo.ask("x")
    await scraped(served)
    series = await scraped(served)
    type_ = {"actor_type": ENTRY_POINT}
    assert of(series, "aplay_actors", state="running", **type_) == 1
    assert of(series, "aplay_messages_settled_total", outcome="handled", **type_) == 1
    assert of(series, "aplay_generation") == 1
    assert of(series, "aplay_control_requests_total", route="/metrics", code="200") == 1
    assert of(series, "aplay_config_last_reload_successful") == 1


async def test_a_reload_of_the_file_shows_whether_it_was_taken(serve: Serve, folder: Path) -> None:
    served, file = await serve(ECHO), folder / "aplay.toml"
    sound = file.read_text()
    bad = {"scope": "config", "trigger": "signal", "outcome": "refused"}

    async def reloaded(text: str) -> Series:
        file.write_text(text)
        await served.host.reloads.reload(Request("SIGHUP", config=True))
        return await scraped(served)

    series = await reloaded(sound + "\n[nonsense]\n")
    assert of(series, "aplay_config_last_reload_successful") == 0
    assert of(series, "aplay_reloads_total", **bad) == 1
    series = await reloaded(sound)
    assert of(series, "aplay_config_last_reload_successful") == 1
    assert of(series, "aplay_reloads_total", **bad) == 1
    series = await reloaded(sound.replace("Echo", "Tight"))
    done = {"scope": "config", "trigger": "signal", "outcome": "committed"}
    assert of(series, "aplay_reloads_total", **done) == 1
    assert of(series, "aplay_reload_last_seconds", scope="config") > 0


async def test_series_by_address_come_with_a_reload(serve: Serve, folder: Path) -> None:
    served, file = await serve(ECHO), folder / "aplay.toml"
    file.write_text(f'{file.read_text()}\n[metrics]\nper_address = ["/**"]\nbind = "a:1"\n')
    await served.host.reloads.reload(Request("SIGHUP", config=True))
    assert of(await scraped(served), "aplay_actor_pending", address="/echo") == 0
    assert served.host.pending_restart == ("metrics.bind",)


@pytest.mark.parametrize(
    ("request_", "outcome", "code", "taken"),
    [
        (Request("command"), "refused", "bad-config", 0),
        (Request("command"), "refused", "syntax", 1),
        (Request("a file changed"), "refused", "bad-config", 0),
        (Request("SIGHUP", config=True), "refused", "fault", 0),
        (Request("SIGHUP", config=True), "waiting", "busy", 1),
        (Request("command", plugins=("a",)), "refused", "syntax", 1),
        (Request("rollback"), "refused", "nothing-before", 1),
    ],
)
async def test_which_reloads_say_that_the_file_was_not_taken(
    serve: Serve, request_: Request, outcome: str, code: str, taken: int
) -> None:
    served = await serve(ECHO)
    error = ReloadTrouble(code, "aplay.toml:1", "x", "y", "z")
    report = ReloadReport(outcome, 1, 2, error=error)  # type: ignore[arg-type]
    served.host.reloads.observe(request_, report)
    assert of(await scraped(served), "aplay_config_last_reload_successful") == taken


async def test_an_actor_with_another_class_goes_on_counting(serve: Serve, folder: Path) -> None:
    served, file = await serve(ECHO), folder / "aplay.toml"
    await served.host.system.ref("/echo").ask("x")
    file.write_text(file.read_text().replace("actors:Echo", "actors:Tight"))
    await served.host.reloads.reload(Request("command"))
    await served.host.system.ref("/echo").ask("x")
    series = await scraped(served)
    for kind in ("Echo", "Tight"):
        type_ = f"tests.host.actors:{kind}"
        told = {"actor_type": type_, "outcome": "handled"}
        assert of(series, "aplay_messages_settled_total", **told) == 1
