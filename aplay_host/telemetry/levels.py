"""From which level on whose records are written."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..kernel import Address


@dataclass(frozen=True, slots=True)
class Levels:
    """``[log] level`` and ``[log.levels]``, the most specific pattern first.

    ==================  ========================================================
    pattern             names
    ==================  ========================================================
    ``/ingest/**``      actors, as patterns of addresses do everywhere
    ``acme.sql``        the logger of that name and those below it
    ``acme.*``          loggers whose names match it
    ==================  ========================================================

    A pattern of addresses wins over one of loggers, then the one with more letters that are
    no wildcards.
    """

    default: int
    rules: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, default: str, levels: Mapping[str, str]) -> Levels:
        """Make them of the names that aplay.toml has."""
        rules = sorted(levels.items(), key=lambda rule: _rank(rule[0]), reverse=True)
        return cls(_number(default), tuple((pattern, _number(name)) for pattern, name in rules))

    @property
    def lowest(self) -> int:
        """The lowest level that anybody asks for."""
        return min((self.default, *(level for _, level in self.rules)))

    def admits(self, level: int, logger: str, actor: Address | None) -> bool:
        """Tell whether a record of `level` is written."""
        for pattern, least in self.rules:
            if _names(pattern, logger, actor):
                return level >= least
        return level >= self.default


def _rank(pattern: str) -> tuple[bool, int, str]:
    return pattern.startswith("/"), len(pattern) - pattern.count("*"), pattern


def _names(pattern: str, logger: str, actor: Address | None) -> bool:
    if pattern.startswith("/"):
        return actor is not None and actor.matches(pattern)
    return logger == pattern or logger.startswith(f"{pattern}.") or fnmatchcase(logger, pattern)


def _number(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]
