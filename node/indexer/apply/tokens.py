"""Transfers of any token: who holds what. The coin's holders are apply/coins.py's, by the age of what they hold."""

from typing import Final

from node.chain.checked import CheckedLog
from node.indexer.apply.handling import Now
from node.indexer.tables import chain

NOBODY: Final = bytes(20)
FUNGIBLE, UNIQUE = 20, 721


def apply_transfer(now: Now, log: CheckedLog) -> None:
    """A Transfer of ERC-20 (three topics) or ERC-721 (four)."""
    standard = UNIQUE if len(log.topics) == 4 else FUNGIBLE
    if standard == FUNGIBLE and len(log.data) < 32:
        return
    sender, receiver = log.topics[1][12:], log.topics[2][12:]
    amount = int.from_bytes(log.topics[3] if standard == UNIQUE else log.data[:32], "big")
    rows = now.rows
    rows.append(chain.token_transfers, (now.block.number, log.position, log.address, sender, receiver, str(amount)))
    token = rows.at(chain.tokens, log.address)
    if not token["transfers"]:
        token.update(standard=standard, block=now.block.number, minted="0")
    token["transfers"] += 1
    moved = 1 if standard == UNIQUE else amount
    if sender == NOBODY:
        token["minted"] = str(int(token["minted"]) + moved)
    if receiver == NOBODY:
        token["minted"] = str(int(token["minted"]) - moved)
    if log.address == now.known.ledger:
        return
    for holder, change in ((sender, -moved), (receiver, moved)):
        if holder != NOBODY:
            row = rows.at(chain.token_balances, log.address, holder)
            row["balance"] = str(int(row["balance"] or "0") + change)
    if standard == UNIQUE:
        if receiver == NOBODY:
            rows.drop(chain.token_owners, log.address, str(amount))
        else:
            rows.at(chain.token_owners, log.address, str(amount))["owner"] = receiver
