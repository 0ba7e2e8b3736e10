"""A log that is followed on durable mailboxes is counted exactly, whenever the host is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.served import Project, Served, until

SAMPLE = Path(__file__).parents[2] / "plugins_example" / "logwatch" / "sample" / "access.log"
TIMES = 20
LINES = 200 * TIMES
KILLS = 3
PIPELINE = """
defaults.mailbox = { kind = "sqlite", durability = "process" }

[actors."/count"]
use = "logwatch.count:Count"

[actors."/parse"]
use = "logwatch.parse:Parse"
options = { to = "/count" }
mailbox = { capacity = 500 }       # so that the file is not read at once

[actors."/tail"]
use = "logwatch.tail:Tail"
options = { path = "access.log", to = "/parse" }
"""


def totals(host: Served) -> Any:
    return host.ask("/count", {"get": "totals"})


def totals_from(host: Served, lines: int) -> Any:
    """Ask until that many lines are counted."""
    until(lambda: totals(host)["lines"] >= lines)
    return totals(host)


def test_totals_are_exact_after_kills_in_the_middle_of_the_log(project: Project) -> None:
    sample = SAMPLE.read_bytes().splitlines(keepends=True)[:200]  # people append to try it
    whole = b"".join(sample) * TIMES
    log = project.folder / "access.log"
    log.write_bytes(whole[: len(whole) // 2])  # ends within a line
    project.write(PIPELINE, head="")
    counted = 0
    for kill in range(1, KILLS + 1):
        host = project.serve()
        at_the_start = totals(host)["lines"]
        assert at_the_start >= counted, "what was told is not taken back"
        counted = totals_from(host, LINES * kill // (KILLS + 2))["lines"]
        assert counted < LINES
        host.process.kill()
        host.wait()
        if kill == 2:
            with log.open("ab") as file:
                file.write(whole[len(whole) // 2 :])
            log.rename(log.with_suffix(".1"))
            log.write_bytes(b"")
    host = project.serve()
    told = totals_from(host, LINES)
    hosts = told.pop("hosts")
    assert told == {
        "lines": LINES,
        "bad": 4 * TIMES,
        "bytes": 5383633 * TIMES,
        "status": {
            "200": 154 * TIMES,
            "206": 6 * TIMES,
            "301": 6 * TIMES,
            "304": 19 * TIMES,
            "404": 7 * TIMES,
            "408": TIMES,
            "500": 3 * TIMES,
        },
    }
    assert hosts[0] == ["203.0.113.8", 23 * TIMES]
    log.write_bytes(sample[0])
    assert totals_from(host, LINES + 1)["lines"] == LINES + 1
    for address in ("/tail", "/parse", "/count"):
        assert host.row(address)["counters"]["dead"] == 0
