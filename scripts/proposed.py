"""What one person has proposed and another has to approve, in all contracts: corrections by hand, members' keys,
merchants' groups, merges of members, points by receipts.

Read from the chain's events. Before it the scripts that propose; after it proposals.py, by which the second person
answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from scripts.amounts import coins, money
from scripts.correct_points import GRANT, KINDS, OF_POINTS
from scripts.grant_groups import names_of
from scripts.merge_members import GAS_A_MERCHANT, MERGE_GAS, involved
from scripts.past_events import past_events
from scripts.session import Session
from scripts.set_role import logs_of

GAS: Final = 600_000
OPEN: Final = 1  # a correction's status
ATTESTED: Final = 1  # a claim's state
FINANCE: Final = "finance"
MERCHANTS_FINANCE: Final = "the merchant's finance"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A call by which a proposal is approved or taken back."""

    method: Any
    arguments: tuple[Any, ...]
    gas: int = GAS


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """A proposal that is open: `until` in Unix seconds, 0 = no end; `second` may approve it, but not `by`."""

    name: str
    what: str
    by: str
    until: int
    second: str
    approve: Answer
    cancel: Answer | None = None


def proposed(session: Session) -> list[Proposed]:
    """All that waits for a second person now."""
    now = int(session.web3.eth.get_block("latest")["timestamp"])
    kinds = (_corrections, _keys, _groups, _merges, _receipts)
    found = [each for kind in kinds for each in kind(session)]
    return [each for each in found if each.until == 0 or each.until > now]


def _corrections(session: Session) -> Iterator[Proposed]:
    contract = session["Corrections"]
    for event in past_events(session, "Corrections", "CorrectionProposed"):
        number = int(event["id"])
        proposer, expires, kind, status, merchant, member, amount, _ = contract.proposalOf(number)
        if status != OPEN:
            continue
        sum_ = f"{coins(amount)} coins" if KINDS[kind] in OF_POINTS else money(amount)
        shop = f", merchant {merchant}" if merchant else ""
        own = str(proposer) == session.operator.address
        approve = contract.approve if kind == GRANT else contract.approveFor
        yield Proposed(
            name=f"correction-{number}",
            what=f"{KINDS[kind]} {sum_}: member {member}{shop}",
            by=str(proposer),
            until=int(expires),
            second=MERCHANTS_FINANCE if kind == GRANT else FINANCE,
            approve=Answer(method=approve, arguments=(number, bytes(contract.termsOf(number)))),
            cancel=Answer(method=contract.cancel if own else contract.cancelFor, arguments=(number,)),
        )


def _keys(session: Session) -> Iterator[Proposed]:
    for args in _latest(session, "MemberKeyProposed", "MemberKeySet", ("member", "key")):
        yield Proposed(
            name=f"key-{args['member']}-{args['key']}",
            what=f"member {args['member']} signs by {args['key']}",
            by=str(args["by"]),
            until=int(args["expires"]),
            second=FINANCE,
            approve=Answer(method=session["Registry"].approveMemberKey, arguments=(args["member"], args["key"])),
        )


def _groups(session: Session) -> Iterator[Proposed]:
    for args in _latest(session, "GroupsProposed", "GroupsSet", ("merchant", "account", "groups")):
        words = (args["merchant"], args["account"], args["groups"])
        yield Proposed(
            name=f"groups-{args['merchant']}-{args['account']}-{args['groups']}",
            what=f"{args['account']} is in merchant {args['merchant']}'s groups: {names_of(args['groups'])}",
            by=str(args["by"]),
            until=int(args["expires"]),
            second=FINANCE,
            approve=Answer(method=session["Registry"].approveGroups, arguments=words),
        )


def _merges(session: Session) -> Iterator[Proposed]:
    contract = session["MemberMerge"]
    pairs = [(int(event["from"]), int(event["into"])) for event in past_events(session, "MemberMerge", "MergeProposed")]
    for source, into in dict.fromkeys(pairs):
        proposer, expires, key, _ = contract.proposalOf(source, into)
        if not expires:
            continue
        merchants = involved(session, source)
        gas = MERGE_GAS + GAS_A_MERCHANT * len(merchants)
        yield Proposed(
            name=f"merge-{source}-{into}",
            what=f"all that member {source} has is member {into}'s (key {key if int(key, 16) else 'none'}), for good",
            by=str(proposer),
            until=int(expires),
            second=FINANCE,
            approve=Answer(method=contract.approveMerge, arguments=(source, into, merchants), gas=gas),
        )


def _receipts(session: Session) -> Iterator[Proposed]:
    contract = session["MissingPoints"]
    for event in past_events(session, "MissingPoints", "ReceiptAttested"):
        claim = bytes(event["claim"])
        member, amount, merchant, _, state, attester, _ = contract.claimOf(claim)
        if state != ATTESTED:
            continue
        yield Proposed(
            name=f"receipt-{claim.hex()}",
            what=f"merchant {merchant}'s base for {money(amount)}: member {member}",
            by=str(attester),
            until=0,
            second=f"{MERCHANTS_FINANCE} or owner",
            approve=Answer(method=contract.approve, arguments=(claim,)),
            cancel=Answer(method=contract.reject, arguments=(claim,)),
        )


def _latest(session: Session, asked: str, done: str, words: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The newest proposals of the Registry with these words that were not followed by them being in force."""
    waiting: dict[tuple[Any, ...], dict[str, Any]] = {}
    for log in logs_of(session, "Registry", asked, done):
        key = tuple(log["args"][word] for word in words)
        if log["event"] == asked:
            waiting[key] = dict(log["args"])
        else:
            waiting.pop(key, None)
    yield from waiting.values()
