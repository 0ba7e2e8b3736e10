"""The reference pages list what there is, all of it and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel
from starlette.routing import Route

import aplay_host
from aplay_host.cli.main import VERBS, cli
from aplay_host.config import ListedKey, Source, SqliteBoxTable, list_config, load_config
from aplay_host.config.schema import ActorEntry, Settings, Tables
from aplay_host.control import (
    ActorDetail,
    ActorRow,
    AskReport,
    ControlApi,
    CounterRow,
    ErrorRow,
    EventRow,
    HealthCheck,
    HealthReport,
    LetterDetail,
    LetterFailure,
    LetterReport,
    LetterRow,
    MailboxRow,
    PluginRow,
    ReasonRow,
    SendReport,
    SendResult,
    TreeRow,
    VerbReport,
    VerbResult,
    Who,
)
from aplay_host.errors import PROBLEM_KINDS, Problem
from aplay_host.host import PluginCheck
from aplay_host.kernel import SETTINGS
from aplay_host.kernel.actor import ASYNC_HOOKS, PLAIN_HOOKS
from aplay_host.kernel.spec import Overflow
from aplay_host.plugins import HOOK_RULES
from aplay_host.reload import ReloadReport
from aplay_host.telemetry.families import FAMILIES
from tests.control.wire import FakePort

from . import hooks_page
from .pages import ROOT

RECORDS: dict[str, tuple[type[Any], ...]] = {
    "check": (Problem,),
    "status": (ActorRow, MailboxRow, CounterRow, ErrorRow),
    "tree": (TreeRow,),
    "show": (ActorDetail,),
    "ask": (AskReport,),
    "send": (SendReport, SendResult),
    "start": (VerbReport, VerbResult),
    "stop": (VerbReport, VerbResult),
    "restart": (VerbReport, VerbResult),
    "reload": (ReloadReport,),
    "rollback": (ReloadReport,),
    "dead list": (LetterRow,),
    "dead show": (LetterDetail,),
    "dead replay": (LetterReport, LetterFailure),
    "dead drop": (LetterReport, LetterFailure),
    "events": (EventRow, Who),
    "health": (HealthReport, HealthCheck),
    "config show": (ListedKey, Source),
    "plugins list": (PluginRow, ReasonRow),
    "plugins show": (PluginRow, ReasonRow),
    "plugins check": (PluginCheck,),
}
"""What a verb's ``data`` is made of."""


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        below = field.annotation
        if name == "actors":
            yield from keys(ActorEntry, 'actors."/address".')
        elif isinstance(below, type) and issubclass(below, BaseModel):
            if model is ActorEntry:
                yield f"{prefix}{name}"
            else:
                yield from keys(below, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def rows(part: str = "Every key") -> dict[str, str]:
    """Return the default of each key, as that part of the page has it."""
    table = page("configuration").partition(f"## {part}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|", table, re.MULTILINE))


def test_every_key_of_aplay_toml_is_in_the_reference_and_no_other() -> None:
    assert set(rows()) == set(keys(Tables))


def test_defaults_in_the_reference_are_the_real_ones(tmp_path: Path) -> None:
    file = tmp_path / "aplay.toml"
    file.touch()
    listed = {it.key: it.value for it in list_config(load_config(file), {})}
    documented = rows()
    special = {
        "host.name": "name of the file's folder",
        "host.state_dir": '`".aplay"`',
        "reload.debounce": '`"50ms"`',
    }
    assert (listed["host.name"], listed["reload.debounce"]) == (tmp_path.name, 0.05)
    assert listed["host.state_dir"] == str(tmp_path / ".aplay")
    for key, value in listed.items():
        assert documented[key] == special.get(key, written(value)), key


def test_the_keys_of_a_mailbox_in_a_file_have_a_table_of_their_own() -> None:
    defaults = SqliteBoxTable().model_dump()
    assert rows("Mail that survives") == {key: written(it) for key, it in defaults.items()}


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else f"`{json.dumps(value)}`"


def test_every_setting_of_an_actor_is_on_the_page_about_actors() -> None:
    missing = [name for name in SETTINGS if f"| `{name}` |" not in page("actors")]
    assert missing == []


def test_every_hook_of_an_actor_is_on_the_page_about_actors() -> None:
    documented = re.findall(r"^\| `(?:async )?(\w+)(?:\(.*?\))?` \|", page("actors"), re.MULTILINE)
    assert set(documented) >= {*ASYNC_HOOKS, *PLAIN_HOOKS}


def test_every_overflow_rule_is_on_the_page_about_actors() -> None:
    documented = re.findall(r"^\| `(\w+)`(?: \(default\))? \|", page("actors"), re.MULTILINE)
    assert set(documented) >= set(get_args(Overflow))


