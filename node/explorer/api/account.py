"""Etherscan's `module=account`: balances, transactions, internal calls, token transfers and blocks of an address.

Before it node/explorer/api/etherscan.py; after it the index, and the chain for balances of gas coin.
"""

from collections.abc import Mapping
from typing import Any, Final

from node.chain.rpc import Rpc
from node.explorer.api.etherscan import Action, Nothing, address_of
from node.explorer.api.paging import page_of
from node.explorer.coins import Coins
from node.explorer.known import Names
from node.explorer.queries import chain
from node.explorer.queries.index import Index, Row
from node.explorer.web.request import Asked, BadRequest, hexadecimal

MAX_BALANCES: Final = 20
NO_TRANSACTIONS: Final = "No transactions found"


class AccountModule:
    """The actions."""

    def __init__(self, index: Index, rpc: Rpc, names: Names, coins: Coins) -> None:
        self._index = index
        self._rpc = rpc
        self._names = names
        self._coins = coins

    def actions(self) -> Mapping[str, Action]:
        """By name."""
        return {
            "balance": self.balance,
            "balancemulti": self.balance_multi,
            "txlist": self.tx_list,
            "txlistinternal": self.tx_list_internal,
            "tokentx": self.token_tx,
            "tokennfttx": self.nft_tx,
            "tokenbalance": self.token_balance,
            "addresstokenbalance": self.token_list,
            "getminedblocks": self.mined_blocks,
        }

    async def balance(self, asked: Asked) -> str:
        """Wei of an address."""
        return str(await self._wei(address_of(asked), asked.text("tag", "latest")))

    async def balance_multi(self, asked: Asked) -> list[dict[str, str]]:
        """Wei of several addresses."""
        texts = asked.text("address").split(",")
        if len(texts) > MAX_BALANCES:
            raise BadRequest(f"address has {MAX_BALANCES} addresses at most")
        found = [hexadecimal(text.strip(), 20, "address") for text in texts]
        tag = asked.text("tag", "latest")
        return [{"account": _hex(each), "balance": str(await self._wei(each, tag))} for each in found]

    async def tx_list(self, asked: Asked) -> list[dict[str, str]]:
        """Transactions of an address."""
        page = page_of(asked)
        rows = await self._index.rows(chain.transactions_of(address_of(asked), page))
        head = await self._index.head()
        return _some([await self._transaction(row, head) for row in rows])

    async def tx_list_internal(self, asked: Asked) -> list[dict[str, str]]:
        """Internal calls of an address, a transaction, or a range of blocks."""
        page, digest = page_of(asked), asked.text("txhash", "")
        query = chain.internal_calls(
            page,
            transaction=hexadecimal(digest, 32, "txhash") if digest else None,
            address=address_of(asked) if asked.text("address", "") else None,
        )
        return _some([_internal(row) for row in await self._index.rows(query)])

    async def token_tx(self, asked: Asked) -> list[dict[str, str]]:
        """Transfers of ERC-20 tokens."""
        return await self._transfers(asked, 20)

    async def nft_tx(self, asked: Asked) -> list[dict[str, str]]:
        """Transfers of ERC-721 tokens."""
        return await self._transfers(asked, 721)

    async def token_balance(self, asked: Asked) -> str:
        """What an address has of a token, in its smallest part; coins as of now, the expired left out."""
        return str(await self._coins.balance(address_of(asked, "contractaddress"), address_of(asked)))

    async def token_list(self, asked: Asked) -> list[dict[str, str]]:
        """All tokens that an address has."""
        holder, page = address_of(asked), page_of(asked)
        rows = [dict(row) for row in await self._index.rows(chain.balances_of(holder, page))]
        return _some(
            [
                {
                    "TokenAddress": _hex(row["token"]),
                    "TokenName": row["name"] or "",
                    "TokenSymbol": row["symbol"] or "",
                    "TokenQuantity": str(row["balance"]),
                    "TokenDivisor": str(row["decimals"] or 0),
                }
                for row in rows
            ]
        )

    async def mined_blocks(self, asked: Asked) -> list[dict[str, str]]:
        """Blocks that a validator's account proposed; there is no reward."""
        rows = await self._index.rows(chain.blocks_of(address_of(asked), page_of(asked)))
        return _some(
            [{"blockNumber": str(row["number"]), "timeStamp": str(row["time"]), "blockReward": "0"} for row in rows]
        )

    async def _wei(self, address: bytes, tag: str) -> int:
        if tag not in ("latest", "earliest", "pending", "safe", "finalized"):
            tag = hex(int(tag)) if tag.isascii() and tag.isdigit() and len(tag) < 20 else tag
        return int(await self._rpc.call("eth_getBalance", _hex(address), tag), 16)

    async def _transfers(self, asked: Asked, standard: int) -> list[dict[str, str]]:
        page = page_of(asked)
        token = address_of(asked, "contractaddress") if asked.text("contractaddress", "") else None
        holder = address_of(asked) if asked.text("address", "") else None
        if token is None and holder is None:
            raise BadRequest("address or contractaddress is missing")
        rows = await self._index.rows(chain.transfers(page, token=token, holder=holder, standard=standard))
        head = await self._index.head()
        return _some([await self._transfer(row, head) for row in rows])

    async def _transaction(self, row: Row, head: int) -> dict[str, str]:
        known = await self._names.of(row["receiver"])
        worked = row["succeeded"]
        return {
            **_common(row, head),
            "transactionIndex": str(row["position"]),
            "from": _hex(row["sender"]),
            "to": _hex(row["receiver"]),
            "value": str(row["value"]),
            "input": _hex(row["input"]) or "0x",
            "methodId": _hex(row["input"][:4]) or "0x",
            "functionName": known.abi.function_name(row["input"]) if known.abi is not None else "",
            "contractAddress": _hex(row["contract"]),
            "txreceipt_status": "1" if worked else "0",
            "isError": "0" if worked else "1",
        }

    async def _transfer(self, row: Row, head: int) -> dict[str, str]:
        nft = row["standard"] == 721
        known = await self._names.of(row["token"])
        return {
            **_common(row, head),
            "transactionIndex": str(row["position"]),
            "from": _hex(row["sender"]),
            "to": _hex(row["receiver"]),
            "contractAddress": _hex(row["token"]),
            **({"tokenID": str(row["amount"])} if nft else {"value": str(row["amount"])}),
            "tokenName": str(row["name"] or known.name),
            "tokenSymbol": str(row["symbol"] or ""),
            "tokenDecimal": str(row["decimals"] or 0),
            "logIndex": str(row["log"]),
            "input": "deprecated",
            "methodId": _hex(row["input"][:4]) or "0x",
            "functionName": "",
        }


