"""Stops earning on the whole network: payments are skipped until somebody unpauses. Refunds and reversals go on.

brownie run pause --network FOLDER

The operator may do this. A payment that is skipped in a pause keeps its sequence; the bridge posts it again later.
"""

from typing import Final

from scripts.session import open_session
from scripts.trouble import Trouble, told

GAS: Final = 150_000


@told
def main() -> None:
    """Stops earning."""
    set_paused(True)


def set_paused(paused: bool) -> None:
    """Stops earning or lets it go on. Raises Trouble when it is so already."""
    session = open_session()
    ledger = session["RewardToken"]
    if bool(ledger.paused()) == paused:
        raise Trouble(f"earning is {'paused' if paused else 'not paused'} already")
    pipeline = session.pipeline()
    what, method = ("pause earning", ledger.pause) if paused else ("unpause earning", ledger.unpause)
    pipeline.call(what, method, (), gas=GAS)
    pipeline.finish()
    print("Earning is paused; refunds go on." if paused else "Earning goes on.")
