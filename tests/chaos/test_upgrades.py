"""Code is exchanged under load, rightly and wrongly, while all its mail is durable.

``APLAY_UPGRADES`` is how often.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

from .account import examine
from .actors import ROUTES
from .host import PARTS, Host, charged, waiting
from .ledger import read_ledger
from .workload import Life, live

UPGRADES = int(os.environ.get("APLAY_UPGRADES", "4"))
ENOUGH = 200
CODE = (
    PARTS
    + """
{head}

class Upgraded(HostedTurning):
    version = {version}

    async def msg_handler(self, msg):
        {first}
        return await super().msg_handler(msg)
"""
)
SOUND = {"head": "", "first": "pass"}
KINDS = {
    "sound": SOUND,
    "syntax": SOUND | {"head": "x = ("},
    "import": SOUND | {"head": "import nowhere_at_all"},
    "raises": SOUND | {"first": "if isinstance(msg, Work): raise OSError('not today')"},
}


def test_upgrades_under_load_lose_and_charge_nothing_and_keep_the_state(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    host = Host(tmp_path, "HostedPlain", "Feed", first="Upgraded")
    host.write(CODE.format(version=0, **SOUND))
    outcomes = Counter[tuple[str, str]]()
    kinds = [*KINDS, *rng.choices(list(KINDS), k=UPGRADES)][:UPGRADES]
    rng.shuffle(kinds)
    with host.serving(1, ENOUGH) as process:
        for version, kind in enumerate(kinds, start=1):
            host.write(CODE.format(version=version, **KINDS[kind]))
            said = host.run("reload", "-o", "json")
            assert said.stdout, said.stderr
            outcomes[kind, json.loads(said.stdout)["data"]["outcome"]] += 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, host.log
    assert {kind for kind, outcome in outcomes if outcome == "refused"} <= {"syntax", "import"}
    taken_back = host.log.count("reload by the supervisor")
    assert taken_back >= outcomes["raises", "committed"] - 1, "it was not run in time"
    assert charged(asyncio.run(waiting(host.mail))) == []
    asyncio.run(live(Life(str(host.mail), str(host.ledger), 2)))
    found = examine(read_ledger(host.ledger), ROUTES)
    assert found.faults == ()
    sys.stdout.write(f"{dict(outcomes)}, {found}\n")
