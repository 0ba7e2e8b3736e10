"""Whose code is about to run: the package that a target names, and its distribution."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .entry import canonical


@dataclass(frozen=True, slots=True)
class Guest:
    """The owner of a piece of foreign code.

    `package` is the top-level package of its modules, `dist` the distribution that offers
    it, or None for a module that a person names in their own aplay.toml. `metadata` is the
    path of its ``.dist-info``, where that is known.
    """

    package: str
    dist: str | None = None
    metadata: str = ""

    @classmethod
    def of(cls, target: str, dist: str | None, metadata: str = "") -> Guest:
        """Return the guest that the module of `target` belongs to."""
        return cls(target.partition(":")[0].partition(".")[0], dist, metadata)

    def owns(self, module: str) -> bool:
        """Tell whether `module` lies in this guest's package."""
        return module == self.package or module.startswith(f"{self.package}.")

    def missing(self, module: str) -> str:
        """Return what to tell when `module` does not exist."""
        if not self.owns(module):
            return f'needs "{module}", not installed{self._requirement(module)}'
        if self.dist is None:
            return f'no module "{module}"; is its directory in [plugins] paths?'
        cure = f"pip install --force-reinstall {self.dist}"
        return f'no module "{module}"; correct the import or, if a file is lost, run `{cure}`'

    def _requirement(self, module: str) -> str:
        """Return what the metadata says about `module`; empty where there is none."""
        required = _requirements(self.metadata)
        if required is None:
            return ""
        package = canonical(module.partition(".")[0])
        for one in required:
            if canonical(_NAME.split(one, 1)[0]) == package:
                return f'; {self.dist} requires it, run `pip install "{one}"`'
        return f"; not among the requirements of {self.dist}"


_NAME = re.compile(r"[^A-Za-z0-9._-]")
"""The end of the name in a requirement such as ``PyJWT[crypto]>=2; extra == "x"``."""


def _requirements(metadata: str) -> list[str] | None:
    """Return the requirements that a ``.dist-info`` lists, None where it cannot be read."""
    if not metadata:
        return None
    try:
        with open(os.path.join(metadata, "METADATA"), encoding="utf-8") as stream:
            head = stream.read().partition("\n\n")[0]
    except (OSError, ValueError):
        return None
    fields = (line.partition(":") for line in head.splitlines())
    found = [value.strip() for key, _, value in fields if key.lower() == "requires-dist"]
    return [one.partition(";")[0].strip() for one in found]


def place_of(module: str, file: str, line: int) -> str:
    """Return a place as ``package/module.py:3``, whatever directory `file` lies in."""
    base = os.path.basename(file)
    parts = module.split(".") if base.startswith("__init__.") else module.split(".")[:-1]
    return "/".join([*parts, f"{base}:{line}"])
