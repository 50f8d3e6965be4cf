"""Everything that the ledger owes, account by account: the tree of sums whose root has the ledger's own totals.

The accounts are found by the ledger's events, what they hold is read from its storage after one block, and the sums
have to be those of its supply and its stored value, or nothing is written. Arrears are listed beside the tree: what
members owe is a receivable, and makes nothing less of what others are owed. After it node/proofs/liability.py.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.chain.deployment import Deployment
from node.chain.events import topic_of
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc, RpcRefused
from node.domain.errors import Unusable
from node.domain.ids import Address, MemberId, member_account
from node.domain.words import IN_ARREARS, Account
from node.explorer.prove import Consensus, NotProvable, signed_part, verified
from node.proofs.liability import LIABILITY_FORMAT, SUPPLY_SLOT, TOTALS_SLOT, points_of, value_of
from node.proofs.sum_tree import SALT_BYTES, Beside, Holding, levels_of, path_of

FORMAT: Final = "tillnet-liabilities-1"
TRANSFER: Final = topic_of("Transfer(address,address,uint256)")
ENROLLED: Final = topic_of("MemberEnrolled(uint64)")
LOG_BLOCKS: Final = 1_000
AT_ONCE: Final = 32
"""Calls on their way at a time."""
ACCOUNT_TAG: Final = b"\x01" + bytes(11)
ARREARS_TAG: Final = b"\x0c" + bytes(23)
NOBODY: Final = Address(bytes(20))


@dataclass(frozen=True, kw_only=True, slots=True)
class Liabilities:
    """What is owed to whom after a block. `arrears` are what members owe, units by account.

    `common` are the fields that every account's proof has: the ledger's words, the block, the signed headers.
    """

    holdings: tuple[Holding, ...]
    arrears: Mapping[Address, int]
    common: Mapping[str, Any]


async def list_liabilities(
    rpc: Rpc, deployment: Deployment, consensus: Consensus, *, randomness: Callable[[int], bytes]
) -> Liabilities:
    """All that is owed after the newest block but one. Raises NotProvable when the sums are not the ledger's.

    Raises Unusable when the gateway has forgotten the block's state before all was read (geth keeps 128).
    """
    number = max(int(await rpc.call("eth_blockNumber"), 16) - 1, 0)
    block = await rpc.call("eth_getBlockByNumber", hex(number), False)
    terms = await Ledger(rpc, deployment.ledger).terms()
    epoch = terms.epoch(int(block["timestamp"], 16))
    try:
        proof = await rpc.call(
            "eth_getProof", _hex(deployment.ledger), [_hex(SUPPLY_SLOT), _hex(TOTALS_SLOT)], hex(number)
        )
        found = await _accounts(rpc, deployment, number)
        slots = {address: ACCOUNT_TAG + address for address in found}
        words = await _words(rpc, deployment, slots, number)
        accounts = {address: Account.unpack(word).rolled(epoch)[0] for address, word in words.items()}
        owing = {each: ARREARS_TAG + each[12:] for each, account in accounts.items() if account.flags & IN_ARREARS}
        arrears = await _words(rpc, deployment, owing, number)
    except RpcRefused as refused:
        raise Unusable(f"the state of block {number} cannot be had any more: {refused.text}") from None
    holdings = tuple(
        Holding(account=address, points=account.coins, value=account.value, salt=randomness(SALT_BYTES))
        for address, account in sorted(accounts.items())
        if account.coins or account.value
    )
    supply, totals = (int(each["value"], 16) for each in proof["storageProof"])
    _check_sums(holdings, points_of(supply, epoch), value_of(totals))
    common = {
        "ledger": _hex(deployment.ledger),
        "epoch": epoch,
        "account": proof["accountProof"],
        "supply": proof["storageProof"][0]["proof"],
        "totals": proof["storageProof"][1]["proof"],
        **await signed_part(block, consensus),
    }
    return Liabilities(holdings=holdings, arrears={each: word for each, word in arrears.items() if word}, common=common)


def liabilities_json(found: Liabilities) -> str:
    """The whole list, for whoever makes members' proofs; it says what everybody has."""
    root = levels_of([each.leaf for each in found.holdings])[-1][0]
    document = {
        "format": FORMAT,
        "root": {"hash": _hex(root.hash), "points": root.points, "value": root.value},
        "holdings": [_holding(each) for each in found.holdings],
        "arrears": [{"account": _hex(each), "points": points} for each, points in sorted(found.arrears.items())],
        "common": dict(found.common),
    }
    return json.dumps(document, indent=1) + "\n"


