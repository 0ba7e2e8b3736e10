"""Sums over the records of an access log."""

from dataclasses import dataclass, field
from typing import TypedDict

from aplay_host import message

MOST_HOSTS = 10
"""How many hosts a report names."""


class Report(TypedDict):
    """Totals as JSON has them: status codes are texts, hosts are pairs of name and lines."""

    lines: int
    bad: int
    bytes: int
    status: dict[str, int]
    hosts: list[list[str | int]]


@message("logwatch:Totals@1")
@dataclass
class Totals:
    """What was counted so far; one number for each status and each host is kept."""

    bad: int = 0
    bytes: int = 0
    status: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)

    def add(self, host: str, status: int, size: int) -> None:
        """Count one good line: who asked, how it went, how many bytes were sent."""
        self.bytes += size
        self.status[str(status)] = self.status.get(str(status), 0) + 1
        self.hosts[host] = self.hosts.get(host, 0) + 1

    def add_bad(self) -> None:
        """Count one line that could not be read."""
        self.bad += 1

    def report(self) -> Report:
        """Return the totals: `lines` counts good and bad, the busiest hosts come first."""
        busiest = sorted(self.hosts.items(), key=lambda item: (-item[1], item[0]))
        return Report(
            lines=sum(self.status.values()) + self.bad,
            bad=self.bad,
            bytes=self.bytes,
            status=dict(sorted(self.status.items(), key=lambda item: int(item[0]))),
            hosts=[[host, n] for host, n in busiest[:MOST_HOSTS]],
        )
