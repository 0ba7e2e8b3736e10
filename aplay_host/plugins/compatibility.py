"""Whether a plugin's hooks fit those of this host, told with place and remedy."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pluggy

from . import hookspecs
from .failure import Failure
from .guest import place_of
from .hookspecs import HOOK_RULES
from .spelling import suggest

PHASE = "hooks"


def find_mismatch(manager: pluggy.PluginManager, owners: Mapping[str, str]) -> Failure | None:
    """Return what about the hooks of the only plugin of `manager` does not fit, or None.

    `owners` maps the modules of the other plugins to their ids. `manager` knows no hooks yet;
    those of a plugin that fits are specified afterwards.
    """
    (plugin,) = manager.get_plugins()
    callers = manager.get_hookcallers(plugin) or ()
    pairs = [(caller.name, one) for caller in callers for one in caller.get_hookimpls()]
    found = [wrong for hook, one in pairs if (wrong := _mismatch(hook, one, owners))]
    if len(found) == 1:
        return found[0]
    if found:
        return Failure(
            PHASE, found[0].type, "; ".join(f"{it.message} ({it.place})" for it in found)
        )
    try:
        manager.add_hookspecs(hookspecs)
    except pluggy.PluginValidationError as error:
        return Failure(PHASE, "refused", " ".join(str(error).split()))
    return None


def _mismatch(hook: str, one: pluggy.HookImpl, owners: Mapping[str, str]) -> Failure | None:
    rule = HOOK_RULES.get(hook)
    if rule is None:
        if one.optionalhook:
            return None
        return _refused(one, "unknown-hook", suggest(f"no hook {hook}", hook, HOOK_RULES))
    if one.wrapper or one.hookwrapper:
        return _refused(one, "wrapper", f"{hook} is a wrapper; write a plain implementation")
    if rule.timeout is None and _is_async(one.function):
        return _refused(one, "async", f'{hook} is "async def"; this hook wants "def"')
    if inspect.isasyncgenfunction(one.function) and rule.gives:
        return _refused(one, "generator", f"{hook} is async and yields; return a list instead")
    if rule.gives is None and _is_generator(one.function):
        return _refused(one, "generator", f"{hook} yields and would never run; take out the yield")
    owner = owners.get(one.function.__module__)
    if owner and not inspect.ismethod(one.function):
        message = f"{hook} is imported from {owner}, and would run twice"
        return _refused(one, "foreign-hook", message)
    return _unknown_argument(hook, one)


def _unknown_argument(hook: str, one: pluggy.HookImpl) -> Failure | None:
    known = inspect.signature(getattr(hookspecs, hook)).parameters
    for name in one.argnames:
        if name not in known:
            message = suggest(f"{hook}({name}): no such argument", name, known)
            return _refused(one, "unknown-argument", message)
    return None


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _is_generator(function: Any) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _refused(one: pluggy.HookImpl, kind: str, message: str) -> Failure:
    function = inspect.unwrap(one.function)
    code = function.__code__
    place = place_of(function.__module__, code.co_filename, code.co_firstlineno)
    return Failure(PHASE, kind, message, place)