def _common(row: Row, head: int) -> dict[str, str]:
    return {
        "blockNumber": str(row["block"]),
        "blockHash": _hex(row["block_hash"]),
        "timeStamp": str(row["time"]),
        "hash": _hex(row["hash"]),
        "nonce": str(row["nonce"]),
        "gas": str(row["gas"]),
        "gasPrice": str(row["gas_price"]),
        "gasUsed": str(row["gas_used"]),
        "cumulativeGasUsed": str(row["cumulative_gas"]),
        "confirmations": str(max(head - row["block"], 0) + 1),
    }


def _internal(row: Row) -> dict[str, str]:
    made = row["kind"].startswith("CREATE")
    return {
        "blockNumber": str(row["block"]),
        "timeStamp": str(row["time"]),
        "hash": _hex(row["hash"]),
        "from": _hex(row["sender"]),
        "to": "" if made else _hex(row["receiver"]),
        "value": str(row["value"]),
        "contractAddress": _hex(row["receiver"]) if made else "",
        "input": "",
        "type": row["kind"].lower(),
        "gas": str(row["gas"]),
        "gasUsed": str(row["gas_used"]),
        "traceId": str(row["position"]),
        "isError": "1" if row["error"] else "0",
        "errCode": row["revert_reason"] or row["error"] or "",
    }


def _some(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not rows:
        raise Nothing(NO_TRANSACTIONS, [])
    return rows


def _hex(value: bytes | None) -> str:
    return "0x" + value.hex() if value else ""
