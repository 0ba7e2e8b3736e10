"""aplay_host keeps every rule, and every rule can be broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import aplay_host

from .rules import (
    FLOORS,
    HOMES,
    RULES,
    Rule,
    broken_doors,
    broken_floors,
    broken_homes,
    import_circles,
    module_state,
    oversized,
    stray_prints,
)
from .source import Module, read_package

ROOT = Path(aplay_host.__file__).parent

Plant = Callable[[dict[str, str]], list[Module]]


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return read_package(ROOT)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Write a package `aplay_host` from file names and texts, and read it."""

    def write(files: dict[str, str]) -> list[Module]:
        for name, text in files.items():
            file = tmp_path / "aplay_host" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        return read_package(tmp_path / "aplay_host")

    return write


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_aplay_host_keeps_the_rule(rule: Rule, modules: list[Module]) -> None:
    broken = rule(modules)
    assert not broken, "\n" + "\n".join(broken)


def test_every_file_of_the_package_is_read(modules: list[Module]) -> None:
    assert len(modules) == len(list(ROOT.rglob("*.py")))
    assert {"aplay_host", "aplay_host.kernel", "aplay_host.kernel.address"} <= {
        module.name for module in modules
    }


# Floors


def test_an_import_that_points_up_is_reported_with_its_place(plant: Plant) -> None:
    modules = plant({"kernel/cell.py": "import os\n\nfrom ..config import HostConfig\n"})
    assert broken_floors(modules) == [
        "aplay_host/kernel/cell.py:3 imports aplay_host.config: "
        "imports point down, and config is above kernel"
    ]


def test_siblings_on_one_floor_are_strangers(plant: Plant) -> None:
    modules = plant({"config/__init__.py": "import aplay_host.plugins\n"})
    assert broken_floors(modules) == [
        "aplay_host/config/__init__.py:1 imports aplay_host.plugins: "
        "config and plugins share a floor and are strangers"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "from aplay_host import Actor",
        "from .. import Actor",
        "from ..aplay import Actor",
        "import aplay_host.__main__",
    ],
)
def test_a_door_on_top_is_imported_by_no_floor(plant: Plant, line: str) -> None:
    modules = plant({"aplay.py": "", "__init__.py": "", "host/host.py": f"{line}\n"})
    (message,) = broken_floors(modules)
    assert message.startswith("aplay_host/host/host.py:1 imports aplay_host")
    assert message.endswith(": a door on top, which no floor imports")


def test_a_package_without_a_floor_is_reported(plant: Plant) -> None:
    modules = plant({"helpers/__init__.py": "", "cli/x.py": "from ..helpers import tidy\n"})
    assert broken_floors(modules) == [
        "aplay_host/helpers/__init__.py:1 stands on no floor: give 'helpers' one in FLOORS",
        "aplay_host/cli/x.py:1 imports aplay_host.helpers: helpers has no floor",
    ]


def test_an_import_inside_a_function_counts_for_floors(plant: Plant) -> None:
    modules = plant({"kernel/cell.py": "def late():\n    from ..host import Host\n"})
    (message,) = broken_floors(modules)
    assert message.startswith("aplay_host/kernel/cell.py:2 ")


def test_what_points_down_or_is_common_is_allowed(plant: Plant) -> None:
    modules = plant(
        {
            "_version.py": "",
            "errors.py": "from .kernel import AplayError\n",
            "kernel/__init__.py": "from .._version import __version__\nfrom . import cell\n",
            "kernel/cell.py": "",
            "cli/main.py": "from .. import errors\nfrom ..host import Host\n",
            "host/__init__.py": "",
            "aplay.py": "from .kernel import Actor\n",
            "__main__.py": "from .cli import main\n",
            "cli/__init__.py": "",
        }
    )
    assert broken_floors(modules) == []


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_type_checkers_are_free(plant: Plant, guard: str) -> None:
    text = f"if {guard}:\n    from ..host.host import Host\n    import click\n"
    modules = plant({"kernel/cell.py": text})
    assert [rule(modules) for rule in (broken_floors, broken_doors, broken_homes)] == [[], [], []]


