"""The tables of aplay.toml as models: which keys there are, of what type and range."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
)

from .bind import parse_bind
from .duration import DURATION, parse_duration
from .find import STATE_DIR, resolved


def _resolved(value: object, info: ValidationInfo[Path]) -> Path:
    return resolved(info.context, value)


def _pattern(value: str, info: ValidationInfo[Path]) -> str:
    return os.path.join(glob.escape(str(info.context)), os.path.expanduser(value))


def _named(value: str, info: ValidationInfo[Path]) -> str:
    return value or info.context.name or "host"


def _actors(value: str) -> str:
    """Return a pattern of addresses; raises `ValueError` for what is none."""
    if not value.startswith("/") or not _ADDRESSES.fullmatch(value):
        raise ValueError('want a pattern of addresses, such as "/ingest/**"')
    return value


def _logged(value: str) -> str:
    """Return a pattern of addresses, or the name of a logger."""
    if value.startswith("/"):
        return _actors(value)
    if not _LOGGER.fullmatch(value):
        raise ValueError('want a pattern of addresses ("/ingest/**") or a logger ("acme.sql")')
    return value


def _group(value: str) -> str:
    """Return the name of a group, or nothing; whether there is one, a start finds out."""
    if value and not _GROUP.fullmatch(value):
        raise ValueError('want the name of a group, or "" for none')
    return value


def _size(value: int) -> int:
    """Return how large a file may be; raises `ValueError` where nothing would fit in."""
    if 0 < value < SMALLEST_FILE:
        raise ValueError(f"want 0 for no limit, or at least {SMALLEST_FILE} bytes")
    return value


SMALLEST_FILE, LARGEST_BODY = 1024 * 1024, 8 * 1024 * 1024
_ADDRESSES = re.compile(r"(?:/[A-Za-z0-9_.*-]+)+")
_LOGGER = re.compile(r"[^\s.*/]+(?:\.[^\s.*/]+)*")
_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": f"^{DURATION.pattern}$"},
            ]
        }
    ),
]
Level = Literal["debug", "info", "warning", "error"]
FolderPath = Annotated[Path, BeforeValidator(_resolved), WithJsonSchema({"type": "string"})]


class Table(BaseModel):
    """What all tables have in common: literals are strict, and unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class HostTable(Table):
    """``[host]``. An unstated `name` is the name of the file's folder.

    `on_failed` says what the host does once a required actor is failed, `loop` which event loop
    it runs on; ``auto`` is uvloop where that is installed.
    """

    name: Annotated[str, AfterValidator(_named)] = Field("", validate_default=True)
    state_dir: FolderPath = Field(STATE_DIR, validate_default=True)
    drain_timeout: Duration = 30.0
    on_failed: Literal["degrade", "exit"] = "degrade"
    loop: Literal["auto", "uvloop", "asyncio"] = "auto"


class PluginsTable(Table):
    """``[plugins]``; an empty `allow` allows all, and `disable` wins over it.

    `options` are tables by ``dist/name``, for the plugins' own ``Options``.
    """

    allow: list[str] = []
    disable: list[str] = []
    strict: bool = False
    paths: list[FolderPath] = []
    options: dict[str, dict[str, Any]] = {}


class LogTable(Table):
    """``[log]``. Without `configure` no logger and no handler is touched.

    `levels` are by address (``/ingest/**``) or by logger (``acme.sql``); the most specific wins.
    """

    level: Level = "info"
    format: Literal["auto", "console", "json"] = "auto"
    configure: bool = True
    levels: dict[Annotated[str, AfterValidator(_logged)], Level] = {}


class ControlTable(Table):
    """``[control]``: the socket, open to `group` where one is named, else to us alone."""

    enabled: bool = True
    group: Annotated[str, AfterValidator(_group)] = ""


class MetricsTable(Table):
    """``[metrics]``. `bind` is ``host:port`` of probes and metrics over TCP, empty for none.

    `per_address` are patterns of the addresses that have series of their own.
    """

    bind: Annotated[str, AfterValidator(parse_bind)] = ""
    per_address: list[Annotated[str, AfterValidator(_actors)]] = []


