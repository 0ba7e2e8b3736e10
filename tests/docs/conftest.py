"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .terminal import Terminal


@pytest.fixture
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path_factory.mktemp("t"))
    yield terminal
    for process in terminal.served:
        process.terminate()
        process.communicate(timeout=30)