def test_settings_of_the_file_are_settings_of_the_kernel() -> None:
    assert set(Settings.model_fields) <= SETTINGS


def test_the_page_about_hooks_is_the_one_that_the_specs_make() -> None:
    headings = re.findall(r"^## (\w+)$", page("hooks"), re.MULTILINE)
    assert headings == list(HOOK_RULES)
    assert page("hooks") == hooks_page.render(), "run: python -m tests.docs.hooks_page"


def commands() -> dict[str, click.Command]:
    """Return every command by the words that call it."""
    context = click.Context(cli)
    found: dict[str, click.Command] = {}
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        if not isinstance(command, click.Group):
            found[verb] = command
            continue
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found[f"{verb} {name}"] = below
    return found


COMMANDS = commands()
COMMON = {flag for it in cli.params if it.name not in ("version", "help") for flag in it.opts}
"""The options of every verb."""


def section(name: str) -> str:
    """Return one part of the page about commands."""
    return page("cli").partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def own_options(command: click.Command) -> set[str]:
    """Return the options that not every verb has, by their long names."""
    options = [it for it in command.params if isinstance(it, click.Option)]
    flags = {flag for it in options for flag in (*it.opts, *it.secondary_opts)}
    return flags - COMMON | ({"--config"} if command.name == "reload" else set())


def test_every_verb_is_on_the_page_about_commands_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z]+(?: [a-z]+)?)(?: \[?[A-Z]+…?\]?)*` \|", section("Verbs"), re.M)
    assert rows == list(COMMANDS)


@pytest.mark.parametrize("verb", COMMANDS)
def test_each_option_of_a_verb_is_in_its_row_on_the_page_and_no_other(verb: str) -> None:
    (told,) = re.findall(rf"^\| `{verb}(?: [^`a-z]+)?` \| ([^|]*) ?\|", section("Verbs"), re.M)
    assert set(re.findall(r"`(--?[a-z-]+)", told)) == own_options(COMMANDS[verb])


def test_the_options_of_every_verb_are_on_the_page_and_no_other() -> None:
    rows = re.findall(r"^\| `(-.+?)` \|", page("cli").partition("## Verbs")[0], re.M)
    assert set(re.findall(r"(?<!\w)--?[a-z]+", " ".join(rows))) == {*COMMON, "--config"}


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_data_of_every_verb_are_on_the_page(verb: str) -> None:
    rows = re.findall(r"^\| (`[a-z].*?) \| (.+) \|$", section("For programs"), re.M)
    (data,) = (told for verbs, told in rows if f"`{verb}`" in verbs)
    for record in RECORDS.get(verb, ()):
        own = {field.name for field in fields(record)} - {
            field.name for base in record.__bases__ if is_dataclass(base) for field in fields(base)
        }
        assert {name for name in own if not re.search(rf"\b{name}\b", data)} == set()


def test_every_route_is_on_the_page_about_the_api_and_no_other() -> None:
    rows = re.findall(
        r"^\| `((?:GET|POST) [^`]+)` \| (?:`([^`]+)`)? ?\|", page("api"), re.MULTILINE
    )
    routes = [it for it in ControlApi(FakePort()).app().routes if isinstance(it, Route)]
    assert [route for route, _ in rows] == [it.name.replace(":path}", "}") for it in routes]
    assert {verb.partition(" --")[0] for _, verb in rows if verb} <= COMMANDS.keys()


def test_every_exit_code_is_on_the_page_with_its_problems_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \|(.*)\|$", section("Exit codes"), re.M)
    documented = {int(code): set(re.findall(r"`([a-z-]+)`", names)) for code, names in rows}
    wanted: dict[int, set[str]] = {0: set(), 130: set()}
    for kind in PROBLEM_KINDS.values():
        wanted.setdefault(kind.exit_code, set()).add(kind.name)
    assert documented == wanted


def test_every_public_name_can_be_had_from_the_package() -> None:
    for name in aplay_host.__all__:
        assert getattr(aplay_host, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = aplay_host.nonsense


def test_every_metric_is_in_the_page_with_its_kind_and_labels_and_no_other() -> None:
    rows = re.findall(
        r"^\| `(aplay_[^`]+)` \| (\w+) \| ([^|]+) \| ([^|]+) \|$", page("operating"), re.M
    )
    documented = {
        name: (kind, re.findall(r"`(\w+)`", labels), text) for name, kind, labels, text in rows
    }
    assert len(documented) == len(rows)
    assert documented == {
        name: (it.kind, list(it.labels), it.text) for name, it in FAMILIES.items()
    }