def test_the_else_of_a_type_checking_block_is_not_free(plant: Plant) -> None:
    text = "if TYPE_CHECKING:\n    pass\nelse:\n    from ..host import Host\n"
    assert len(broken_floors(plant({"kernel/cell.py": text}))) == 1


# Doors


@pytest.mark.parametrize(
    "line",
    [
        "from ..kernel.spec import ActorSpec",
        "from ..kernel import spec",
        "import aplay_host.kernel.spec",
        "def late():\n    from aplay_host.kernel.spec import ActorSpec",
    ],
)
def test_a_file_inside_another_package_is_not_imported(plant: Plant, line: str) -> None:
    modules = plant({"kernel/spec.py": "", "config/tree.py": f"{line}\n"})
    (message,) = broken_doors(modules)
    assert message.startswith("aplay_host/config/tree.py:")
    assert message.endswith(
        " imports aplay_host.kernel.spec: enter through the door, aplay_host.kernel"
    )


def test_the_doors_on_top_enter_through_doors_too(plant: Plant) -> None:
    modules = plant({"aplay.py": "from .kernel.actor import Actor\n"})
    assert len(broken_doors(modules)) == 1


def test_what_a_door_offers_may_be_named_like_a_file_inside(plant: Plant) -> None:
    modules = plant(
        {
            "cli/__init__.py": "from .main import main\n__all__ = ['main']\n",
            "cli/main.py": "",
            "__main__.py": "from aplay_host.cli import main\n",
        }
    )
    assert broken_doors(modules) == []


def test_files_of_one_package_import_each_other_directly(plant: Plant) -> None:
    modules = plant({"cli/verbs/ask.py": "from ..output import table\n", "cli/output.py": ""})
    assert broken_doors(modules) == []


# Homes


def test_a_library_away_from_its_home_is_reported(plant: Plant) -> None:
    modules = plant({"host/host.py": "import os, click.core\n"})
    assert broken_homes(modules) == ["aplay_host/host/host.py:1 imports click: its home is cli"]


def test_a_library_without_a_home_is_reported(plant: Plant) -> None:
    modules = plant({"host/host.py": "def late():\n    from requests import get\n"})
    assert broken_homes(modules) == [
        "aplay_host/host/host.py:2 imports requests: "
        "it has no home; give it one in HOMES and a row in docs/dependencies.md"
    ]


def test_a_guest_is_imported_inside_a_function_only(plant: Plant) -> None:
    late, early = "def f():\n    import msgspec\n", "import msgspec\n"
    modules = plant({"config/late.py": late, "config/early.py": early, "mailboxes/box.py": early})
    assert broken_homes(modules) == [
        "aplay_host/config/early.py:1 imports msgspec: its home is mailboxes"
    ]


def test_the_kernel_is_the_home_of_no_library(plant: Plant) -> None:
    assert "kernel" not in set().union(*HOMES.values())
    assert len(broken_homes(plant({"kernel/cell.py": "import pluggy\n"}))) == 1


def test_every_home_stands_on_a_floor() -> None:
    assert set().union(*HOMES.values()) <= set().union(*FLOORS)


def third_party_loaded_by(module: str) -> set[str]:
    """Import `module` in a fresh interpreter; return what it loads beyond Python and us."""
    script = f"import sys; old = set(sys.modules); import {module}; print(*set(sys.modules) - old)"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT.parent, check=True, capture_output=True, text=True
    )
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    return loaded - sys.stdlib_module_names - {"aplay_host"}


def test_importing_the_kernel_loads_no_third_party_module() -> None:
    assert third_party_loaded_by("aplay_host.kernel") == set()


def test_a_third_party_module_that_is_loaded_is_noticed() -> None:
    assert third_party_loaded_by("pluggy") == {"pluggy"}


# Circles


