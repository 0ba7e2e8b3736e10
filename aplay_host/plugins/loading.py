"""The one place where guests' code is imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from .failure import Failure, attempt
from .guest import Guest
from .spelling import suggest

T = TypeVar("T")


def load(target: str, guest: Guest, accept: Callable[[object], T | Failure]) -> T | Failure:
    """Import `target`, ``module`` or ``module:attribute``, and return what `accept` makes of it.

    Whatever the import or `accept` raises becomes a `Failure`, but ``KeyboardInterrupt``.
    After a failure the guest's modules that this call imported are forgotten, so that a
    later call runs them anew; modules of others stay, as not all survive a second import.
    """
    before = frozenset(sys.modules)
    got = attempt(partial(_import, target), "import", guest)
    result = got if isinstance(got, Failure) else attempt(partial(accept, got), "check", guest)
    if isinstance(result, Failure):
        _forget([name for name in sys.modules if name not in before and guest.owns(name)])
    return result


def _import(target: str) -> object:
    try:
        importlib.invalidate_caches()
    except Exception:  # a foreign finder's mistake, and no reason not to ask the others
        pass
    module, _, attribute = target.partition(":")
    found: object = importlib.import_module(module)
    for name in filter(None, attribute.split(".")):
        if not hasattr(found, name):
            missing = suggest(f'no "{name}" in {module}', name, dir(found))
            return Failure("import", "missing-attribute", missing)
        found = getattr(found, name)
    return found


def _forget(names: list[str]) -> None:
    for name in names:
        module = sys.modules.pop(name)
        parent, _, child = name.rpartition(".")
        # Left in its parent, the old module would still answer `from parent import child`.
        kept = sys.modules.get(parent)
        if kept is not None and vars(kept).get(child) is module:
            delattr(kept, child)
