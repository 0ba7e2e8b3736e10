"""The verbs ``config show`` and ``config schema``, and ``--set`` over a whole life."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from .served import Ended, Project, until

TEXT = """
    log.level = "${LEVEL:-info}"
    [actors."/a"]
    use = "guarded:Guarded"
    options = { pin = "hunter2", url = "db://me:hunter2@host/", path = "${WHERE:-sub}/x" }
    [actors."/b"]
    use = "odd:Odd"
    max_tasks = 3
"""


def listed(ended: Ended) -> dict[str, tuple[Any, str, str | None]]:
    assert ended.code == 0, ended
    assert "hunter2" not in ended.out + ended.err
    return {
        row["key"]: (row["value"], row["source"]["kind"], row["source"]["where"])
        for row in ended.data
    }


def test_every_value_is_shown_with_its_source_and_no_secret(project: Project) -> None:
    project.write(TEXT)
    rows = listed(project.run("config", "show", "-o", "json", "--set", "actors.b.max_tasks=4"))
    place = str(project.folder)
    options = 'actors."/a".options'
    assert rows["log.level"] == ("info", "file", "aplay.toml:4:13")
    assert rows["log.format"] == ("auto", "default", None)
    assert rows["defaults.mailbox.capacity"] == (10000, "default", None)
    assert rows['actors."/b".max_tasks'] == (4, "--set", None)
    assert rows[f"{options}.pin"] == ("********", "file", "aplay.toml:7:19")
    assert rows[f"{options}.url"][0] == "db://me:********@host/"
    assert rows[f"{options}.path"][:2] == (f"{place}/sub/x", "file")
    assert rows[f"{options}.size"] == (1, "plugin default", None)
    told = project.run("config", "show", "--sources")
    lines = {line.split()[0]: line.split(None, 1)[1] for line in told.out.splitlines()}
    assert " ".join(lines[f"{options}.pin"].split()) == '"********" aplay.toml:7:19'
    assert " ".join(lines["log.format"].split()) == '"auto" default'
    assert "SOURCE" not in project.run("config", "show").out


def test_what_no_plugin_can_vouch_for_is_hidden(project: Project) -> None:
    project.write(
        """
        [actors."/gone"]
        use = "broken:Broken"
        options = { pin = "hunter2" }
        """,
        head='plugins.paths = ["."]\n',
    )
    (project.folder / "broken.py").write_text("raise RuntimeError\n")
    assert listed(project.run("config", "show", "-o", "json"))['actors."/gone".options.pin'] == (
        "********",
        "file",
        "aplay.toml:5:19",
    )
    (project.folder / "broken.py").write_text("import os; os._exit(3)\n")
    ended = project.run("config", "show", "-o", "json")
    assert listed(ended)['actors."/gone".options.pin'][0] == "********"
    assert "what is for plugins is hidden" in ended.err


def test_a_file_that_cannot_be_used_is_told_as_a_start_tells_it(project: Project) -> None:
    project.write("log.level = 5\n", head="")
    ended = project.run("config", "show")
    assert (ended.code, ended.out) == (78, "")
    assert ended.err == project.run("serve").err
    assert "aplay.toml:1:13: error: log.level" in ended.err


@pytest.mark.parametrize(("text", "told"), [("x", "want KEY=VALUE"), ("a/b=hunter2", "quotes")])
def test_what_is_no_setting_is_a_usage_error(project: Project, text: str, told: str) -> None:
    ended = project.run("status", "--set", text)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert "hunter2" not in ended.err


def test_settings_of_the_start_outlive_a_reload_and_clients_give_the_same(
    project: Project,
) -> None:
    project.write(TEXT)
    over = ("--set", "host.state_dir=${STATE:-state}", "--set", "actors.b.max_tasks=5")
    served = project.serve(*over, "--log-level", "debug")
    assert project.run("status").code == 3
    running = listed(project.run("config", "show", "--running", "-o", "json", *over))
    assert running['actors."/b".max_tasks'] == (5, "--set", None)
    assert running["log.level"] == ("debug", "flag", "--log-level")
    assert running['actors."/a".options.pin'][0] == "********"
    assert running['actors."/a".options.size'] == (1, "plugin default", None)
    project.write(TEXT.replace('"hunter2", url', '"hunter2+", url') + "on_error = 'stop'\n")
    done = project.run("reload", "--config", "-o", "json", *over)
    assert done.data["outcome"] == "committed"
    changes = {it["key"]: (it["before"], it["after"]) for it in done.data["config"]}
    assert changes == {
        'actors."/a".options.pin': ("********", "********"),
        'actors."/b".on_error': (None, "stop"),
    }
    again = listed(project.run("config", "show", "--running", "-o", "json", *over))
    assert again['actors."/b".max_tasks'] == (5, "--set", None)
    assert again['actors."/a".options.pin'][0] == "********"
    project.write(TEXT.replace('"odd:Odd"', '"odd:Odd"\nrequired = false'))
    served.signal(signal.SIGHUP)
    until(lambda: not served.row("/b")["required"])
    served.signal(signal.SIGTERM)
    assert served.wait() == 0
    assert "hunter2" not in served.log


def test_the_schema_is_json_and_knows_the_options_of_installed_actors(project: Project) -> None:
    schema = json.loads(project.run("config", "schema").out)
    assert schema["title"] == "aplay.toml"
    ended = project.run("config", "schema", "--plugins", "-o", "json")
    assert ended.document["schema"] == "aplay.config.schema/1"
    entry = ended.data["$defs"]["ActorEntry"]
    tail = next(
        it["then"]["properties"]["options"]
        for it in entry["allOf"]
        if it["if"]["properties"]["use"]["const"] == "logwatch.tail"
    )
    assert set(tail["properties"]) == {"path", "to", "follow"}
    assert ended.data | {"$defs": 0} == schema | {"$defs": 0}
