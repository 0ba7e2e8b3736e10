"""Every rule of aplay.toml, and every mistake in one run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aplay_host.config import HostConfig, Setting, load_config, parse_duration
from aplay_host.errors import ConfigError, Problem
from aplay_host.kernel import Actor, ActorSpec, Address

from .conftest import Load, Mistakes, Write
from .toml_text import documents, tables


def only(error: ConfigError) -> Problem:
    (problem,) = error.problems
    return problem


def test_an_empty_file_is_sound_and_has_every_default(load: Load, folder: Path) -> None:
    config = load("")
    assert config.file == folder / "aplay.toml"
    assert config.host.name == "project"
    assert config.host.state_dir == folder / ".aplay"
    assert config.host.drain_timeout == 30.0
    assert (config.plugins.allow, config.plugins.disable) == ([], [])
    assert (config.plugins.strict, config.plugins.paths) == (False, [])
    assert (config.defaults.max_tasks, config.defaults.stop_timeout) == (None, None)
    assert config.log.level == "info"
    assert not config.actors


def test_every_key_is_read(load: Load, folder: Path) -> None:
    config = load(
        """
        [host]
        name = "demo"
        state_dir = "run"
        drain_timeout = "2m"
        [plugins]
        allow = ["a"]
        disable = ["b/c"]
        strict = true
        paths = ["lib", "/opt/lib"]
        [defaults]
        max_tasks = 2
        stop_timeout = 1.5
        mailbox = { kind = "memory", capacity = 10, overflow = "wait" }
        [actors.tail]
        use = "x:Y"
        required = false
        max_tasks = 3
        stop_timeout = "500ms"
        mailbox.capacity = 5
        options = { a = 1 }
        [log]
        level = "warning"
        """
    )
    assert config.host.state_dir == folder / "run"
    assert config.host.drain_timeout == 120.0
    assert config.plugins.paths == [folder / "lib", Path("/opt/lib")]
    assert (config.defaults.max_tasks, config.defaults.stop_timeout) == (2, 1.5)
    assert config.defaults.mailbox.overflow == "wait"
    entry = config.actors[Address("/tail")]
    assert (entry.use, entry.required, entry.options) == ("x:Y", False, {"a": 1})
    assert (entry.max_tasks, entry.stop_timeout) == (3, 0.5)
    assert (entry.mailbox.kind, entry.mailbox.capacity) == (None, 5)
    assert config.log.level == "warning"


def test_a_configuration_cannot_be_changed(load: Load) -> None:
    config = load("")
    with pytest.raises(ValidationError):
        config.host.name = "other"


def test_actors_keep_the_order_of_the_file(load: Load) -> None:
    config = load("[actors.b]\nuse = 'x'\n[actors.'/a']\nuse = 'x'\n[actors.c]\nuse = 'x'\n")
    assert list(config.actors) == ["/b", "/a", "/c"]


class Worker(Actor):
    max_tasks = 7


def settings_of(config: HostConfig, cls: type[Actor]) -> ActorSpec:
    (entry,) = config.actors.values()
    defaults, own = config.defaults.settings(), entry.settings()
    return ActorSpec.of(cls, defaults=defaults, settings=own)


def test_defaults_and_the_actors_table_merge_key_by_key(load: Load) -> None:
    spec = settings_of(
        load(
            """
            [defaults]
            max_tasks = 2
            stop_timeout = "1m"
            ask_timeout = 7
            mailbox = { capacity = 10, overflow = "wait" }
            [actors.a]
            use = "x"
            mailbox.capacity = 5
            """
        ),
        Actor,
    )
    assert (spec.max_tasks, spec.stop_timeout, spec.ask_timeout) == (2, 60.0, 7.0)
    assert (spec.mailbox.capacity, spec.mailbox.overflow) == (5, "wait")


def test_a_class_attribute_beats_defaults_and_the_actors_table_beats_the_class(load: Load) -> None:
    text = "[defaults]\nmax_tasks = 2\n[actors.a]\nuse = 'x'\n"
    assert settings_of(load(text), Worker).max_tasks == 7
    assert settings_of(load(text + "max_tasks = 3\n"), Worker).max_tasks == 3


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1", 1.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ('"500ms"', 0.5),
        ('"30s"', 30.0),
        ('"5m"', 300.0),
        ('"2h"', 7200.0),
        ('"1d"', 86400.0),
    ],
)
def test_a_duration_is_seconds_or_text_with_a_unit(
    load: Load, written: str, seconds: float
) -> None:
    assert load(f"host.drain_timeout = {written}").host.drain_timeout == seconds


@pytest.mark.parametrize(
    ("written", "got"),
    [
        ('"soon"', '"soon"'),
        ('"30"', '"30"'),
        ('"5 m"', '"5 m"'),
        ("-1", "-1"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("true", "true"),
        ("[]", "an array"),
        (f'"{"9" * 400}s"', f'"{"9" * 55} ...'),
    ],
)
def test_what_is_no_duration_is_refused(mistakes: Mistakes, written: str, got: str) -> None:
    problem = only(mistakes(f"host.drain_timeout = {written}"))
    wanted = 'want seconds, or text such as "500ms", "30s", "5m", "2h" or "1d"'
    assert problem.message == f"got {got}, {wanted}"
    assert problem.column == 22


def test_a_number_of_seconds_beyond_a_float_is_refused() -> None:
    with pytest.raises(ValueError, match="want seconds"):
        parse_duration(10**400)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("host = 5", "host", "got 5, want a table"),
        ("host.name = 5", "host.name", "got 5, want a string"),
        ("host.name = 1979-05-27", "host.name", "got 1979-05-27, want a string"),
        ("host.state_dir = 5", "host.state_dir", "got 5, want a path"),
        ('plugins.strict = "yes"', "plugins.strict", 'got "yes", want true or false'),
        ("plugins.strict = 1", "plugins.strict", "got 1, want true or false"),
        ("plugins.allow = 'a'", "plugins.allow", 'got "a", want an array'),
        ("plugins.allow = ['a', 5]", "plugins.allow[1]", "got 5, want a string"),
        ("defaults.max_tasks = 0", "defaults.max_tasks", "got 0, want an integer >= 1"),
        ("defaults.max_tasks = true", "defaults.max_tasks", "got true, want an integer"),
        ("defaults.max_tasks = 1.5", "defaults.max_tasks", "got 1.5, want an integer"),
        ("defaults.max_tasks = '2'", "defaults.max_tasks", 'got "2", want an integer'),
        ("defaults.mailbox = []", "defaults.mailbox", "got an array, want a table"),
        (
            "defaults.mailbox.kind = 5",
            "defaults.mailbox.kind",
            "got 5, want a string",
        ),
        (
            "defaults.mailbox.overflow = 'drop'",
            "defaults.mailbox.overflow",
            'got "drop", want "reject", "wait", "drop_oldest" or "drop_newest"',
        ),
        (
            "log.level = 'loud'",
            "log.level",
            'got "loud", want "debug", "info", "warning" or "error"',
        ),
        ("log.level = 5", "log.level", 'got 5, want "debug", "info", "warning"'),
        ("actors = []", "actors", "got an array, want a table"),
        ("actors.a = 'x'", "actors.a", 'got "x", want a table'),
        ("actors.a = { use = {} }", "actors.a.use", "got a table, want a string"),
        ("[actors.a.use]", "actors.a.use", "got a table, want a string"),
    ],
)
def test_a_wrong_value_is_told_in_our_words(
    mistakes: Mistakes, text: str, key: str, message: str
) -> None:
    problem = only(mistakes(text))
    assert problem.key == key
    assert problem.message.startswith(message)


def test_the_caret_marks_the_value_of_a_wrong_one(mistakes: Mistakes) -> None:
    problem = only(mistakes("[defaults]\nmailbox = { capacity = -5 }\n"))
    assert (problem.line, problem.column, problem.end_column) == (2, 24, 26)


def test_a_close_literal_is_suggested(mistakes: Mistakes) -> None:
    assert only(mistakes("log.level = 'warn'")).hint == "did you mean warning?"


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[hots]", "hots", "did you mean host?"),
        ("host.sate_dir = 1", "host.sate_dir", "did you mean state_dir?"),
        ("host.colour = 1", "host.colour", "the keys here: name, state_dir, drain_timeout"),
        ("defaults.stop-timeout = 1", "defaults.stop-timeout", "did you mean stop_timeout?"),
        ("actors.a = { use = 'x', max-tasks = 1 }", "actors.a.max-tasks", "did you mean max_tasks"),
        ("actors.mailbox = { use = 'x', usee = 1 }", "actors.mailbox.usee", "did you mean use?"),
    ],
)
def test_an_unknown_key_is_marked_with_what_may_be_meant(
    mistakes: Mistakes, text: str, key: str, hint: str
) -> None:
    problem = only(mistakes(text))
    assert (problem.key, problem.code, problem.message) == (key, "unknown-key", "unknown key")
    assert problem.hint.startswith(hint)


def test_the_caret_marks_the_unknown_key(mistakes: Mistakes) -> None:
    problem = only(mistakes("[host]\nname = 'x'\n  sate_dir = '.'\n"))
    assert (problem.line, problem.column, problem.end_column) == (3, 3, 11)


def test_a_missing_use_is_marked_at_the_header(mistakes: Mistakes) -> None:
    problem = only(mistakes("[actors.'/a'.options]\n[actors.'/a']\nrequired = true\n"))
    assert (problem.key, problem.code) == ('actors."/a".use', "missing-key")
    assert (problem.message, problem.hint) == ("missing key", "add use = ...")
    assert (problem.line, problem.column, problem.end_column) == (2, 9, 13)


def test_the_leading_slash_of_an_address_is_optional(load: Load) -> None:
    config = load("[actors.a]\nuse = 'x'\n[actors.'a/b']\nuse = 'y'\n")
    assert list(config.actors) == ["/a", "/a/b"]


def test_one_address_written_in_two_ways_shows_both_places(mistakes: Mistakes) -> None:
    error = mistakes("[actors.'/tail']\nuse = 'x'\n\n[actors.tail]\nuse = 'y'\n")
    assert [(it.line, it.column, it.key) for it in error.problems] == [
        (1, 9, 'actors."/tail"'),
        (4, 9, "actors.tail"),
    ]
    assert {it.message for it in error.problems} == {"/tail is declared twice"}


@pytest.mark.parametrize("key", ["/", ""])
def test_the_root_is_the_hosts_own(mistakes: Mistakes, key: str) -> None:
    problem = only(mistakes(f"[actors.'{key}']\nuse = 'x'\n"))
    assert (problem.line, problem.code) == (1, "bad-address")
    assert problem.message == '"/" is the host itself'


@pytest.mark.parametrize(
    "key", ["/a/", "//a", "/a b", "/é", "a:b", "/a\\n", "/*", "/a/**", "wo*ker"]
)
def test_what_is_no_address_is_refused(mistakes: Mistakes, key: str) -> None:
    problem = only(mistakes(f"[actors.'{key}']\nuse = 'x'\n"))
    assert (problem.line, problem.column, problem.code) == (1, 9, "bad-address")
    assert "is no address" in problem.message


def test_a_table_below_an_actor_is_told_how_a_child_is_written(mistakes: Mistakes) -> None:
    problem = only(mistakes("[actors.'/tail']\nuse = 'x'\n[actors.'/tail'.parse]\nuse = 'y'\n"))
    assert (problem.line, problem.code) == (3, "unknown-key")
    assert problem.hint == 'a child has a table of its own: [actors."/tail/parse"]'


def test_a_misspelt_table_of_an_actor_is_not_taken_for_a_child(mistakes: Mistakes) -> None:
    text = "[actors.a]\nuse = 'x'\n[actors.a.option]\nb = 1\n"
    assert only(mistakes(text)).hint == "did you mean options?"


def test_a_child_whose_name_is_almost_a_key_is_still_a_child(mistakes: Mistakes) -> None:
    text = "[actors.a]\nuse = 'x'\n[actors.a.option]\nuse = 'y'\n"
    assert only(mistakes(text)).hint.endswith('[actors."a/option"]')


def test_an_unknown_value_of_an_actor_is_not_taken_for_a_child(mistakes: Mistakes) -> None:
    assert "the keys here" in only(mistakes("actors.a = { use = 'x', parse = 5 }")).hint


def test_all_mistakes_come_in_one_run_in_the_order_of_the_file(mistakes: Mistakes) -> None:
    error = mistakes(
        """\
        [log]
        level = 5
        [actors."/a/*"]
        max_tasks = 0
        usee = "x"
        [actors.b]
        use = "x"
        [actors."/b"]
        use = "x"
        [host]
        name = 5
        """
    )
    found = [(problem.line, problem.key) for problem in error.problems]
    assert found == [
        (2, "log.level"),
        (3, 'actors."/a/*"'),
        (3, 'actors."/a/*".use'),
        (4, 'actors."/a/*".max_tasks'),
        (5, 'actors."/a/*".usee'),
        (6, "actors.b"),
        (8, 'actors."/b"'),
        (11, "host.name"),
    ]
    assert str(error).endswith("8 errors in aplay.toml; nothing was started")


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("metrics.bind = '9750'", "metrics.bind", 'got "9750", want "host:port"'),
        ("metrics.bind = 'h:70000'", "metrics.bind", 'want "host:port"'),
        ("metrics.bind = '::1:80'", "metrics.bind", 'want "host:port"'),
        ("metrics.per_address = ['a']", "metrics.per_address[0]", "want a pattern of addresses"),
        ("metrics.per_address = ['/a b']", "metrics.per_address[0]", "want a pattern"),
        ("mailboxes.sqlite.max_bytes = 5", "mailboxes.sqlite.max_bytes", "at least 1048576 bytes"),
        ("mailboxes.sqlite.max_bytes = -1", "mailboxes.sqlite.max_bytes", "got -1, want an"),
        ("mailboxes.sqlite.max_body = 8388609", "mailboxes.sqlite.max_body", "<= 8388608"),
        ("mailboxes.sqlite.dead_keep = '5'", "mailboxes.sqlite.dead_keep", "want an integer"),
        ("mailboxes.redis = {}", "mailboxes.redis", "unknown key"),
        ("control.group = 'a b'", "control.group", "want the name of a group"),
        ("control.group = '1'", "control.group", "want the name of a group"),
        ("log.levels.'/a//b' = 'info'", 'log.levels."/a//b"', "want a pattern of addresses"),
        ("log.levels.'' = 'info'", 'log.levels.""', 'or a logger ("acme.sql")'),
        ("log.levels.'acme.*' = 'info'", 'log.levels."acme.*"', "or a logger"),
        ("log.levels.acme = 'loud'", "log.levels.acme", 'got "loud", want "debug"'),
    ],
)
def test_what_only_a_start_would_trip_over_is_a_mistake(
    mistakes: Mistakes, text: str, key: str, told: str
) -> None:
    problem = only(mistakes(text))
    assert problem.key == key
    assert told in problem.message


def test_a_wrong_name_in_a_table_is_marked_and_its_value_is_not(mistakes: Mistakes) -> None:
    problem = only(mistakes("[log.levels]\n'a b' = 'info'\n"))
    assert (problem.line, problem.column, problem.end_column) == (2, 1, 6)


@pytest.mark.parametrize("bind", ["", "127.0.0.1:9750", "[::1]:0", "metrics.example:65535"])
def test_where_metrics_may_be_bound(load: Load, bind: str) -> None:
    assert load(f"metrics.bind = '{bind}'").metrics.bind == bind


def test_names_of_levels_and_groups_are_taken(load: Load) -> None:
    config = load(
        """
        control.group = "ops-team_2"
        log.levels = { "/ingest/**" = "debug", "/w*/x" = "info", "acme.sql" = "error" }
        metrics.per_address = ["/**", "/a.b/*"]
        """
    )
    assert config.control.group == "ops-team_2"
    assert list(config.log.levels) == ["/ingest/**", "/w*/x", "acme.sql"]


def test_a_path_that_the_system_cannot_hold_is_a_mistake(mistakes: Mistakes) -> None:
    assert only(mistakes('plugins.paths = ["a\\u0000b"]')).key == "plugins.paths[0]"


def test_a_secret_is_never_printed(mistakes: Mistakes) -> None:
    error = mistakes("actors.a = { use = 5, options = { api_token = 'hunter2' } }\n")
    assert "hunter2" not in str(error)
    assert "api_token = *********" in str(error)


def sound(error: ConfigError) -> HostConfig:
    assert isinstance(error.sound, HostConfig)
    return error.sound


def test_what_is_left_without_the_mistakes_is_handed_on(mistakes: Mistakes, folder: Path) -> None:
    left = sound(
        mistakes(
            """
            host.drain_timeout = "soon"
            plugins.paths = [1, "lib", 2]
            [defaults]
            mailbox = { capacity = 0, overflow = "wait" }
            [actors.a]
            use = "x"
            max_task = 1
            options = { b = 1 }
            """
        )
    )
    assert left.host.drain_timeout == 30.0
    assert left.plugins.paths == [folder / "lib"]
    assert left.defaults.settings() == {"mailbox": {"overflow": "wait"}}
    assert left.actors[Address("/a")].options == {"b": 1}


def test_an_actor_without_a_sound_use_or_address_is_left_out(mistakes: Mistakes) -> None:
    left = sound(
        mistakes(
            """
            [actors.a]
            max_tasks = 0
            [actors.b]
            use = 5
            [actors.'/c*']
            use = "x"
            max_tasks = 0
            [actors.d]
            use = "x"
            [actors."/d"]
            use = "x"
            [actors.e]
            use = "x"
            """
        )
    )
    assert list(left.actors) == ["/e"]


def test_four_times_the_mistakes_take_no_sixteen_times_as_long(mistakes: Mistakes) -> None:
    table = "[actors.a{}]\nuse = 'x'\nstop_timeout = 'soon'\nmailbox.capacity = 0\n"

    def seconds(tables: int) -> float:
        began = time.process_time()
        error = mistakes("".join(table.format(number) for number in range(tables)))
        assert len(error.problems) == 2 * tables
        return time.process_time() - began

    seconds(100)  # the first time loads what is needed
    assert min(seconds(400) for _ in range(2)) < 10 * min(seconds(100) for _ in range(2))


KEYS = st.sampled_from(
    [
        "host",
        "name",
        "state_dir",
        "drain_timeout",
        "plugins",
        "allow",
        "disable",
        "strict",
        "paths",
        "defaults",
        "max_tasks",
        "stop_timeout",
        "mailbox",
        "kind",
        "capacity",
        "overflow",
        "actors",
        "use",
        "options",
        "required",
        "log",
        "level",
        "tail",
        "/tail",
        "/tail/parse",
        "/",
        "/*",
        "max-tasks",
        "levels",
        "reload",
        "watch",
        "exclude",
        "control",
        "group",
        "metrics",
        "mailboxes",
        "sqlite",
        "max_bytes",
        "bind",
        "per_address",
        "budget",
        "api_key",
    ]
)
TABLES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "host": tables(KEYS) | st.none().map(lambda _: 5),
        "plugins": tables(KEYS),
        "defaults": tables(KEYS),
        "actors": tables(KEYS) | st.dictionaries(KEYS, tables(KEYS), max_size=4),
        "log": tables(KEYS),
        "reload": tables(KEYS),
        "control": tables(KEYS),
        "metrics": tables(KEYS),
        "mailboxes": tables(KEYS),
        "more": tables(),
    },
)


def refusal(file: Path, settings: list[Setting] | None = None) -> ConfigError | None:
    try:
        load_config(file, settings=settings or ())
    except ConfigError as error:
        return error
    return None


EXAMPLES = int(os.environ.get("APLAY_TOML_EXAMPLES", "100"))
VALUES = st.sampled_from(
    ["5", "true", "[1", "{ a = 1 }", "${A}", "${UNSET}", "'x'", "1\nb = 2", ""]
)
SETTINGS = st.builds(
    Setting, st.lists(KEYS, min_size=1, max_size=4).map(tuple), VALUES | st.text(max_size=5)
)


@settings(
    deadline=None,
    database=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(documents(TABLES), st.lists(SETTINGS, max_size=2))
@example('[host]\nstate_dir = "\\u0000"\n', [])
@example("plugins.allow = [1, 2]\n", [])
@example(f"more = {'[' * 300}{']' * 300}\nlog = 5\n", [])
@example(f"actors.a.options.x = {'[' * 300}'${{'{']' * 300}\n", [])
@example("log = 5\n", [Setting(("log",), "{ level = 5, x = [1, { a = 1 }] }")])
@example("actors.a = []", [Setting(("actors", "a", "use"), "5"), Setting(("actors",), "[]")])
def test_any_toml_is_loaded_or_refused_with_places(
    tmp_path_factory: pytest.TempPathFactory, text: str, said: list[Setting]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text, encoding="utf-8", newline="")
    error = refusal(file, said)
    if error is not None:
        assert error.problems
        assert isinstance(error.sound, HostConfig)
        for problem in error.problems:
            located = problem.line >= 1 and problem.column >= 1
            assert located or (said and problem.file == "--set"), problem
        assert "Input should" not in str(error)
        assert "Field required" not in str(error)


def test_a_file_that_cannot_be_read_has_just_that_problem(write: Write) -> None:
    with pytest.raises(ConfigError, match="1 error in"):
        load_config(write("").with_name("other.toml"))
