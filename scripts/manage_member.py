"""A member's state and tier, as the operator sets them.

    brownie run manage_member lock MEMBER --network FOLDER         nothing is debited; it still earns
    brownie run manage_member unlock MEMBER --network FOLDER
    brownie run manage_member freeze MEMBER --network FOLDER       it neither pays nor earns
    brownie run manage_member unfreeze MEMBER --network FOLDER
    brownie run manage_member tier MEMBERS TIER --network FOLDER   0 to 15, for members with commas between them
    brownie run manage_member sync MEMBER --network FOLDER         locks or unlocks it as its cards say (anybody)

A lost card is locked by manage_card, or by the member itself by my_card; this is for the member as a whole. Tiers are
otherwise found by what members earn and by their cards (review_tiers).
"""

from typing import Final

from scripts.amounts import read_whole
from scripts.parties import read_member, read_numbers
from scripts.session import Session, open_session
from scripts.show_member import FROZEN, LOCKED, states_of
from scripts.tables import show
from scripts.trouble import told

GAS: Final = 200_000
EACH_GAS: Final = 40_000
AT_ONCE: Final = 200
HIGHEST_TIER: Final = 15


@told
def lock(member: str) -> None:
    """Locks a member."""
    _set(member, "lock", LOCKED, set_it=True)


@told
def unlock(member: str) -> None:
    """Lifts the operator's lock."""
    _set(member, "unlock", LOCKED, set_it=False)


@told
def freeze(member: str) -> None:
    """Freezes a member."""
    _set(member, "freeze", FROZEN, set_it=True)


@told
def unfreeze(member: str) -> None:
    """Lifts a freeze."""
    _set(member, "unfreeze", FROZEN, set_it=False)


@told
def tier(members: str, tier: str) -> None:
    """Sets members' tier."""
    session = open_session()
    numbers = [read_member(session, str(each)) for each in read_numbers(members, "a member's number")]
    which = read_whole(tier, "a tier", high=HIGHEST_TIER)
    pipeline = session.pipeline()
    for at in range(0, len(numbers), AT_ONCE):
        part = numbers[at : at + AT_ONCE]
        gas = GAS + EACH_GAS * len(part)
        pipeline.checked_call("set the tier", session["Registry"].setTier, (part, which), gas=gas)
    pipeline.finish()
    _show(session, *numbers)


@told
def sync(member: str) -> None:
    """Locks or unlocks a member as its cards say."""
    session = open_session()
    number = read_member(session, member)
    pipeline = session.pipeline()
    method = session["MemberCards"].syncLock
    pipeline.checked_call(f"sync the lock of member {number}", method, (number,), gas=GAS)
    pipeline.finish()
    _show(session, number)


def _set(text: str, verb: str, bit: int, *, set_it: bool) -> None:
    session = open_session()
    member = read_member(session, text)
    block = session.web3.eth.block_number  # by its number: brownie keeps answers about the newest block
    flags = int(session["RewardToken"].account(member, block_identifier=block)[6])
    wanted = flags | bit if set_it else flags & ~bit
    arguments = (member, bool(wanted & LOCKED), bool(wanted & FROZEN))
    pipeline = session.pipeline()
    pipeline.checked_call(f"{verb} member {member}", session["Registry"].setMemberState, arguments, gas=GAS)
    pipeline.finish()
    _show(session, member)


def _show(session: Session, *members: int) -> None:
    accounts = [(member, session["RewardToken"].account(member)) for member in members]
    rows = [(str(member), str(account[5]), states_of(account[6])) for member, account in accounts]
    show("Members", ("member", "tier", "state"), rows)
