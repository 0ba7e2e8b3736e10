"""The main job from end to end: a log is counted, and followed wherever it goes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from .served import Project, Served, until

TREE = """
    [actors."/count"]
    use = "logwatch.count"
    [actors."/parse"]
    use = "logwatch.parse"
    options = { to = "/count" }
    [actors."/tail"]
    use = "logwatch.tail"
    options = { path = "access.log", to = "/parse" }
"""


class Log:
    """Writes access.log, and knows what its totals are."""

    def __init__(self, project: Project) -> None:
        self.path = project.folder / "access.log"
        self.path.touch()
        self.lines = self.bad = self.bytes = 0
        self.status: Counter[str] = Counter()
        self.hosts: Counter[str] = Counter()

    def good(self, count: int) -> None:
        """Append lines in combined format: hosts, codes and sizes go round."""
        with self.path.open("a") as file:
            for n in range(self.lines, self.lines + count):
                host, code, size = f"192.0.2.{n % 12}", ("200", "404", "500")[n % 3], n * 7 % 1000
                told = "-" if size == 0 else str(size)
                file.write(
                    f"{host} - - [01/Mar/2026:10:{n // 60 % 60:02}:{n % 60:02} +0000] "
                    f'"GET /{n} HTTP/1.1" {code} {told} "-" "agent \\"{n}\\""\n'
                )
                self.bytes += size
                self.status[code] += 1
                self.hosts[host] += 1
        self.lines += count

    def cut_off(self) -> None:
        """Append a line that ends in the middle."""
        with self.path.open("a") as file:
            file.write('192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET /ha\n')
        self.lines += 1
        self.bad += 1

    @property
    def totals(self) -> dict[str, Any]:
        busiest = sorted(self.hosts.items(), key=lambda pair: (-pair[1], pair[0]))[:10]
        return {
            "lines": self.lines,
            "bad": self.bad,
            "bytes": self.bytes,
            "status": dict(self.status),
            "hosts": [list(pair) for pair in busiest],
        }


@pytest.fixture
def log(project: Project) -> Log:
    return Log(project)


@pytest.fixture
def served(project: Project, log: Log) -> Served:
    project.write(TREE)
    log.good(300)
    log.cut_off()
    log.good(200)
    return project.serve()


def counted(served: Served, log: Log, seconds: float) -> None:
    until(lambda: bool(served.ask("/count", {"get": "totals"}) == log.totals), seconds)


def test_a_log_is_counted_and_no_line_of_it_is_lost(
    project: Project, served: Served, log: Log
) -> None:
    counted(served, log, 5.0)
    ended = project.run("ask", "/count", '{"get": "totals"}')
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == log.totals
    rows = {row["address"]: row for row in project.run("status", "-o", "json").data}
    assert rows["/parse"]["counters"]["handled"] == 501
    assert rows["/parse"]["counters"]["failed"] == 0
    assert [row["type"] for row in rows.values()] == [
        "logwatch/logwatch.count",
        "logwatch/logwatch.parse",
        "logwatch/logwatch.tail",
    ]


def test_what_is_appended_is_counted_within_a_second(served: Served, log: Log) -> None:
    counted(served, log, 5.0)
    log.good(20)
    log.cut_off()
    counted(served, log, 1.0)


def test_a_log_that_is_cut_off_or_rotated_is_followed_on(served: Served, log: Log) -> None:
    counted(served, log, 5.0)
    log.path.write_text("")
    log.good(3)
    counted(served, log, 1.0)
    log.path.rename(log.path.with_suffix(".1"))
    log.good(4)
    counted(served, log, 1.0)


def test_a_log_that_comes_late_is_waited_for(project: Project, log: Log) -> None:
    project.write(TREE)
    log.path.unlink()
    served = project.serve()
    assert served.ask("/count", {"get": "totals"})["lines"] == 0
    log.good(5)
    counted(served, log, 1.0)


def test_nothing_that_was_read_is_lost_in_an_orderly_stop(
    project: Project, served: Served, log: Log
) -> None:
    served.signal(15)
    assert served.wait() == 0
    assert "dead letter" not in served.log
    assert project.left_behind() == set()
