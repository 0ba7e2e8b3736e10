"""Guards an aplay-host: no reload during a backup, disk space as health, slow handlers."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aplay_host import ActorRef, Health, HostInfo, Interceptor, Veto, hookimpl

from .disk import judge_disk
from .timing import timing

__all__ = ["Guard"]


class Guard:
    """The plugin: three guards, each of which is off until it is asked for."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """What ``[plugins.options."guard/guard"]`` in aplay.toml may say."""

        backup_lock: Path | None = None
        min_free_mb: int | None = None
        slow_ms: float | None = None

    def __init__(self, options: Options) -> None:
        self._options = options

    @hookimpl
    def aplay_before_reload(self) -> Veto | None:
        """Refuse while the backup's lock file exists."""
        lock = self._options.backup_lock
        return Veto(f"a backup runs: {lock} exists") if lock and lock.exists() else None

    @hookimpl
    def aplay_health(self, host: HostInfo) -> Iterable[Health]:
        """Tell how much room there is where the host keeps its state."""
        wanted = self._options.min_free_mb
        if wanted is None:
            return ()
        return [judge_disk(shutil.disk_usage(host.state_dir).free / 1e6, wanted)]

    @hookimpl
    def aplay_interceptors(self, ref: ActorRef) -> Iterator[Interceptor]:
        """Put a stop watch around the handler of every actor."""
        if self._options.slow_ms is not None:
            yield Interceptor("timing", timing(ref.address, self._options.slow_ms))
