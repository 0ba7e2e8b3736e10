"""``python -m aplay_host`` is the command ``aplay-host``."""

import sys

# -m puts the current directory first: a folder there that is named like a plugin, or like a
# library, would be imported in its place. `[plugins] paths` brings it back for who wants it.
if not sys.flags.safe_path:
    del sys.path[0]

from aplay_host.cli import main

if __name__ == "__main__":
    main()
