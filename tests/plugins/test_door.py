"""What asking for a name of the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aplay_host
from aplay_host import plugins

if TYPE_CHECKING:
    from tests.plugins.conftest import Site

LISTING = """
import sys
before = set(sys.modules)
from aplay_host.plugins import Catalog, scan
rows = Catalog(scan([sys.argv[1]])).entries
print(*[row.id for row in rows])
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
print("importlib.metadata" in sys.modules, "aplay_host.kernel" in sys.modules)
"""


def test_scanning_imports_neither_plugins_nor_pluggy_nor_the_metadata_reader(site: Site) -> None:
    site.actor("tail", "tail", "raise SystemExit")
    site.hooks("guard", "raise SystemExit")
    # -S: the environment's own .pth files import what they like
    ran = subprocess.run(
        [sys.executable, "-S", "-c", LISTING, str(site.path)],
        cwd=Path(aplay_host.__file__).parents[1],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    ids, packages, others = ran.stdout.splitlines()
    assert ids == "tail/tail guard/guard"
    assert not {"pluggy", "tail", "guard", "asyncio"} & set(packages.split())
    assert others == "False False"


@pytest.mark.parametrize("name", plugins.__all__)
def test_every_public_name_is_behind_the_door(name: str) -> None:
    assert getattr(plugins, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scam'"):
        _ = plugins.scam