class ReloadTable(Table):
    """``[reload]``. What `watch` names is followed like a plugin's code.

    `exclude` are patterns of whole paths, as `fnmatch` has them.
    """

    enabled: bool = False
    watch: list[FolderPath] = []
    exclude: list[Annotated[str, AfterValidator(_pattern)]] = []
    on_busy: Literal["abort", "cancel"] = "abort"
    drain_timeout: Duration = 5.0
    probation: Duration = 10.0
    debounce: Duration = 0.05


class MailboxTable(Table):
    """A ``mailbox`` table, of one actor or of the defaults; what is not stated is None.

    Further keys are the kind's own; whoever knows the kinds checks them.
    """

    model_config = ConfigDict(extra="allow")

    kind: str | None = None
    capacity: Annotated[int, Field(ge=1)] | None = None
    overflow: Literal["reject", "wait", "drop_oldest", "drop_newest"] | None = None


class SqliteBoxTable(Table):
    """The own keys of a ``mailbox`` table whose kind is ``sqlite``; times are seconds.

    A message whose handler raised is tried again after a pause that doubles from `retry_base` up
    to `retry_cap`, until it has had `max_attempts`. `max_crashes` is how often the process may
    die with it in hand.
    """

    durability: Literal["power", "process"] = "power"
    max_attempts: Annotated[int, Field(ge=1)] = 5
    max_crashes: Annotated[int, Field(ge=1)] = 3
    retry_base: Duration = 0.5
    retry_cap: Duration = 300.0


class SqliteTable(Table):
    """``[mailboxes.sqlite]``: the one file that keeps the mail of all mailboxes of that kind.

    0 stands for no limit: of the file's size, and of the dead letters that are kept.
    """

    max_bytes: Annotated[int, Field(ge=0), AfterValidator(_size)] = 0
    dead_keep: Annotated[int, Field(ge=0)] = 0
    max_body: Annotated[int, Field(ge=1, le=LARGEST_BODY)] = 256 * 1024
    allow_network_fs: bool = False


class MailboxesTable(Table):
    """``[mailboxes]``: a table for each kind of mailbox that has something in common."""

    sqlite: SqliteTable = SqliteTable()


class BudgetTable(Table):
    """How many restarts, within which time, an actor may need before it is ``failed``."""

    max: Annotated[int, Field(ge=0)] | None = None
    within: Duration | None = None


class BackoffTable(Table):
    """The pauses before restarts, see `aplay_host.kernel.Backoff`."""

    initial: Duration | None = None
    factor: Annotated[float, Field(ge=1)] | None = None
    max: Duration | None = None
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None


class Settings(Table):
    """``[defaults]``, and the part of an actor's table that overrides it."""

    max_tasks: Annotated[int, Field(ge=1)] | None = None
    on_error: Literal["resume", "restart", "stop", "escalate"] | None = None
    restart: Literal["permanent", "transient", "temporary"] | None = None
    strategy: Literal["one_for_one", "one_for_all", "rest_for_one"] | None = None
    budget: BudgetTable = BudgetTable()
    backoff: BackoffTable = BackoffTable()
    stop_timeout: Duration | None = None
    ask_timeout: Duration | None = None
    mailbox: MailboxTable = MailboxTable()

    def settings(self) -> dict[str, Any]:
        """Return what is stated, as a layer of settings for `ActorSpec.of`."""
        stated = self.model_dump(include=set(Settings.model_fields), exclude_none=True)
        return {key: value for key, value in stated.items() if value != {}}


class ActorEntry(Settings):
    """One ``[actors."/address"]`` table.

    `use` names the class, `options` are for its own ``Options``, and a host is ready while
    no `required` actor has failed.
    """

    use: str
    options: dict[str, Any] = {}
    required: bool = True


class Tables(Table):
    """The whole file. The keys of `actors` are as they were written.

    The context of its validation is the folder that relative paths are relative to.
    """

    host: HostTable = Field(default_factory=dict, validate_default=True)  # needs the folder
    plugins: PluginsTable = PluginsTable()
    defaults: Settings = Settings()
    actors: dict[str, ActorEntry] = {}
    mailboxes: MailboxesTable = MailboxesTable()
    log: LogTable = LogTable()
    reload: ReloadTable = ReloadTable()
    control: ControlTable = ControlTable()
    metrics: MetricsTable = MetricsTable()
