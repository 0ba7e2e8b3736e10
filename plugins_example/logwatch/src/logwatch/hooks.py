"""The hook: an actor that not every Python can run."""

from collections.abc import Iterator
from importlib.util import find_spec

from aplay_host import ActorRegistration, hookimpl


@hookimpl
def aplay_actors() -> Iterator[ActorRegistration]:
    """Offer ``logwatch.unpack`` where Python was built with zlib; its module is loaded on need."""
    if find_spec("zlib") is not None:
        target = "logwatch.unpack:Unpack"
        yield ActorRegistration("logwatch.unpack", target, summary="reads a compressed log once")
