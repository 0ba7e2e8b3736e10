"""Each problem has one exit code and one HTTP status, and the commands obey the table."""

from __future__ import annotations

import json

import pytest

from aplay_host.cli import main as command
from aplay_host.cli.client import reported
from aplay_host.cli.main import cli
from aplay_host.control import problem
from aplay_host.errors import PROBLEM_KINDS, CommandError

TABLE = {
    1: "handler-failed 500, start-failed 500, internal 500, bad-plugin 500, forbidden 403, "
    "api-version 400, too-many-streams 503, too-many-connections 503, backup-failed 500",
    2: "bad-request 400, too-large 413",
    3: "no-host 503, not-ready 503, starting 503",
    4: "timeout 504",
    5: "no-such-actor 404, no-such-plugin 404, no-such-dead-letter 404, "
    "no-such-generation 404, no-such-route 404",
    7: "held 409, actor-stopped 409, actor-failed 409, reload-running 409, mailbox-kind 409, "
    "stopping 409, host-busy 409, mailbox-full 429, mailbox-unavailable 503",
    78: "bad-config 422, bad-state-dir 500",
}


def test_the_table_of_problems_is_the_contracts() -> None:
    wanted = {
        name: (code, int(status))
        for code, row in TABLE.items()
        for name, status in (one.split() for one in row.split(", "))
    }
    found = {name: (kind.exit_code, kind.status) for name, kind in PROBLEM_KINDS.items()}
    assert found == wanted


@pytest.mark.parametrize("name", PROBLEM_KINDS)
def test_a_problem_that_a_host_reports_ends_the_command_with_its_code(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(json.dumps(problem(CommandError(name, "why", hint="a cure"))))

    def fail(*args: object, **kwargs: object) -> None:
        raise reported(document)

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == PROBLEM_KINDS[name].exit_code
    assert capsys.readouterr() == ("", "error: why\n  a cure\n")


def test_a_problem_that_this_version_does_not_know_is_a_failure() -> None:
    error = reported({"type": "urn:aplay:problem:of-tomorrow", "detail": "why"})
    assert (error.exit_code, str(error)) == (1, "why")
