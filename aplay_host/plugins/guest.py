"""Whose code is about to run: the package that a target names, and its distribution."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guest:
    """The owner of a piece of foreign code.

    `package` is the top-level package of its modules, `dist` the distribution that offers
    it, or None for a module that a person names in their own aplay.toml.
    """

    package: str
    dist: str | None = None

    @classmethod
    def of(cls, target: str, dist: str | None) -> Guest:
        """Return the guest that the module of `target` belongs to."""
        return cls(target.partition(":")[0].partition(".")[0], dist)

    def owns(self, module: str) -> bool:
        """Tell whether `module` lies in this guest's package."""
        return module == self.package or module.startswith(f"{self.package}.")

    def missing(self, module: str) -> str:
        """Return what to tell when `module` does not exist."""
        if not self.owns(module):
            return f'needs "{module}", not installed'
        if self.dist is None:
            return f'no module "{module}"; is its directory in [plugins] paths?'
        cure = f"pip install --force-reinstall {self.dist}"
        return f'no module "{module}", the package is incomplete; run `{cure}`'


def place_of(module: str, file: str, line: int) -> str:
    """Return a place as ``package/module.py:3``, whatever directory `file` lies in."""
    base = os.path.basename(file)
    parts = module.split(".") if base.startswith("__init__.") else module.split(".")[:-1]
    return "/".join([*parts, f"{base}:{line}"])