def read_liabilities(text: str) -> Liabilities:
    """What `liabilities_json` wrote. Raises Unusable."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}")
        return Liabilities(
            holdings=tuple(
                Holding(
                    account=Address(bytes.fromhex(each["account"][2:])),
                    points=int(each["points"]),
                    value=int(each["value"]),
                    salt=bytes.fromhex(each["salt"][2:]),
                )
                for each in document["holdings"]
            ),
            arrears={Address(bytes.fromhex(each["account"][2:])): int(each["points"]) for each in document["arrears"]},
            common=document["common"],
        )
    except (ValueError, KeyError, TypeError) as failure:
        raise Unusable(f"that is no list of liabilities: {failure}") from None


def prove_liability(found: Liabilities, account: Address) -> str:
    """The proof that an account is counted. Raises Unusable for one that is owed nothing, NotProvable."""
    index = next((n for n, each in enumerate(found.holdings) if each.account == account), None)
    if index is None:
        raise Unusable(f"the account {_hex(account)} is owed nothing; prove that with: till prove balance")
    path = path_of(levels_of([each.leaf for each in found.holdings]), index)
    document = {
        "format": LIABILITY_FORMAT,
        "holding": _holding(found.holdings[index]),
        "path": list(map(_beside, path)),
        **found.common,
    }
    return verified(document)


def member_address(member: int) -> Address:
    """The account of a member."""
    return member_account(MemberId(member))


async def _accounts(rpc: Rpc, deployment: Deployment, newest: int) -> set[Address]:
    """Whoever was enrolled, or ever got coins, up to a block."""
    found: set[Address] = set()
    for first in range(deployment.block, newest + 1, LOG_BLOCKS):
        query = {
            "fromBlock": hex(first),
            "toBlock": hex(min(first + LOG_BLOCKS - 1, newest)),
            "address": _hex(deployment.ledger),
            "topics": [[TRANSFER, ENROLLED]],
        }
        for log in await rpc.call("eth_getLogs", query):
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            to_member = log["topics"][0] == ENROLLED
            found.add(member_address(int.from_bytes(topics[1], "big")) if to_member else Address(topics[2][12:]))
    return found - {NOBODY}


async def _words(rpc: Rpc, deployment: Deployment, slots: Mapping[Address, bytes], number: int) -> dict[Address, int]:
    """The words at these slots after a block, in groups of some calls at a time."""
    ordered = sorted(slots.items())
    words: dict[Address, int] = {}
    for start in range(0, len(ordered), AT_ONCE):
        part = ordered[start : start + AT_ONCE]
        answers = await asyncio.gather(
            *(rpc.call("eth_getStorageAt", _hex(deployment.ledger), _hex(slot), hex(number)) for _, slot in part)
        )
        words.update({address: int(answer, 16) for (address, _), answer in zip(part, answers, strict=True)})
    return words


def _check_sums(holdings: tuple[Holding, ...], points: int, value: int) -> None:
    if not holdings:
        raise Unusable("nobody is owed anything yet")
    listed = sum(each.points for each in holdings), sum(each.value for each in holdings)
    if listed != (points, value):
        raise NotProvable(
            f"{len(holdings)} accounts hold {listed[0]} points and {listed[1]} of stored value, "
            f"the ledger says {points} and {value}"
        )


def _holding(holding: Holding) -> dict[str, Any]:
    return {
        "account": _hex(holding.account),
        "points": holding.points,
        "value": holding.value,
        "salt": _hex(holding.salt),
    }


def _beside(beside: Beside) -> dict[str, Any]:
    node = beside.node
    return {"hash": _hex(node.hash), "points": node.points, "value": node.value, "left": beside.left}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
