"""Makes one member of two: what the first has, owes and is owed, its cards and rebates, are the second's, for good.

    brownie run merge_members propose FROM INTO CONSENT --network FOLDER

      FROM, INTO  members' numbers; FROM is frozen afterwards
      CONSENT     the text that both signed: its hash goes on the chain, the text into FOLDER/reasons

    brownie run merge_members approve FROM INTO --network FOLDER

The operator proposes, another account of finance approves (its key file in TILLNET_OPERATOR_KEY). INTO's key, as the
table shows it, will act for both; the proposal is void when it changes. Members with keys merge by their signatures
instead (docs/value.md).
"""

from typing import Final

from scripts.amounts import coins, money
from scripts.parties import kept_reason, read_member
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 300_000
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


@told
def approve(source: str, into: str) -> None:
    """Approves a merge and prints both members."""
    session = open_session()
    first, second = _two(session, source, into)
    merchants = _involved(session, first)
    pipeline = session.pipeline()
    method, arguments = session["MemberMerge"].approveMerge, (first, second, merchants)
    pipeline.checked_call("merge the members", method, arguments, gas=GAS * 3 + GAS_A_MERCHANT * len(merchants))
    pipeline.finish()
    _show(session, "Merged", first, second)


def _involved(session: Session, member: int) -> list[int]:
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
