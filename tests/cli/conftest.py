from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.served import Project


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project of the test's own, in a folder with a path short enough for a socket."""
    project = Project(tmp_path_factory.mktemp("p"))
    yield project
    project.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project for tests that only look, or whose traces harm nobody."""
    project = Project(tmp_path_factory.mktemp("p"))
    yield project
    project.close()
