"""``python -m aplay_host`` is the command ``aplay-host``."""

import os
import sys

# -m puts the current directory first: a folder there that is named like a plugin, or like a
# library, would be imported in its place. `[plugins] paths` brings it back for who wants it.
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]

from aplay_host.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
