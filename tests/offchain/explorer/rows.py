"""Blocks of a chain of anvil's as the index has them, written row by row: what the explorer reads, without the indexer.

Tests of the indexer itself are tests/offchain/indexer; these rows let the explorer's be quick and say exactly what is
there.
"""

from typing import Any, Final

from sqlalchemy import Connection, insert

from benchmarks.devchain import Chain
from node.indexer.database import migrate, open_index
from node.indexer.tables import chain as tables
from node.indexer.tables.ledger import days

TRANSFER: Final = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")


def data(text: str) -> bytes:
    """Bytes of hexadecimal digits."""
    return bytes.fromhex(text.removeprefix("0x"))


def fill(where: str, chain: Chain, *, meta: dict[str, str], first: int = 0) -> int:
    """Writes blocks from `first` to the newest one, which is returned."""
    engine = open_index(where)
    migrate(engine)
    last = int(chain.request("eth_blockNumber"), 16)
    with engine.begin() as connection:
        if first == 0:
            chain_id = str(int(chain.request("eth_chainId"), 16))
            for name, value in {"chain_id": chain_id, **meta}.items():
                connection.execute(insert(tables.meta).values(name=name, value=value))
        for number in range(first, last + 1):
            block = chain.request("eth_getBlockByNumber", hex(number), True)
            _block(connection, block)
            for position, sent in enumerate(block["transactions"]):
                receipt = chain.request("eth_getTransactionReceipt", sent["hash"])
                _transaction(connection, number, position, sent, receipt)
    engine.dispose()
    return last


def write(where: str, table: Any, *rows: dict[str, Any]) -> None:
    """Writes rows of one table; what is left out is 0, empty or null."""
    engine = open_index(where)
    with engine.begin() as connection:
        for row in rows:
            connection.execute(insert(table).values(**{**_empty(table), **row}))
    engine.dispose()


def filled(table: Any, **values: Any) -> dict[str, Any]:
    """A row of a table; what is left out is 0, empty or null."""
    return {**_empty(table), **values}


def _empty(table: Any) -> dict[str, Any]:
    kinds: dict[Any, Any] = {int: 0, str: "", bytes: b"", bool: False}
    return {
        column.name: None if column.nullable else kinds.get(column.type.python_type, 0)
        for column in table.columns
        if not column.primary_key
    }


def _block(connection: Connection, block: dict[str, Any]) -> None:
    connection.execute(
        insert(tables.blocks).values(
            number=int(block["number"], 16),
            hash=data(block["hash"]),
            parent=data(block["parentHash"]),
            time=int(block["timestamp"], 16),
            proposer=data(block["miner"]),
            gas_used=int(block["gasUsed"], 16),
            gas_limit=int(block["gasLimit"], 16),
            base_fee=int(block.get("baseFeePerGas", "0x0"), 16),
            size=int(block["size"], 16),
            transactions=len(block["transactions"]),
            logs=0,
            state_root=data(block["stateRoot"]),
            transactions_root=data(block["transactionsRoot"]),
            receipts_root=data(block["receiptsRoot"]),
            extra_data=data(block["extraData"]),
            traced=False,
        )
    )


def _transaction(
    connection: Connection, number: int, position: int, sent: dict[str, Any], receipt: dict[str, Any]
) -> None:
    connection.execute(
        insert(tables.transactions).values(
            block=number,
            position=position,
            hash=data(sent["hash"]),
            sender=data(sent["from"]),
            receiver=data(sent["to"]) if sent["to"] else None,
            nonce=int(sent["nonce"], 16),
            value=str(int(sent["value"], 16)),
            gas=int(sent["gas"], 16),
            gas_price=str(int(sent["gasPrice"], 16)),
            kind=int(sent["type"], 16),
            input=data(sent["input"]),
        )
    )
    made = receipt["contractAddress"] if receipt["status"] == "0x1" else None
    connection.execute(
        insert(tables.receipts).values(
            block=number,
            position=position,
            succeeded=receipt["status"] == "0x1",
            gas_used=int(receipt["gasUsed"], 16),
            cumulative_gas=int(receipt["cumulativeGasUsed"], 16),
            contract=data(made) if made else None,
            first_log=int(receipt["logs"][0]["logIndex"], 16) if receipt["logs"] else 0,
            logs=len(receipt["logs"]),
        )
    )
    if made:
        creation = {"address": data(made), "creator": data(sent["from"]), "block": number, "transaction": position}
        connection.execute(insert(tables.contracts).values(**creation))
    for log in receipt["logs"]:
        topics = [data(topic) for topic in log["topics"]]
        connection.execute(
            insert(tables.logs).values(
                block=number,
                position=int(log["logIndex"], 16),
                transaction=position,
                address=data(log["address"]),
                data=data(log["data"]),
                **{f"topic{place}": topic for place, topic in enumerate(topics)},
            )
        )


def day(number: int, **values: int) -> dict[str, Any]:
    """A row of `days`."""
    return {**_empty(days), "day": number, **values}
