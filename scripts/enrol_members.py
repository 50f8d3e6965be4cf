"""Enrols members: only they can earn and pay, unless the bridge enrols at the first payment.

brownie run enrol_members main ID[,ID...] --network FOLDER

  ID  a member's number, decimal or 0x-hex; one that is enrolled already stays as it is

brownie run enrol_members key MEMBER ADDRESS --network FOLDER

brownie run enrol_members propose_key MEMBER ADDRESS --network FOLDER
brownie run enrol_members change_key MEMBER ADDRESS --network FOLDER

  ADDRESS  that of the key by which the member signs terms of its own (TILLNET_MEMBER_KEY names its file then); none
           takes a key away that was stolen (the operator, at once)

The operator gives the first key to a member that has nothing yet. A member that has a key changes it itself
(change_key). Otherwise the operator proposes a key, and finance, another account, approves it within seven days
(proposals).
"""

from typing import Final

from scripts.amounts import read_whole
from scripts.names import ZERO, read_address
from scripts.onboard_merchant import enrol
from scripts.session import open_session
from scripts.trouble import Trouble, told

KEY_GAS: Final = 200_000


@told
def main(members: str) -> None:
    """Enrols the members and prints how many there are of them."""
    session = open_session()
    numbers = read_members(members)
    pipeline = session.pipeline()
    enrol(pipeline, session, numbers)
    pipeline.finish()
    print(f"Enrolled: {len(numbers):,} member{'s' if len(numbers) > 1 else ''}.")


@told
def key(member: str, address: str) -> None:
    """Registers a member's first key, as the operator."""
    _key("setMemberKey", "register", member, address)


@told
def propose_key(member: str, address: str) -> None:
    """Proposes a member's key, as the operator."""
    _key("proposeMemberKey", "propose", member, address)


@told
def change_key(member: str, address: str) -> None:
    """Changes a member's key, by the key that it has (named by TILLNET_OPERATOR_KEY)."""
    _key("changeMemberKey", "change", member, address)


def _key(function: str, what: str, member: str, address: str) -> None:
    session = open_session()
    registry = session["Registry"]
    number, signer = read_whole(member, "a member's number", low=1), read_signer(address)
    if not session["RewardToken"].account(number)[-1] & 1:
        raise Trouble(f"no member {number} is registered on this chain")
    pipeline = session.pipeline()
    pipeline.call(f"{what} the key of member {number}", getattr(registry, function), (number, signer), gas=KEY_GAS)
    pipeline.finish()
    if signer == ZERO:
        print(f"Member {number} signs by no key.")
    elif registry.memberKey(number) == signer:
        print(f"Member {number} signs by {signer}.")
    else:
        print("It is in force when finance has approved it: brownie run proposals")


def read_signer(text: str) -> str:
    """The address of a member's key; that of nobody for `none`."""
    return ZERO if text == "none" else read_address(text)


def read_members(text: str) -> list[int]:
    """Members' numbers by ',', each once, in the order given. Raises Trouble for what is no number."""
    return list(dict.fromkeys(read_whole(part.strip(), "a member's number", low=1) for part in text.split(",")))
