"""Sums over the records of an access log."""

from collections import Counter
from typing import TypedDict

MOST_HOSTS = 10
"""How many hosts a report names."""


class Report(TypedDict):
    """Totals as JSON has them: status codes are texts, hosts are pairs of name and lines."""

    lines: int
    bad: int
    bytes: int
    status: dict[str, int]
    hosts: list[list[str | int]]


class Totals:
    """What was counted so far; one number for each status and each host is kept."""

    def __init__(self) -> None:
        self.bad = 0
        self.bytes = 0
        self.status: Counter[int] = Counter()
        self.hosts: Counter[str] = Counter()

    def add(self, host: str, status: int, size: int) -> None:
        """Count one good line: who asked, how it went, how many bytes were sent."""
        self.bytes += size
        self.status[status] += 1
        self.hosts[host] += 1

    def add_bad(self) -> None:
        """Count one line that could not be read."""
        self.bad += 1

    def report(self) -> Report:
        """Return the totals: `lines` counts good and bad, the busiest hosts come first."""
        busiest = sorted(self.hosts.items(), key=lambda item: (-item[1], item[0]))
        return Report(
            lines=self.status.total() + self.bad,
            bad=self.bad,
            bytes=self.bytes,
            status={str(code): n for code, n in sorted(self.status.items())},
            hosts=[[host, n] for host, n in busiest[:MOST_HOSTS]],
        )
