"""The reference pages list what there is, all of it and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

import aplay_host
from aplay_host.cli.main import VERBS, cli
from aplay_host.config import load_config
from aplay_host.config.schema import ActorEntry, Settings, Tables
from aplay_host.errors import PROBLEM_KINDS
from aplay_host.kernel import SETTINGS, Actor, ActorSpec
from aplay_host.kernel.actor import ASYNC_HOOKS, PLAIN_HOOKS
from aplay_host.kernel.spec import Overflow
from aplay_host.plugins import HOOK_RULES

from . import hooks_page
from .pages import ROOT


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


def test_every_key_of_aplay_toml_is_in_the_reference_and_no_other() -> None:
    documented = set(re.findall(r"^\| `([^`]+)` \|", page("configuration"), re.MULTILINE))
    assert documented == set(keys(Tables))


def test_defaults_in_the_reference_are_the_real_ones(tmp_path: Path) -> None:
    file = tmp_path / "aplay.toml"
    file.touch()
    config = load_config(file)
    spec = ActorSpec.of(Actor)
    rows = dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|", page("configuration"), re.M))
    assert rows["host.drain_timeout"] == f"{config.host.drain_timeout:g}"
    assert rows["host.state_dir"] == f'`"{config.host.state_dir.relative_to(tmp_path)}"`'
    assert rows["plugins.strict"] == str(config.plugins.strict).lower()
    assert rows["reload.enabled"] == str(config.reload.enabled).lower()
    assert rows["reload.on_busy"] == f'`"{config.reload.on_busy}"`'
    assert rows["reload.drain_timeout"] == f"{config.reload.drain_timeout:g}"
    assert rows["reload.probation"] == f"{config.reload.probation:g}"
    assert rows["reload.debounce"] == f'`"{1000 * config.reload.debounce:g}ms"`'
    assert rows["log.level"] == f'`"{config.log.level}"`'
    assert rows["defaults.max_tasks"] == f"{spec.max_tasks}"
    assert rows["defaults.stop_timeout"] == f"{spec.stop_timeout:g}"
    assert rows["defaults.ask_timeout"] == f"{spec.ask_timeout:g}"
    assert rows["defaults.mailbox.capacity"] == f"{spec.mailbox.capacity}"
    assert rows["defaults.mailbox.overflow"] == f'`"{spec.mailbox.overflow}"`'


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


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_each_of_its_options_is_on_the_page_about_commands(verb: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, verb)
    assert command is not None
    words = (
        [verb]
        if not isinstance(command, click.Group)
        else [f"{verb} {name}" for name in command.list_commands(context)]
    )
    text = page("cli")
    assert all(f"| `{word}" in text for word in words)
    options = [option.opts[0] for option in command.params if isinstance(option, click.Option)]
    assert [option for option in options if f"`{option}" not in text] == []


def test_every_exit_code_is_on_the_page_about_commands() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page("cli"), re.MULTILINE)}
    assert {kind.exit_code for kind in PROBLEM_KINDS.values()} | {0, 78, 130} == documented


def test_every_public_name_can_be_had_from_the_package() -> None:
    for name in aplay_host.__all__:
        assert getattr(aplay_host, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = aplay_host.nonsense
