"""Enrols members: only they can earn and pay, unless the bridge enrols at the first payment.

brownie run enrol_members main ID[,ID...] --network FOLDER

  ID  a member's number, decimal or 0x-hex; one that is enrolled already stays as it is
"""

from scripts.amounts import read_whole
from scripts.onboard_merchant import enrol
from scripts.session import open_session
from scripts.trouble import told


@told
def main(members: str) -> None:
    """Enrols the members and prints how many there are of them."""
    session = open_session()
    numbers = read_members(members)
    pipeline = session.pipeline()
    enrol(pipeline, session, numbers)
    pipeline.finish()
    print(f"Enrolled: {len(numbers):,} member{'s' if len(numbers) > 1 else ''}.")


def read_members(text: str) -> list[int]:
    """Members' numbers by ',', each once, in the order given. Raises Trouble for what is no number."""
    return list(dict.fromkeys(read_whole(part.strip(), "a member's number", low=1) for part in text.split(",")))
