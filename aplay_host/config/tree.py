"""The tree that a configuration describes, as the kernel plants it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from ..errors import PluginError, Problem
from ..kernel import Actor, ActorSpec, Address, Group, TreeNode, TreePlan, class_settings
from ..kernel import Faulty as NoClass
from .document import Mistake, key_of
from .keypath import KeyPath
from .load import HostConfig
from .mailbox import ResolveKind, plan_mailbox, unknown_defaults
from .options import check_options
from .render import told
from .resolved import Faulty, Known, Resolved, Unresolved
from .schema import ActorEntry


class Resolve(ResolveKind, Protocol):
    """Tells what the names in the file mean; it answers and never raises."""

    def actor(self, use: str) -> Resolved | Known | Faulty | Unresolved:
        """Return what is known of a `use` other than ``group``."""
        ...


def plan_tree(config: HostConfig, resolve: Resolve) -> TreePlan:
    """Plan the tree of `config`: parents before their children, else in the file's order.

    ====================================  ==============================================
    `resolve` says                        then
    ====================================  ==============================================
    `Resolved`, all is sound              a node with its spec and its checked options
    `Resolved`, options do not fit        problems, located in the file
    `Resolved`, a fault of the class      a node with that fault
    `Faulty`                              a node with that fault, and the file's mailbox
    `Known`                               no node
    `Unresolved`                          a problem, located at the value of `use`
    ====================================  ==============================================

    The same holds for what it says of the kind of the actor's mailbox. A parent that nobody
    declares is not added; the kernel makes a group of it. Raises `ConfigError` with all problems
    when there is any.
    """
    planned = [_plan_actor(config, address, resolve) for address in _parents_first(config.actors)]
    problems = [it for found in planned if isinstance(found, tuple) for it in found]
    problems += unknown_defaults(config, resolve)
    if problems:
        raise config.document.refusal(dict.fromkeys(problems))
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
    match Resolved(Group) if use == "group" else resolve.actor(use):
        case Resolved(cls):
            return _resolved(config, address, cls, resolve)
        case Faulty(reason):
            return _faulty(config, address, reason, resolve)
        case Unresolved(message, hint):
            mistake = Mistake(
                ("actors", key, "use"), "unknown-actor", message, got=told(use), hint=hint
            )
            return (config.document.problem(mistake),)
        case Known():
            return ()


def _resolved(
    config: HostConfig, address: Address, cls: type[Actor], resolve: Resolve
) -> TreeNode | tuple[Problem, ...]:
    problems: tuple[Problem, ...] = ()
    try:
        options, problems = check_options(
            getattr(cls, "Options", None),
            config.actors[address].options,
            at=("actors", key_of(config.document, address), "options"),
            document=config.document,
            owner=_owner(cls),
        )
        problems = (*problems, *_one_task(config, address, cls))
        spec = _spec(config, address, cls, options)
        mailbox, more = plan_mailbox(config, address, spec, resolve)
        return (*problems, *more) or TreeNode(address, replace(spec, mailbox=mailbox))
    except PluginError as error:
        return problems or TreeNode(address, fault=str(error))
    except Exception as error:  # of a metaclass, say: the class is a guest's
        return problems or TreeNode(address, fault=f"{type(error).__name__}: {error}")


def _one_task(config: HostConfig, address: Address, cls: type[Actor]) -> Iterator[Problem]:
    """Yield where the file states more tasks than a class with a ``saved_type`` can have."""
    if cls.saved_type is None:
        return
    at: KeyPath = ("actors", key_of(config.document, address))
    got = config.actors[address].max_tasks
    if got is None and "max_tasks" not in class_settings(cls):
        at, got = ("defaults",), config.defaults.max_tasks
    if got is not None and got > 1:
        hint = f"{_owner(cls)} has a saved_type: its messages come one after another"
        mistake = Mistake((*at, "max_tasks"), "bad-value", "want 1", got=str(got), hint=hint)
        yield config.document.problem(mistake)


def _faulty(
    config: HostConfig, address: Address, reason: str, resolve: Resolve
) -> TreeNode | tuple[Problem, ...]:
    """Return the node of an actor without a class, whose mail is kept as its table says.

    Where the table states no kind the class may do so, and the kind's own keys are not judged.
    """
    try:
        spec = _spec(config, address, NoClass, None)
        if config.actors[address].mailbox.kind is None:
            spec = replace(spec, mailbox=replace(spec.mailbox, options=None))
        mailbox, problems = plan_mailbox(config, address, spec, resolve)
    except PluginError:  # of the mailbox's kind, which cannot be had either
        return TreeNode(address, fault=reason)
    return problems or TreeNode(address, fault=reason, mailbox=mailbox)


def _spec(config: HostConfig, address: Address, cls: type[Actor], options: Any) -> ActorSpec:
    """Merge the settings; raises `PluginError` for one that the class itself states wrongly."""
    try:
        return ActorSpec.of(
            cls,
            options=options,
            defaults=config.defaults.settings(),
            settings=config.actors[address].settings(),
        )
    except (TypeError, ValueError) as error:
        # The file's own settings were checked when it was loaded.
        raise PluginError(f"class setting of {_owner(cls)}: {error}") from error


def _owner(cls: type[Actor]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"
