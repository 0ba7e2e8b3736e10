"""An actor with a secret that only its type tells of."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, SecretStr

from aplay_host import Actor


class Guarded(Actor):
    class Options(BaseModel):
        pin: SecretStr
        url: str = ""
        path: Path = Path("here")
        size: int = 1
