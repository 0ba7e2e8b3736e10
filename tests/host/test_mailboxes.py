"""Kinds of mailboxes, from the plugin that offers them to the actor that has one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aplay_host.host import Host, check_config
from aplay_host.host.port import HostPort
from aplay_host.kernel import Address
from aplay_host.testing import dist
from tests.host.actors import Echo
from tests.host.conftest import life_of

if TYPE_CHECKING:
    from tests.host.conftest import Make, Serve

TOOLBOX = Path(__file__).parents[2] / "plugins_example/toolbox/toolbox.py"
RINGED = """
    [actors."/echo"]
    use = "tests.host.actors:Echo"
    mailbox = { kind = "loop", size = 2 }
"""


def install(folder: Path, text: str) -> None:
    """Install `text` as the only module of a plugin."""
    site = folder / "site"
    points = "[aplay_host.plugins]\nrings = rings\n"
    dist(site, "rings", files={"rings.py": text}, entry_points=points)
    sys.path.insert(0, str(site))


@pytest.fixture
def _rings(folder: Path) -> Iterator[None]:
    """Install the example's ring under other names, as it may be here itself."""
    install(folder, TOOLBOX.read_text("utf-8").replace('"ring"', '"loop"'))
    yield
    sys.modules.pop("rings", None)


def tell(host: Host, address: str, count: int) -> None:
    for number in range(count):
        host.system.ref(address).tell_nowait(number)


def lost(host: Host) -> list[tuple[str, object, str]]:
    return [(one.target, one.message, one.reason) for one in host.system.dead_letters]


@pytest.mark.usefixtures("_rings")
async def test_an_actor_has_the_mailbox_that_the_file_names(serve: Serve) -> None:
    host = (await serve(RINGED)).host
    await host.system.ref("/echo").stop()
    tell(host, "/echo", 5)
    assert lost(host) == [("/echo", number, "dropped") for number in range(3)]
    (row,) = (await HostPort(host).actors([])).rows
    assert (row.mailbox.kind, row.pending) == ("loop", 2)
    await host.system.ref("/echo").human_start()
    assert await host.system.ref("/echo").ask("x") == "x"


@pytest.mark.usefixtures("_rings")
async def test_code_may_name_the_kind_as_well(serve: Serve) -> None:
    host = (await serve("")).host
    ref = await host.system.spawn(Echo, "made", mailbox={"kind": "loop", "size": 1})
    await ref.stop()
    tell(host, "/made", 2)
    assert lost(host) == [("/made", 0, "dropped")]
    with pytest.raises(ValueError, match='of /bad: got "lopo", want one of loop, memory'):
        await host.system.spawn(Echo, "bad", mailbox={"kind": "lopo"})


@pytest.mark.usefixtures("_rings")
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("size = 2", "size = 0"), '4:35: error: actors."/echo".mailbox.size: got 0, want'),
        (("size", "sise"), '4:28: error: actors."/echo".mailbox.sise: unknown key'),
        (
            ('"loop"', '"lopo"'),
            '4:20: error: actors."/echo".mailbox.kind: no plugin offers the mailbox kind "lopo"',
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    folder: Path, make: Make, change: tuple[str, str], line: str
) -> None:
    make(RINGED.replace(*change))
    report = check_config(folder / "aplay.toml", "1.0", import_plugins=True)
    assert f"aplay.toml:{line}" in report.text.splitlines()[0]


async def test_an_actor_whose_kind_a_bad_plugin_may_offer_stands_failed_and_the_rest_runs(
    serve: Serve, folder: Path
) -> None:
    install(folder, "import no_such_thing")
    host = (await serve(RINGED + '[actors.b]\nuse = "tests.host.actors:Echo"\n')).host
    assert host.system.ref("/b").state == "running"
    assert host.system.ref("/echo").state == "failed"
    fault = host.faults[Address("/echo")]
    assert 'kind "loop"; the kinds here: memory, ' in fault
    assert fault.endswith("; these are not loaded: rings/rings")


async def test_no_plugin_takes_the_hosts_own_kind(serve: Serve, folder: Path) -> None:
    install(folder, TOOLBOX.read_text("utf-8").replace('"ring"', '"sqlite"'))
    plugins = (await serve("")).host.plugins
    sys.modules.pop("rings")
    assert plugins.mailboxes["sqlite"].plugin == "aplay-host/mailboxes"
    (row,) = [one for one in plugins.rows() if one.id == "rings/rings"]
    assert row.reason is not None
    assert 'mailbox kind "sqlite" is offered by aplay-host/mailboxes and' in row.reason.message


async def test_a_mailbox_that_cannot_be_made_is_a_failed_start_of_its_actor(
    serve: Serve, folder: Path
) -> None:
    text = """
from aplay_host import MailboxRegistration, hookimpl

def make(address, spec):
    raise OSError("no disk")

@hookimpl
def aplay_mailboxes():
    return MailboxRegistration("loop", make, survives="nothing")
"""
    install(folder, text)
    host = (await serve(RINGED.replace(", size = 2", ""))).host
    await asyncio.sleep(60)
    status = host.system.ref("/echo").status()
    assert status.state == "failed"
    sys.modules.pop("rings")


@pytest.mark.usefixtures("_rings")
async def test_in_safe_mode_a_guests_kind_is_not_missed(folder: Path, make: Make) -> None:
    text = '[defaults]\nmailbox = { kind = "loop", size = 2 }\n[actors.g]\nuse = "group"\n'
    held: list[bool] = []

    def ready(told: object) -> None:
        held.append(host.system.ref("/g").held)
        host.stop("seen")

    host = Host(make(text).config, safe=True, on_ready=ready)
    assert await life_of(host) == 0
    assert held == [True]
