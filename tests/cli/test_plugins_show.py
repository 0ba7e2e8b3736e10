"""The verbs ``plugins show`` and ``plugins check``."""

from __future__ import annotations

from aplay_host.testing import dist

from .served import Project

HOOKS = """
from aplay_host import hookimpl
@hookimpl
def aplay_health(): return []
@hookimpl(tryfirst=True)
def aplay_dead_letter(letter): ...
"""


FIELDS = {
    *(
        "id",
        "door",
        "dist",
        "name",
        "version",
        "installed_version",
        "state",
        "flags",
        "reason",
        "cure",
    ),
    *("target", "file", "editable", "project", "root", "import_ms", "actors", "hooks", "dropped"),
}


def install(project: Project, name: str, source: str, *entry_points: str) -> None:
    """Install one module, with entry points in the groups before their ``:``."""
    lines = [
        f"[aplay_host.{one.partition(': ')[0]}]\n{one.partition(': ')[2]}" for one in entry_points
    ]
    points = "\n".join(lines) + "\n"
    files = {f"{name}_hooks.py": source}
    dist(project.folder / "site-packages", name, files=files, entry_points=points)


def watch(project: Project, source: str = HOOKS) -> None:
    install(project, "watch", source, "plugins: watch = watch_hooks")


# ---- show ----------------------------------------------------------------------------------


def test_beside_a_host_the_place_of_each_hook_is_shown(project: Project) -> None:
    watch(project)
    project.write('[actors."/odd"]\nuse = "odd:Odd"\n')
    project.serve()
    ended = project.run("plugins", "show", "watch", "-o", "json")
    assert ended.code == 0
    assert ended.document["schema"] == "aplay.plugins.show/1"
    assert ended.document["host"]["state"] == "running"
    (row,) = ended.data
    assert (row["id"], row["door"], row["state"]) == ("watch/watch", "plugin", "active")
    assert {*row} == FIELDS
    assert row["file"] == row["root"] == str(project.folder / "site-packages/watch_hooks.py")
    assert row["import_ms"] >= 0
    assert (row["version"], row["installed_version"], row["flags"]) == ("1.0", "1.0", [])
    assert [hook["name"] for hook in row["hooks"]] == ["aplay_dead_letter", "aplay_health"]
    assert set(row["hooks"][0]) == {"name", "position", "of", "why", "errors"}
    assert row["hooks"][0]["why"] == "tryfirst, by name"
    people = project.run("plugins", "show", "watch/watch")
    assert people.out.splitlines()[0] == "watch/watch  plugin  1.0  active"
    assert "hook      aplay_dead_letter 1 of " in people.out
    unknown = project.run("plugins", "show", "wach")
    assert (unknown.code, unknown.out) == (5, "")
    assert unknown.err == 'error: no installed package offers wach\n  did you mean "watch"?\n'


def test_without_a_host_what_the_metadata_say_is_shown(project: Project) -> None:
    watch(project, "import os; os._exit(9)")
    ended = project.run("plugins", "show", "Watch", "-o", "json", "-q")
    assert (ended.code, ended.err) == (0, "")
    assert ended.document["host"] is None
    assert [(row["id"], row["state"], row["hooks"]) for row in ended.data] == [
        ("watch/watch", "found", [])
    ]
    assert [row["id"] for row in project.run("plugins", "show", "logwatch", "-o", "json").data] == [
        "logwatch/logwatch.count",
        "logwatch/logwatch.parse",
        "logwatch/logwatch.tail",
        "logwatch/logwatch",
    ]


def test_a_name_that_nothing_has_is_exit_code_5(project: Project) -> None:
    ended = project.run("plugins", "show", "no-such", "-o", "json")
    assert (ended.code, ended.out) == (5, "")
    assert '"type": "urn:aplay:problem:no-such-plugin"' in ended.err


# ---- check ---------------------------------------------------------------------------------


def test_a_sound_package_is_told_with_what_its_import_costs(project: Project) -> None:
    watch(project)
    ended = project.run("plugins", "check", "watch")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("ok    watch 1.0: metadata, 1 target; import ")
    assert ended.out.endswith(" 1 module, no threads, handlers or atexit left\n")


def test_every_mistake_of_a_package_is_told_with_its_place(project: Project) -> None:
    source = HOOKS + "@hookimpl\ndef aplay_before_reload(pla): ...\n"
    install(
        project,
        "watch",
        source,
        "plugins: watch = watch_hooks",
        "actors: a = watch_hooks:Gone\nb = no_such_module:B",
    )
    ended = project.run("plugins", "check", "watch/a")
    assert ended.code == 1
    _, *errors = ended.out.splitlines()
    assert errors[0].startswith('error watch_hooks:Gone: no "Gone" in watch_hooks')
    assert errors[1].startswith('error no_such_module:B: no module "no_such_module"')
    assert errors[2] == (
        'error watch_hooks: aplay_before_reload(pla): no such argument; did you mean "plan"? '
        "(watch_hooks.py:7)"
    )
    data = project.run("plugins", "check", "watch", "-o", "json")
    assert data.code == 1
    assert data.document["schema"] == "aplay.plugins.check/1"
    (report,) = data.data
    assert (report["dist"], report["ok"], len(report["errors"])) == ("watch", False, 3)
    assert {"id", "door", "target", "phase", "type", "message", "place"} == set(report["errors"][0])


def test_what_an_import_leaves_behind_is_a_warning(project: Project) -> None:
    source = (
        "import atexit, logging, signal, threading\n"
        "atexit.register(print)\n"
        "logging.getLogger().addHandler(logging.NullHandler())\n"
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
        "threading.Thread(target=threading.Event().wait, name='left', daemon=True).start()\n"
    )
    watch(project, source)
    ended = project.run("plugins", "check", "watch")
    assert ended.code == 0
    assert ended.out.startswith("warn  watch 1.0: ")
    assert ended.out.endswith(
        'left behind: thread "left", 1 exit handler, a handler of the root logger, '
        "a handler of SIGUSR1\n"
    )


def test_packages_that_end_the_process_hide_no_other(project: Project) -> None:
    watch(project, "import os; os._exit(0)")
    install(project, "kill", "import os; os.kill(os.getpid(), 9)", "plugins: kill = kill_hooks")
    ended = project.run("plugins", "check", "-o", "json")
    assert ended.code == 1
    reports = {report["dist"]: report for report in ended.data}
    assert {"watch", "kill", "logwatch", "counter"} <= set(reports)
    assert reports["logwatch"]["ok"]
    for name in ("watch", "kill"):
        (error,) = reports[name]["errors"]
        assert "ended the process" in error["message"]


def test_a_disabled_package_is_checked_all_the_same(project: Project) -> None:
    watch(project)
    project.write('plugins.disable = ["watch"]\n', head="")
    assert project.run("plugins", "check", "watch").code == 0


def test_options_come_from_the_file_where_there_is_one(project: Project) -> None:
    source = (
        "from dataclasses import dataclass\n"
        "class Watch:\n"
        "    @dataclass\n"
        "    class Options:\n"
        "        limit: int\n"
        "    def __init__(self, options): assert options.limit == 5\n"
    )
    install(project, "watch", source, "plugins: watch = watch_hooks:Watch")
    assert project.run("plugins", "check", "watch").code == 1
    project.write('[plugins.options."watch/watch"]\nlimit = 5\n', head="")
    assert project.run("plugins", "check", "watch").code == 0


def test_an_unknown_package_is_exit_code_5_and_a_missing_file_78(project: Project) -> None:
    assert project.run("plugins", "check", "no-such").code == 5
    assert project.run("plugins", "check", "-c", "gone.toml").code == 78
