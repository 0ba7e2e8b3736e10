"""Whatever is done to a kernel, in whatever order: it counts right, loses nothing and ends."""

from __future__ import annotations

import logging

import pytest
from hypothesis.stateful import run_state_machine_as_test

from .machine import Kernel
from .profiles import profile


def test_a_kernel_keeps_its_promises_whatever_is_done_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("aplay_host.kernel"), "disabled", True)
    run_state_machine_as_test(Kernel, settings=profile())
