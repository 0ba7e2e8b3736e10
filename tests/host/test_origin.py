"""Where an actor's class comes from, as people name it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import pytest

from aplay_host.config import Faulty, Resolved, Unresolved, load_config
from aplay_host.control import SourceRow
from aplay_host.host.origin import Origin, declared_origins, origin_of, source_of
from aplay_host.host.resolver import Resolver
from aplay_host.kernel import Actor, Address, Group
from aplay_host.plugins import Catalog, Entry, PluginSet, PluginSettings


def loud(handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def louder(self: Actor, msg: Any) -> Any:
        return await handler(self, msg)

    return louder


class Worker(Actor):
    class Inner(Actor):
        pass

    @loud
    async def msg_handler(self, msg: Any) -> Any:
        return msg

    def work(self) -> None: ...


@dataclass
class Shop:
    """A catalog of one distribution, ``acme``."""

    catalog: Catalog

    @classmethod
    def open(cls, *targets: str) -> Shop:
        entries = [
            Entry(
                "acme",
                f"acme.{target.partition(':')[2].lower()}",
                "actor",
                "1",
                target,
                "found",
                "/nowhere",
            )
            for target in targets
        ]
        return cls(Catalog(entries, PluginSettings()))

    def resolve(self, use: str) -> object:
        return Resolver(PluginSet(self.catalog, PluginSettings())).actor(use)


HERE = "tests.host.actors"


@pytest.mark.parametrize("use", ["acme.echo", "acme/acme.echo", f"{HERE}:Echo"])
def test_a_name_of_a_class_that_loads_is_resolved_to_it(use: str) -> None:
    found = Shop.open(f"{HERE}:Echo").resolve(use)
    assert isinstance(found, Resolved)
    assert found.cls.__name__ == "Echo"


@pytest.mark.parametrize("use", ["acme.nope", "nobody/acme.echo"])
def test_a_name_that_nobody_offers_is_unresolved(use: str) -> None:
    assert isinstance(Shop.open(f"{HERE}:Echo").resolve(use), Unresolved)


@pytest.mark.parametrize("target", [f"{HERE}:Nobody", f"{HERE}:asyncio", "no_such_module_at_all:A"])
def test_a_class_that_cannot_be_had_is_a_fault_under_its_full_name(target: str) -> None:
    found = Shop.open(target).resolve(f"acme.{target.partition(':')[2].lower()}")
    assert isinstance(found, Faulty)
    assert found.reason.startswith('"acme/acme.')
    assert "cannot be loaded" in found.reason


def test_the_file_says_where_a_declared_actor_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "aplay.toml"
    file.write_text(
        f'actors.a.use = "acme.echo"\nactors.b.use = "{HERE}:Tight"\nactors.c.use = "group"\n'
    )
    assert declared_origins(load_config(file), Shop.open(f"{HERE}:Echo").catalog) == {
        "/a": Origin("acme/acme.echo", "acme"),
        "/b": Origin(f"{HERE}:Tight", None),
        "/c": Origin("group", None),
    }


@pytest.mark.parametrize(
    ("cls", "origin"),
    [
        (Worker, Origin(f"{__name__}:Worker", None)),
        (Worker.Inner, Origin(f"{__name__}:Worker.Inner", None)),
        (Group, Origin("group", None)),
    ],
)
def test_the_class_says_where_an_undeclared_actor_comes_from(
    cls: type[Actor], origin: Origin
) -> None:
    assert origin_of(Address("/x"), cls, {}) == origin


def test_the_word_of_the_file_goes_before_the_class() -> None:
    declared = {Address("/x"): Origin("acme/acme.worker", "acme")}
    assert origin_of(Address("/x"), Worker, declared) is declared[Address("/x")]


def test_a_class_is_written_where_its_first_method_is_or_where_python_says() -> None:
    source = source_of(Worker, {})
    assert source is not None
    assert source.file == __file__
    first = inspect.getsourcelines(Worker)[1]
    assert source.line in (first, Worker.work.__code__.co_firstlineno)


@pytest.mark.parametrize(
    ("cls", "source"),
    [
        (Group, None),
        (type("Lost", (Actor,), {"__module__": "no.such.module"}), None),
        (type("Here", (Actor,), {"__module__": __name__}), SourceRow(__file__, None)),
        (  # the methods of a dataclass are written nowhere
            make_dataclass("Made", ["x"], bases=(Actor,), namespace={"__module__": __name__}),
            SourceRow(__file__, None),
        ),
    ],
)
def test_what_is_not_known_of_a_source_is_not_told(
    cls: type[Actor], source: SourceRow | None
) -> None:
    assert source_of(cls, {}) == source
