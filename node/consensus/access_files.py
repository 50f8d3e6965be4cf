"""What the files in a validator's folder are called; apart, for commands that have to start fast."""

from typing import Final

ACCOUNT_FILE: Final = "account.json"
"""The account that it votes with (node/consensus/account.py)."""
ACCESS_FILE: Final = "access.json"
"""The gateway's settings (node/consensus/access.py)."""
COOKIE_FILE: Final = "access.cookie"
"""The key of whoever can read the folder (node/consensus/access_watch.py)."""
