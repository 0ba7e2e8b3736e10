"""An author's test of live change: edit, await the reload, look at what survived."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from aplay_host.errors import ConfigError
from aplay_host.testing import reload_harness

TALLY = """
    from aplay_host import Actor

    STEP = 1

    class Tally(Actor):
        total = 0

        async def msg_handler(self, msg):
            self.total += STEP
            return self.total
"""
TOML = 'actors."/tally".use = "tally:Tally"'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "tally.py").write_text(dedent(TALLY))
    return tmp_path


async def test_state_survives_an_edit_and_the_sources_are_untouched(source: Path) -> None:
    async with reload_harness(source, TOML) as live:
        assert await live.ask("/tally", None) == 1
        report = await live.edit("tally.py", "STEP = 1", "STEP = 10")
        assert (report.outcome, report.generation_to) == ("committed", 2)
        assert await live.ask("/tally", None) == 11
        assert live.ref("/tally").status().generation == 2
        refused = await live.write("tally.py", "STEP = (")
        assert refused.outcome == "refused"
        assert await live.ask("/tally", None) == 21
        assert (await live.rollback()).outcome == "committed"
        assert await live.ask("/tally", None) == 22
    assert (source / "tally.py").read_text() == dedent(TALLY)


async def test_what_was_imported_before_is_there_again_and_nothing_else(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, own = list(sys.path), object()
    monkeypatch.setitem(sys.modules, "tally", own)
    async with reload_harness(source, TOML) as live:
        assert sys.modules["tally"].__file__ == str(live.folder / "tally.py")
        folder = live.folder
    assert (sys.modules["tally"], sys.path) == (own, path)
    assert not folder.exists()


async def test_edit_of_a_text_that_is_not_there_is_a_mistake_of_the_test(source: Path) -> None:
    async with reload_harness(source, TOML) as live:
        with pytest.raises(ValueError, match=r"'nonsense' is not in tally\.py: want a text"):
            await live.edit("tally.py", "nonsense", "")


async def test_start_that_fails_is_raised(source: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        async with reload_harness(source, 'actors."/x".use = "nowhere"'):
            pass
    assert "tally" not in sys.modules


async def test_error_of_the_block_is_raised_as_it_is(source: Path) -> None:
    async def block() -> None:
        async with reload_harness(source, TOML) as live:
            await live.ask("/tally", None)
            raise KeyError("of the block")

    with pytest.raises(KeyError, match="of the block"):
        await block()
