"""How a running host is found: its control socket, and the file that says where that is."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .._version import __version__
from ..control import (
    API_VERSION,
    ControlApi,
    Counted,
    HostRecord,
    Instance,
    instance_id,
    remove_instance,
    rfc3339,
    serve_control,
    socket_path,
    write_instance,
)
from ..errors import StateDirError
from .machine import group_id
from .port import HostPort

if TYPE_CHECKING:
    from .host import Host

_log = logging.getLogger("aplay_host")


class Presence:
    """One life of a host, as others see it; `control` is the socket of `api` while there is one."""

    def __init__(self, host: Host) -> None:
        self.control: Path | None = None
        self.api = ControlApi(HostPort(host))
        self._host = host

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Be found, and answer the control API, for the block.

        A socket that cannot be had is a warning: the host runs without, and the record says so.
        """
        config = self._host.config
        state_dir, group = config.host.state_dir, group_id(config.control.group)
        async with AsyncExitStack() as stack:
            if config.control.enabled:
                await self._listen(stack, group)
            write_instance(state_dir, self._instance(config.file), group)
            stack.callback(remove_instance, state_dir)
            yield

    async def _listen(self, stack: AsyncExitStack, group: int | None) -> None:
        config = self._host.config
        app = Counted(self.api.app(), self._host.vitals.metrics.count_request)
        try:
            path = socket_path(config.host.state_dir, instance_id(config.file), group)
            await stack.enter_async_context(serve_control(app, path, group))
        except (OSError, StateDirError) as error:
            _log.warning("no control socket, running without: %s", error)
        else:
            self.control = path

    def _instance(self, file: Path) -> Instance:
        return Instance(
            id=instance_id(file),
            boot=self._host.events.boot,
            pid=os.getpid(),
            started=rfc3339(datetime.now(UTC)),
            config=str(file),
            control=None if self.control is None else str(self.control),
            metrics=self._host.vitals.address,
            version=__version__,
            api=API_VERSION,
        )

    def record(self) -> HostRecord:
        """Return what the host is and how it is."""
        host = self._host
        return HostRecord(
            name=host.config.host.name,
            id=instance_id(host.config.file),
            boot=host.events.boot,
            pid=os.getpid(),
            version=__version__,
            state=host.phase,
            generation=host.current.number,
            config=str(host.config.file),
            pending_restart=host.pending_restart,
            banner=host.reloads.banner or None,
        )
