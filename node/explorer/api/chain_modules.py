"""Etherscan's modules transaction, block, logs, stats and token, on the index.

Before it node/explorer/api/etherscan.py; after it node/explorer/queries.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_

from node.chain.rpc import Rpc
from node.explorer.api.etherscan import Action, Nothing, Plain, address_of
from node.explorer.api.paging import page_of
from node.explorer.coins import Coins
from node.explorer.queries import chain
from node.explorer.queries.index import Index, Row
from node.explorer.queries.validators import signed_block
from node.explorer.web.request import Asked, BadRequest, hexadecimal
from node.indexer.tables.chain import logs

MAX_LOGS: Final = 1_000
_TOPICS: Final = (logs.c.topic0, logs.c.topic1, logs.c.topic2, logs.c.topic3)


class ChainModules:
    """The actions of the five modules. `clock` gives Unix seconds."""

    def __init__(self, index: Index, rpc: Rpc, coins: Coins, clock: Callable[[], float] = time.time) -> None:
        self._index = index
        self._rpc = rpc
        self._coins = coins
        self._clock = clock

    def modules(self) -> dict[str, Mapping[str, Action]]:
        """By name."""
        return {
            "transaction": {"getstatus": self.status, "gettxreceiptstatus": self.receipt_status},
            "block": {
                "getblockreward": self.reward,
                "getblockcountdown": self.countdown,
                "getblocknobytime": self.number_by_time,
            },
            "logs": {"getlogs": self.logs},
            "stats": {
                "tokensupply": self.token_supply,
                "tokencsupply": self.token_supply,
                "ethsupply": self.supply,
                "nodecount": self.node_count,
            },
            "token": {
                "tokeninfo": self.token_info,
                "tokenholderlist": self.token_holders,
                "tokenholdercount": self.token_holder_count,
                "gettoken": self.token_info,
            },
        }

    async def status(self, asked: Asked) -> dict[str, str]:
        """Whether a transaction failed, and why."""
        row = await self._transaction(asked)
        if row["succeeded"]:
            return {"isError": "0", "errDescription": ""}
        trace = await self._index.row(chain.calls_of(row["block"], row["position"], 1))
        reason = "" if trace is None else str(trace["revert_reason"] or trace["error"] or "")
        return {"isError": "1", "errDescription": reason or "execution reverted"}

    async def receipt_status(self, asked: Asked) -> dict[str, str]:
        """The receipt's status."""
        return {"status": "1" if (await self._transaction(asked))["succeeded"] else "0"}

    async def reward(self, asked: Asked) -> dict[str, Any]:
        """Who proposed a block. Validators get no reward."""
        row = await self._index.row(chain.block_by_number(asked.number("blockno", -1, high=2**62)))
        if row is None:
            raise Nothing("No record found", None)
        signed = await self._index.row(signed_block(row["number"]))
        return {
            "blockNumber": str(row["number"]),
            "timeStamp": str(row["time"]),
            "blockMiner": _hex(row["proposer"] if signed is None else signed["proposer"]),
            "blockReward": "0",
            "uncles": [],
            "uncleInclusionReward": "0",
        }

    async def countdown(self, asked: Asked) -> dict[str, str]:
        """How long until a block comes, by the pace of the newest hundred."""
        wanted, head = asked.number("blockno", -1, high=2**62), await self._index.head()
        if wanted <= head:
            raise Plain("Error! Block number already pass")
        ends = [await self._index.row(chain.block_by_number(number)) for number in (max(head - 100, 0), head)]
        first, last = (0 if end is None else int(end["time"]) for end in ends)
        left = wanted - head
        return {
            "CurrentBlock": str(head),
            "CountdownBlock": str(wanted),
            "RemainingBlock": str(left),
            "EstimateTimeInSec": str(left * max(last - first, 1) // max(min(head, 100), 1)),
        }

    async def number_by_time(self, asked: Asked) -> str:
        """The block nearest to a Unix second, before or after it."""
        closest = asked.text("closest", "before")
        if closest not in ("before", "after"):
            raise BadRequest("closest is before or after")
        when = asked.number("timestamp", -1, high=2**40)
        row = await self._index.row(chain.block_near(when, before=closest == "before"))
        if row is None:
            raise Plain("Error! No closest block found")
        return str(row["number"])

    async def logs(self, asked: Asked) -> list[dict[str, Any]]:
        """Events by emitter and topics."""
        page = page_of(asked, first="fromBlock", last="toBlock", most=MAX_LOGS)
        conditions = _by_topics(asked)
        if asked.text("address", ""):
            conditions.append(logs.c.address == address_of(asked))
        if not conditions:
            raise BadRequest("address or topic0 is missing")
        found = await self._index.rows(chain.logs_where(page, conditions))
        if not found:
            raise Nothing("No records found", [])
        return [_log(row) for row in found]

    async def token_supply(self, asked: Asked) -> str:
        """How much there is of a token, in its smallest part."""
        return str(await self._coins.supply(address_of(asked, "contractaddress")))

    async def supply(self, asked: Asked) -> str:
        """Gas coin is given out at block 0 and by nobody since; how much is the genesis file's matter."""
        raise Plain("Gas coin has no supply that an index could add up; ask for a token's")

    async def node_count(self, asked: Asked) -> dict[str, str]:
        """How many nodes this explorer's gateway is connected with."""
        peers = int(await self._rpc.call("net_peerCount"), 16)
        return {"UTCDate": time.strftime("%Y-%m-%d", time.gmtime(self._clock())), "TotalNodeCount": str(peers)}

    async def token_info(self, asked: Asked) -> list[dict[str, str]]:
        """What a token says of itself."""
        address = address_of(asked, "contractaddress")
        row = await self._index.row(chain.token_by_address(address))
        if row is None:
            raise Nothing("No data found", [])
        return [
            {
                "contractAddress": _hex(address),
                "tokenName": row["name"] or "",
                "symbol": row["symbol"] or "",
                "divisor": str(row["decimals"] or 0),
                "tokenType": f"ERC{row['standard']}",
                "totalSupply": str(await self._coins.supply(address)),
                "transfers": str(row["transfers"]),
            }
        ]

    async def token_holders(self, asked: Asked) -> list[dict[str, str]]:
        """Who has a token, the most first."""
        found = await self._coins.holders(address_of(asked, "contractaddress"), page_of(asked))
        if not found:
            raise Nothing("No token holder found", [])
        return [
            {"TokenHolderAddress": _hex(row["holder"]), "TokenHolderQuantity": str(row["balance"])} for row in found
        ]

    async def token_holder_count(self, asked: Asked) -> str:
        """How many have a token."""
        return str(await self._coins.holder_count(address_of(asked, "contractaddress")))

    async def _transaction(self, asked: Asked) -> Row:
        row = await self._index.row(chain.transaction_by_hash(hexadecimal(asked.text("txhash"), 32, "txhash")))
        if row is None:
            raise Nothing("No transaction found", {})
        return row


def _by_topics(asked: Asked) -> list[ColumnElement[bool]]:
    """topic0..topic3, joined as topic0_1_opr and its kin say: from left to right, `and` unless they say `or`."""
    joined: ColumnElement[bool] | None = None
    before = ""
    for place, column in enumerate(_TOPICS):
        text = asked.text(f"topic{place}", "")
        if not text:
            continue
        here = column == hexadecimal(text, 32, f"topic{place}")
        operator = asked.text(f"topic{before}_{place}_opr", "and").lower() if before else "and"
        if operator not in ("and", "or"):
            raise BadRequest("an operator between topics is and or or")
        joined = here if joined is None else (or_ if operator == "or" else and_)(joined, here)
        before = str(place)
    return [] if joined is None else [joined]


def _log(row: Row) -> dict[str, Any]:
    topics = [row[f"topic{place}"] for place in range(4)]
    return {
        "address": _hex(row["address"]),
        "topics": [_hex(topic) for topic in topics if topic is not None],
        "data": "0x" + row["data"].hex(),
        "blockNumber": hex(row["block"]),
        "blockHash": _hex(row["block_hash"]),
        "timeStamp": hex(row["time"]),
        "gasPrice": hex(int(row["gas_price"])),
        "gasUsed": hex(row["gas_used"]),
        "logIndex": hex(row["position"]),
        "transactionHash": _hex(row["hash"]),
        "transactionIndex": hex(row["transaction"]),
    }


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
