import subprocess
import sys
from pathlib import Path

FILE = """\
[actors."/cron"]
use = "cron.scheduler:Scheduler"

[[actors."/cron".options.jobs]]
when = "61 * * * *"
to = "/cron"
message = { get = "jobs" }
"""


def test_a_bad_expression_is_found_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "aplay.toml").write_text(FILE)
    command = [sys.executable, "-m", "aplay_host", "check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert 'aplay.toml:5:8: error: actors."/cron".options.jobs[0].when: ' in done.stdout
    assert "is no cron expression: bad minute" in done.stdout
