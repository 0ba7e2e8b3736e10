"""A pytest plugin for tests of actors: virtual time, and no task left behind.

Name it in pyproject.toml, next to the switch that lets anyio run async tests::

    [tool.pytest.ini_options]
    anyio_mode = "auto"
    addopts = ["-p", "aplay_host.testing.pytest_plugin"]

Every ``async def test_...`` and every async fixture then runs on a `VirtualTimeLoop`. The mark
``real_time``, on a test, a class or a module, asks for an ordinary loop: for tests in which a
thread or another process races a timer. A test that leaves a task behind, after the teardown of
its fixtures, gets an error naming the task. ``PYTHONASYNCIODEBUG=1`` runs all of them in
asyncio's debug mode, which takes twice as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from .virtual_time import VirtualTimeLoop


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark, and offer the fixtures.

    They are registered here, and not found in this module, because among plugins the latest
    fixture of a name holds and anyio, which has its own `anyio_backend`, is loaded later.
    """
    config.addinivalue_line("markers", "real_time: run the async test by the real clock")
    config.pluginmanager.register(_AsyncTests(), "aplay_host.testing.fixtures")


class _AsyncTests:
    """The fixtures; they hold nothing."""

    @pytest.fixture
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
        """Return anyio's choice of backend: asyncio, with the clock asked for."""
        real = request.node.get_closest_marker("real_time") is not None
        return "asyncio", {"loop_factory": None if real else VirtualTimeLoop}

    @pytest.fixture
    async def _loop_of_the_test(self, anyio_backend: object) -> asyncio.AbstractEventLoop:
        """Return the loop of the test, which stays open for as long as this fixture lives."""
        return asyncio.get_running_loop()

    @pytest.fixture(autouse=True)
    def _no_task_left_behind(self, request: pytest.FixtureRequest) -> Iterator[None]:
        """Compare the tasks before and after an async test with all its other fixtures."""
        if "anyio_backend" not in request.fixturenames:
            yield
            return
        loop: asyncio.AbstractEventLoop = request.getfixturevalue("_loop_of_the_test")
        before = asyncio.all_tasks(loop)
        yield
        # One turn of the loop, so that tasks just cancelled can end.
        loop.run_until_complete(asyncio.sleep(0))
        left = asyncio.all_tasks(loop) - before
        if left:
            pytest.fail(_describe(left), pytrace=False)


def _describe(tasks: Iterable[asyncio.Task[Any]]) -> str:
    lines = sorted(f"  {task!r}" for task in tasks)
    return "\n".join(["the test left tasks behind; end or await them:", *lines])
