"""What entering the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import aplay_host.config as config

LIGHT = """
import sys
from pathlib import Path
from aplay_host.config import find_config, parse_duration, peek, read_document
file = find_config(None, cwd=Path.cwd(), environ={})
peek(file)
read_document(file)
parse_duration("1s")
print([name for name in sys.modules if name.partition(".")[0].startswith("pydantic")])
"""
ROOT = Path(config.__file__).parents[2]


def test_finding_and_peeking_import_no_pydantic(folder: Path) -> None:
    (folder / "aplay.toml").write_text("[host]\nname = 'x'\n")
    done = subprocess.run(
        [sys.executable, "-c", LIGHT],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", config.__all__)
def test_every_name_of_the_door_is_there(name: str) -> None:
    assert getattr(config, name).__module__.startswith(
        ("aplay_host.config.", "typing", "types", "collections")
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = config.nothing
