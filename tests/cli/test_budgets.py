"""How long a command takes, from its start to its end; ``benchmarks/operating.py`` tells more."""

from __future__ import annotations

from pathlib import Path

from benchmarks.operating import best, host

CLICK = ["-c", "import click"]
COMMANDS = {verb: ["-m", "aplay_host", verb] for verb in ("--help", "status", "health")}


def test_commands_beside_ten_actors_keep_their_budgets(tmp_path: Path) -> None:
    over: list[str] = []
    with host(tmp_path, 10):
        for _ in range(3):  # a busy machine has a better minute; a slow command has none
            click, *took = best(5, tmp_path, CLICK, *COMMANDS.values())
            limits = {"--help": 2.0 * click, "status": 150.0, "health": 150.0}
            over = [
                f"{verb}: {ms:.0f} ms, at most {limits[verb]:.0f}"
                for verb, ms in zip(COMMANDS, took, strict=True)
                if ms > limits[verb]
            ]
            if not over:
                break
    assert over == []
