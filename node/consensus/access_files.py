"""What the gateway's files in a validator's folder are called; apart, for commands that have to start fast."""

from typing import Final

ACCESS_FILE: Final = "access.json"
"""Its settings (node/consensus/access.py)."""
COOKIE_FILE: Final = "access.cookie"
"""The key of whoever can read the folder (node/consensus/access_watch.py)."""
