"""Makes one member of two: what the first has, owes and is owed, its cards and rebates, are the second's, for good.

    brownie run merge_members propose FROM INTO CONSENT --network FOLDER

      FROM, INTO  members' numbers; FROM is frozen afterwards
      CONSENT     the text that both signed: its hash goes on the chain, the text into FOLDER/reasons

    brownie run merge_members signed FROM INTO KEY_FROM KEY_INTO --network FOLDER

      KEY_FROM, KEY_INTO  the key files of the two members

The operator proposes, another account of finance approves (proposals). INTO's key, as the table shows it, will act for
both; the proposal is void when it changes. Members with keys merge by their signatures instead, which the operator
sends.
"""

from typing import Final

from scripts.amounts import coins, money
from scripts.member_key import sign_as_member
from scripts.names import typed_path
from scripts.parties import kept_reason, read_member
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

DOMAIN: Final = "Tillnet members"
GAS: Final = 300_000
MERGE_GAS: Final = 900_000
GAS_A_MERCHANT: Final = 60_000


@told
def propose(source: str, into: str, consent: str) -> None:
    """Proposes a merge and prints both members."""
    session = open_session()
    first, second = _two(session, source, into)
    arguments = (first, second, kept_reason(session, consent))
    pipeline = session.pipeline()
    pipeline.checked_call("propose the merge", session["MemberMerge"].proposeMerge, arguments, gas=GAS)
    pipeline.finish()
    _show(session, "Proposed", first, second)
    print("It is done when finance has approved it: brownie run proposals")


@told
def signed(source: str, into: str, key_source: str, key_into: str) -> None:
    """Merges by both members' signatures and prints them."""
    session = open_session()
    first, second = _two(session, source, into)
    contract, merchants = session["MemberMerge"], involved(session, first)
    fields = [("from", "uint64", first), ("into", "uint64", second)]
    signatures, until = [], 0
    for member, key in ((first, key_source), (second, key_into)):
        file = str(typed_path(key))
        until, signature = sign_as_member(session, contract, DOMAIN, member, "Merge", fields, file=file, until=until)
        signatures.append(signature)
    pipeline = session.pipeline()
    arguments = (first, second, merchants, until, *signatures)
    gas = MERGE_GAS + GAS_A_MERCHANT * len(merchants)
    pipeline.checked_call("merge the members", contract.merge, arguments, gas=gas)
    pipeline.finish()
    _show(session, "Merged", first, second)


def involved(session: Session, member: int) -> list[int]:
    """The merchants that owe the member something, or that it owes."""
    ledger, value = session["RewardToken"], session["StoredValue"]
    every = range(1, int(session["Registry"].merchantCount()) + 1)
    return [
        merchant
        for merchant in every
        if ledger.owed(merchant, member) or ledger.arrears(merchant, member) or value.valueArrears(merchant, member)
    ]


def _two(session: Session, source: str, into: str) -> tuple[int, int]:
    first, second = read_member(session, source), read_member(session, into)
    if first == second:
        raise Trouble(f"member {first} is not merged into itself")
    return first, second


def _show(session: Session, title: str, *members: int) -> None:
    ledger, registry = session["RewardToken"], session["Registry"]
    rows = []
    for member in members:
        account, key = ledger.account(member), str(registry.memberKey(member))
        named = key if int(key, 16) else "none"
        state = "frozen" if account[6] & 4 else ""
        rows.append((str(member), money(account[0]), coins(account[1] + account[2]), named, state))
    show(title, ("member", "stored value", "coins", "key", "state"), rows)
