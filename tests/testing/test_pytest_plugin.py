"""Async tests run in virtual time unless marked, and are told of the tasks they leave."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

INI = """
    [pytest]
    anyio_mode = auto
    addopts = -p aplay_host.testing.pytest_plugin --strict-markers
        -p no:cacheprovider -p no:hypothesispytest
    filterwarnings = error
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of its own, with nothing but the plugin switched on."""
    pytester.makeini(INI)
    return pytester


def test_async_tests_and_fixtures_run_in_virtual_time(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import asyncio
        import pytest
        from aplay_host.testing import VirtualTimeLoop

        @pytest.fixture
        async def an_hour_later(anyio_backend):
            await asyncio.sleep(3600)
            return asyncio.get_running_loop()

        async def test_sleep(an_hour_later):
            loop = asyncio.get_running_loop()
            assert loop is an_hour_later
            assert isinstance(loop, VirtualTimeLoop)
            assert loop.time() == 3600.0

        async def test_every_test_has_a_clock_of_its_own():
            assert asyncio.get_running_loop().time() == 0.0
    """)
    project.runpytest_inprocess().assert_outcomes(passed=2)


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_debug_mode_is_as_pythons_own_variable_says(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", debug)
    project.makepyfile(f"""
        import asyncio

        async def test_mode():
            assert asyncio.get_running_loop().get_debug() is {bool(debug)}
    """)
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_mark_real_time_gives_an_ordinary_loop(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import asyncio
        import pytest
        from aplay_host.testing import VirtualTimeLoop

        pytestmark = pytest.mark.real_time

        async def test_thread_against_timer():
            assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
            await asyncio.wait_for(asyncio.to_thread(lambda: None), 60)
    """)
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_test_that_leaves_tasks_behind_gets_an_error_with_their_names(
    project: pytest.Pytester,
) -> None:
    project.makepyfile("""
        import asyncio

        async def test_leaves_two():
            asyncio.create_task(asyncio.sleep(1), name="first-sleeper")
            asyncio.create_task(asyncio.sleep(1), name="second-sleeper")

        async def test_is_not_to_blame_for_the_others():
            pass
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_leaves_two*",
            "the test left tasks behind; end or await them:",
            "*'first-sleeper'*",
            "*'second-sleeper'*",
        ]
    )


def test_a_test_that_ends_its_tasks_is_left_alone(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import asyncio

        async def test_awaits():
            await asyncio.create_task(asyncio.sleep(1))

        async def test_cancels_without_waiting():
            task = asyncio.create_task(asyncio.sleep(1))
            await asyncio.sleep(0)
            task.cancel()
    """)
    project.runpytest_inprocess().assert_outcomes(passed=2)


def test_what_a_fixture_ends_is_not_left_behind_and_what_it_leaves_is(
    project: pytest.Pytester,
) -> None:
    project.makepyfile("""
        import asyncio
        import pytest

        @pytest.fixture
        async def tidy(anyio_backend):
            tasks = []
            yield tasks
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        @pytest.fixture
        async def untidy(anyio_backend):
            yield
            asyncio.create_task(asyncio.sleep(1), name="of-the-fixture")

        async def test_tidy(tidy):
            tidy.append(asyncio.create_task(asyncio.sleep(1)))

        async def test_untidy(untidy):
            pass
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_untidy*", "*of-the-fixture*"])


def test_the_examples_of_a_hypothesis_test_are_watched_too(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import asyncio
        from hypothesis import given, settings, strategies

        @given(strategies.integers(1, 9))
        @settings(max_examples=5, database=None)
        async def test_sleeps(seconds):
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            assert asyncio.get_running_loop().time() == before + seconds

        @given(strategies.integers(1, 9))
        @settings(max_examples=5, database=None)
        async def test_leaves_one(seconds):
            asyncio.create_task(asyncio.sleep(seconds), name="sleeper")
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_leaves_one*"])


def test_plain_tests_get_no_loop(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_plain(request):
            assert "_loop_of_the_test" not in request.fixturenames
    """)
    project.runpytest_inprocess().assert_outcomes(passed=1)
