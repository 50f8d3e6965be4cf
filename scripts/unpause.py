"""Lets earning go on after a pause.

brownie run unpause --network FOLDER

The operator may do this. A ledger that has a successor stays paused.
"""

from scripts.pause import set_paused
from scripts.trouble import told


@told
def main() -> None:
    """Lets earning go on."""
    set_paused(False)