def test_a_circle_inside_a_package_is_told_with_every_step(plant: Plant) -> None:
    modules = plant(
        {
            "kernel/a.py": "from .b import B\n",
            "kernel/b.py": "import os\nfrom . import c\n",
            "kernel/c.py": "try:\n    from .a import A\nexcept ImportError:\n    pass\n",
        }
    )
    (message,) = import_circles(modules)
    assert message.startswith("import circle: ")
    for step in (
        "aplay_host/kernel/a.py:1 imports aplay_host.kernel.b",
        "aplay_host/kernel/b.py:2 imports aplay_host.kernel.c",
        "aplay_host/kernel/c.py:2 imports aplay_host.kernel.a",
    ):
        assert step in message


def test_a_file_that_imports_its_own_door_is_a_circle(plant: Plant) -> None:
    modules = plant(
        {
            "kernel/__init__.py": "from .cell import Cell\n",
            "kernel/cell.py": "from . import Address\n",
        }
    )
    assert len(import_circles(modules)) == 1


@pytest.mark.parametrize(
    "text",
    ["def late():\n    from .a import A\n", "if TYPE_CHECKING:\n    from .a import A\n"],
)
def test_what_does_not_run_at_import_makes_no_circle(plant: Plant, text: str) -> None:
    modules = plant({"kernel/a.py": "from .b import B\n", "kernel/b.py": text})
    assert import_circles(modules) == []


# State


@pytest.mark.parametrize(
    "line",
    [
        "registry = {}",
        "seen: set[str] = set()",
        "_queue = collections.deque()",
        "names = [n for n in 'ab']",
        "ids = itertools.count(1)",
        "@functools.lru_cache(maxsize=9)\ndef look_up(): pass",
        "class A:\n    @cache\n    def look_up(self): pass",
        "look_up = functools.cache(len)",
        "def switch():\n    global mode\n    mode = 1",
        "if True:\n    table = {}",
    ],
)
def test_state_on_a_module_is_reported(plant: Plant, line: str) -> None:
    (message,) = module_state(plant({"kernel/cell.py": f"{line}\n"}))
    assert message.startswith("aplay_host/kernel/cell.py:")
    assert message.endswith(": module-level state; hang it on an object")


@pytest.mark.parametrize(
    "line",
    [
        "__all__ = ['A']",
        "_DEFAULTS = {'a': 1}",
        "pattern = re.compile('x')",
        "Handlers = dict[str, int]",
        "os.environ['A'] = []",
        "names = ('a', 'b')",
        "class A:\n    mailbox = {'capacity': 1}",
        "def run():\n    seen = set()",
    ],
)
def test_constants_and_the_state_of_objects_are_allowed(plant: Plant, line: str) -> None:
    assert module_state(plant({"kernel/cell.py": f"{line}\n"})) == []


# Sizes and prints


def function_of(lines: int) -> str:
    return "def long():\n" + '    """First.\n\n    More.\n    """\n' + "    x = 1\n" * lines


def test_a_body_over_the_limit_is_reported_without_its_docstring(plant: Plant) -> None:
    assert oversized(plant({"kernel/cell.py": function_of(60)})) == []
    assert oversized(plant({"kernel/cell.py": "import os\n\n\n" + function_of(61)})) == [
        "aplay_host/kernel/cell.py:4 long() has 61 lines: at most 60"
    ]


def test_a_file_over_the_limit_is_reported(plant: Plant) -> None:
    assert oversized(plant({"kernel/cell.py": "x = 1\n" * 450})) == []
    assert oversized(plant({"kernel/cell.py": "x = 1\n" * 451})) == [
        "aplay_host/kernel/cell.py:1 the file has 451 lines: at most 450"
    ]


def test_printing_is_left_to_the_command_line(plant: Plant) -> None:
    modules = plant(
        {
            "host/host.py": "def f():\n    print('ready')\n",
            "cli/show.py": "print('ready')\n",
            "control/routes.py": "fingerprint('x')\nconsole.print('x')\n",
        }
    )
    assert stray_prints(modules) == ["aplay_host/host/host.py:2 prints: only cli does"]
