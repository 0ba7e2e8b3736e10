"""The tree that a configuration describes, as the kernel plants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import PluginError, Problem
from ..kernel import Actor, ActorSpec, Address, Group, TreeNode, TreePlan
from .document import Mistake
from .keypath import KeyPath
from .load import HostConfig, key_of
from .options import check_options
from .schema import MAILBOX_KINDS, ActorEntry
from .value import told


@dataclass(frozen=True, slots=True)
class Resolved:
    """A `use` names this class."""

    cls: type[Actor]


@dataclass(frozen=True, slots=True)
class Known:
    """A `use` names a class that exists and was not loaded, so nothing of it is checked."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """A `use` names a class that cannot be loaded; its actor stands failed, the rest runs."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A `use` names nothing that is installed: a mistake in the file, told with `hint`."""

    message: str
    hint: str = ""
    code: str = "unknown-actor"


Resolve = Callable[[str], Resolved | Known | Faulty | Unresolved]
"""Tells what a `use` other than ``group`` names; it answers and never raises."""


def plan_tree(config: HostConfig, resolve: Resolve) -> TreePlan:
    """Plan the tree of `config`: parents before their children, else in the file's order.

    ====================================  ==============================================
    `resolve` says                        then
    ====================================  ==============================================
    `Resolved`, all is sound              a node with its spec and its checked options
    `Resolved`, options do not fit        problems, located in the file
    `Resolved`, a fault of the class      a node with that fault
    `Faulty`                              a node with that fault
    `Known`                               no node
    `Unresolved`                          a problem, located at the value of `use`
    ====================================  ==============================================

    A parent that nobody declares is not added; the kernel makes a group of it. Raises
    `ConfigError` with all problems when there is any.
    """
    planned = [_plan_actor(config, address, resolve) for address in _parents_first(config.actors)]
    problems = [problem for one in planned for problem in one.problems]
    if problems:
        raise config.document.refusal(problems)
    return TreePlan(tuple(one.node for one in planned if one.node))


@dataclass(frozen=True, slots=True)
class _Planned:
    """What became of one actor: its node, or problems, or neither."""

    node: TreeNode | None = None
    problems: tuple[Problem, ...] = ()


def _parents_first(actors: Mapping[Address, ActorEntry]) -> Iterator[Address]:
    ordered: dict[Address, None] = {}
    for address in actors:
        ordered |= dict.fromkeys(one for one in _lineage(address) if one in actors)
    return iter(ordered)


def _lineage(address: Address) -> list[Address]:
    """Return `address` and its ancestors, the uppermost first, without the root."""
    lineage: list[Address] = []
    while address != "/":
        lineage.insert(0, address)
        address = address.parent
    return lineage


def _plan_actor(config: HostConfig, address: Address, resolve: Resolve) -> _Planned:
    use = config.actors[address].use
    answer = Resolved(Group) if use == "group" else resolve(use)
    match answer:
        case Resolved(cls):
            return _resolved(config, address, cls)
        case Faulty(reason):
            return _Planned(TreeNode(address, fault=reason))
        case Unresolved(message, hint, code):
            path = (*_path(config, address), "use")
            mistake = Mistake(path, code, message, got=use, hint=hint)
            return _Planned(problems=(config.document.problem(mistake),))
        case Known():
            return _Planned()


def _resolved(config: HostConfig, address: Address, cls: type[Actor]) -> _Planned:
    entry = config.actors[address]
    try:
        options, problems = check_options(
            getattr(cls, "Options", None),
            entry.options,
            at=(*_path(config, address), "options"),
            document=config.document,
            owner=f"{cls.__module__}:{cls.__qualname__}",
        )
        if problems:
            return _Planned(problems=problems)
        return _Planned(TreeNode(address, _spec(config, address, cls, options)))
    except PluginError as error:
        return _Planned(TreeNode(address, fault=str(error)))


def _spec(config: HostConfig, address: Address, cls: type[Actor], options: Any) -> ActorSpec:
    """Merge the settings; raises `PluginError` for one that the class itself states wrongly."""
    try:
        spec = ActorSpec.of(
            address.name,
            cls,
            options=options,
            defaults=config.defaults.settings(),
            settings=config.actors[address].settings(),
        )
    except (TypeError, ValueError) as error:
        # The file's own settings were checked when it was loaded.
        raise PluginError(_class_setting(cls, str(error))) from error
    if spec.mailbox.kind not in MAILBOX_KINDS:
        wrong = f"mailbox kind: got {told(spec.mailbox.kind)}, want {told(MAILBOX_KINDS[0])}"
        raise PluginError(_class_setting(cls, wrong))
    return spec


def _class_setting(cls: type[Actor], wrong: str) -> str:
    return f"class setting of {cls.__module__}:{cls.__qualname__}: {wrong}"


def _path(config: HostConfig, address: Address) -> KeyPath:
    return ("actors", key_of(config.document, address))
