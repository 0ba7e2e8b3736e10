"""The tree that a configuration describes, as the kernel plants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import PluginError, Problem
from ..kernel import Actor, ActorSpec, Address, Group, TreeNode, TreePlan
from .document import Mistake
from .load import HostConfig, key_of
from .options import check_options
from .render import told
from .schema import MAILBOX_KINDS, ActorEntry


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
    problems = [it for found in planned if isinstance(found, tuple) for it in found]
    if problems:
        raise config.document.refusal(problems)
    return TreePlan(tuple(node for node in planned if isinstance(node, TreeNode)))


def _parents_first(actors: Mapping[Address, ActorEntry]) -> Iterable[Address]:
    ordered: dict[Address, None] = {}
    for address in actors:
        lineage = [address]
        while lineage[0].parent != "/":
            lineage.insert(0, lineage[0].parent)
        ordered |= dict.fromkeys(one for one in lineage if one in actors)
    return ordered


def _plan_actor(
    config: HostConfig, address: Address, resolve: Resolve
) -> TreeNode | tuple[Problem, ...]:
    """Return the node of one actor, or the problems for which it has none."""
    use, key = config.actors[address].use, key_of(config.document, address)
    match Resolved(Group) if use == "group" else resolve(use):
        case Resolved(cls):
            return _resolved(config, address, cls)
        case Faulty(reason):
            return TreeNode(address, fault=reason)
        case Unresolved(message, hint):
            mistake = Mistake(
                ("actors", key, "use"), "unknown-actor", message, got=told(use), hint=hint
            )
            return (config.document.problem(mistake),)
        case Known():
            return ()


def _resolved(
    config: HostConfig, address: Address, cls: type[Actor]
) -> TreeNode | tuple[Problem, ...]:
    try:
        options, problems = check_options(
            getattr(cls, "Options", None),
            config.actors[address].options,
            at=("actors", key_of(config.document, address), "options"),
            document=config.document,
            owner=_owner(cls),
        )
        return problems or TreeNode(address, _spec(config, address, cls, options))
    except PluginError as error:
        return TreeNode(address, fault=str(error))
    except Exception as error:  # of a metaclass, say: the class is a guest's
        return TreeNode(address, fault=f"{type(error).__name__}: {error}")


def _spec(config: HostConfig, address: Address, cls: type[Actor], options: Any) -> ActorSpec:
    """Merge the settings; raises `PluginError` for one that the class itself states wrongly."""
    try:
        spec = ActorSpec.of(
            cls,
            options=options,
            defaults=config.defaults.settings(),
            settings=config.actors[address].settings(),
        )
        if (kind := spec.mailbox.kind) not in MAILBOX_KINDS:
            raise ValueError(f"mailbox kind: got {told(kind)}, want {told(MAILBOX_KINDS[0])}")
    except (TypeError, ValueError) as error:
        # The file's own settings were checked when it was loaded.
        raise PluginError(f"class setting of {_owner(cls)}: {error}") from error
    return spec


def _owner(cls: type[Actor]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"
