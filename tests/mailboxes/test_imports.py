"""What authors write above their classes costs no import of the codec."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("line", "loads"),
    [
        ("from aplay_host import Actor, Unencodable, message, upcast", False),
        ("from aplay_host.aplay import MailBox", False),
        ("from aplay_host.mailboxes import UnreadableRecord", False),
        ("from aplay_host.mailboxes import Codec", True),
        ("from aplay_host.mailboxes import TypeRegistry", True),
    ],
)
def test_msgspec_is_loaded_with_the_codec_alone(line: str, loads: bool) -> None:
    program = f"{line}\nimport sys; print('msgspec' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == f"{loads}\n", ran.stderr
