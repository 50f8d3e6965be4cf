"""A block, its transactions, receipts and logs as rows, and each event handed to whoever handles it."""

from typing import Final

from node.chain.checked import CheckedBlock, CheckedLog, CheckedTransaction
from node.indexer.apply import (
    accounts,
    coupons,
    governance,
    incentive,
    loyalty,
    market,
    payments,
    people,
    points,
    rules,
    settlement,
    value,
)
from node.indexer.apply.accounts import LEDGER, totals
from node.indexer.apply.calls import Traces, apply_traces
from node.indexer.apply.coins import apply_cash, apply_coins
from node.indexer.apply.handling import HANDLERS, Now
from node.indexer.apply.tokens import apply_transfer
from node.indexer.decode import Event, EventKind, event_kind
from node.indexer.known import Known
from node.indexer.rows import Rows
from node.indexer.tables import chain, ledger
from node.indexer.tables.governance import validators

REGISTERED: Final = (
    accounts, coupons, governance, incentive, loyalty, market, payments, people, points, rules, settlement, value,
)  # fmt: skip
"""The modules whose handlers are registered by their import."""
TRANSFER: Final = "Transfer"
CASH: Final = "CashToken"


def apply_block(rows: Rows, known: Known, block: CheckedBlock, traces: Traces | None) -> None:
    """All that a block changes, with its transactions' traces if the node gave any.

    The block before it must have been applied.
    """
    rows.block, rows.log = block.number, 0
    terms = known.terms
    day, epoch = terms.day(block.time), terms.epoch(block.time)
    _chain_rows(rows, known, block, traces is not None)
    if traces is not None:
        apply_traces(rows, known, block, traces)
    now: Now | None = None
    for transaction in block.transactions:
        now = Now(rows=rows, known=known, block=block, transaction=transaction, epoch=epoch, day=day)
        logs = block.logs[transaction.first_log : transaction.first_log + transaction.logs]
        for index, log in enumerate(logs):
            _apply_log(now, log, logs[index + 1 : index + 3])
    _end(rows, known, block, now, epoch, day)


def _apply_log(now: Now, log: CheckedLog, following: tuple[CheckedLog, ...]) -> None:
    now.rows.log = log.position
    kind = event_kind(log)
    name = None if kind is None else now.known.names.get(log.address)
    topics = (*log.topics, None, None, None, None)
    now.rows.append(
        chain.logs,
        (
            now.block.number, log.position, log.transaction, log.address, *topics[:4], log.data,
            None if kind is None else f"{name}.{kind.name}" if name else kind.name,
        ),
    )  # fmt: skip
    if kind is None:
        return
    if kind.name == TRANSFER:
        apply_transfer(now, log)
        if name == LEDGER:
            apply_coins(now, log, following)
        elif name == CASH:
            apply_cash(now, log)
        elif name == "Coupons":
            coupons.apply_coupon(now, log)
        return
    if name is not None:
        _handle(now, log, name, kind)


def _handle(now: Now, log: CheckedLog, name: str, kind: EventKind) -> None:
    handler = HANDLERS.get((name, kind.name))
    if handler is not None:
        handler(now, Event(contract=name, name=kind.name, args=kind.arguments(log), log=log, block=now.block))


def _chain_rows(rows: Rows, known: Known, block: CheckedBlock, traced: bool) -> None:
    rows.append(
        chain.blocks,
        (
            block.number, block.hash, block.parent, block.time, block.proposer, block.gas_used, block.gas_limit,
            block.base_fee, block.size, len(block.transactions), len(block.logs), block.state_root,
            block.transactions_root, block.receipts_root, block.extra_data, traced or not block.transactions,
        ),
    )  # fmt: skip
    for each in block.transactions:
        rows.append(
            chain.transactions,
            (
                block.number, each.position, each.hash, each.sender, each.receiver, each.nonce, str(each.value),
                each.gas, str(each.gas_price), each.kind, each.input,
            ),
        )  # fmt: skip
        rows.append(
            chain.receipts,
            (
                block.number, each.position, each.succeeded, each.gas_used, each.cumulative_gas, each.contract,
                each.first_log, each.logs,
            ),
        )  # fmt: skip
        if each.contract is not None:
            _contract(rows, known, each)
    if block.number == 0:
        for address, name in known.names.items():
            if name in ("AccountRegistry", "ValidatorRegistry"):
                rows.at(chain.contracts, address)["name"] = name
        for validator in known.validators:
            rows.at(validators, validator.account).update(
                key=validator.key, node_id=validator.node_id, power=validator.power, name=validator.name,
                status="active",
            )  # fmt: skip
            governance.note_key(rows, validator.account, validator.key)


def _contract(rows: Rows, known: Known, made: CheckedTransaction) -> None:
    row = rows.at(chain.contracts, made.contract)
    row.update(
        name=known.names.get(made.contract or b""), creator=made.sender, block=rows.block, transaction=made.position
    )


def _end(rows: Rows, known: Known, block: CheckedBlock, now: Now | None, epoch: int, day: int) -> None:
    """What is counted once a block: the day's sums, and who proposed it."""
    today = rows.at(ledger.days, day)
    today["blocks"] += 1
    today["transactions"] += len(block.transactions)
    today["logs"] += len(block.logs)
    today["gas_used"] += block.gas_used
    if now is not None and block.logs:
        row = totals(now)
        today["coins"], today["stored_value"] = row["current"] + row["previous"], row["value"]
        today["cash_owed"] = row["value"] + row["payable"] + row["reserve"] + row["deposits"]
        today["cash_held"] = _cash_held(rows, known)
    else:
        found = rows.find(ledger.ledgers, known.ledger)
        if found is not None:
            kept = found["current"] if found["epoch"] + 1 == epoch else 0
            coins = found["current"] + found["previous"] if found["epoch"] == epoch else kept
            today["coins"], today["stored_value"] = coins, found["value"]
            today["cash_owed"] = found["value"] + found["payable"] + found["reserve"] + found["deposits"]
            today["cash_held"] = _cash_held(rows, known)
    if rows.find(validators, block.proposer) is not None:
        row = rows.at(validators, block.proposer)
        row["proposed"] = (row["proposed"] or 0) + 1


def _cash_held(rows: Rows, known: Known) -> int:
    cash = next((address for address, name in known.names.items() if name == CASH), None)
    found = None if cash is None else rows.find(chain.token_balances, cash, known.ledger)
    return 0 if found is None else int(found["balance"])
