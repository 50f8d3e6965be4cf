"""What the index reads a node's answers with, against other implementations of the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select

from node.chain.rlp import bytes_of, encode_text, root_of_list
from node.chain.signed import SignedTransaction, UnknownTransaction
from node.consensus.registry import VALIDATOR_REGISTRY, Validator
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.domain.merkle import keccak
from node.explorer.receipt_trie import prove_entry
from node.indexer.apply.calls import reason_in
from node.indexer.first import first_validators
from node.indexer.rolled import coins_at, rolled
from node.indexer.rows import Rows
from node.indexer.tables import coupons, ledger, metadata
from node.network.registries import validator_storage

KEY = "0x" + "4c" * 32
RECEIVER = to_checksum_address("0x" + "ab" * 20)
CALL = {"to": RECEIVER, "value": 7, "gas": 90_000, "nonce": 300, "data": "0x1234", "chainId": 4242}
PRICES: dict[int, dict[str, Any]] = {
    0: {"gasPrice": 12},
    1: {"gasPrice": 12, "type": 1, "accessList": [{"address": RECEIVER, "storageKeys": ["0x" + "01" * 32]}]},
    2: {"maxFeePerGas": 12, "maxPriorityFeePerGas": 3, "type": 2, "accessList": []},
}


@settings(deadline=None)
@given(st.lists(st.binary(min_size=0, max_size=90), max_size=300))
def test_root_of_list_is_that_of_the_other_trie_when_any_values_stand_in_it(values: list[bytes]) -> None:
    values = [value or b"\x01" for value in values]
    entries = {encode_text(bytes_of(index)): value for index, value in enumerate(values)}
    assert root_of_list(values) == prove_entry(entries, b"\x80")[0]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_signed_transaction_is_that_of_eth_account_when_it_is_read(kind: int) -> None:
    signed = Account.sign_transaction({**CALL, **PRICES[kind]}, KEY)
    said = {name: hex(value) if isinstance(value, int) else value for name, value in {**CALL, **PRICES[kind]}.items()}
    said |= {"type": hex(kind), "input": said.pop("data"), "v": hex(signed.v), "r": hex(signed.r), "s": hex(signed.s)}
    read = SignedTransaction.read(said)
    assert read.encoded() == bytes(signed.raw_transaction)
    assert keccak(read.encoded()) == bytes(signed.hash)
    assert "0x" + read.sender().hex() == Account.from_key(KEY).address.lower()
    assert read.price(base_fee=5) == (8 if kind == 2 else 12)


def test_signed_transaction_is_refused_when_its_type_is_not_known() -> None:
    with pytest.raises(UnknownTransaction):
        SignedTransaction.read({"type": "0x9"})


def test_reason_in_says_texts_panics_and_typed_errors_when_a_call_failed() -> None:
    text = bytes.fromhex("08c379a0") + encode(["string"], ["not\x00today"])
    typed = keccak(b"NoDoor(address,uint256)")[:4] + encode(["address", "uint256"], ["0x" + "11" * 20, 8])
    assert reason_in(text) == "not\ufffdtoday"
    assert reason_in(bytes.fromhex("4e487b71") + encode(["uint256"], [0x11])) == "Panic(0x11)"
    assert reason_in(typed) == f"NoDoor(0x{'11' * 20}, 8)"
    assert reason_in(b"") is None
    assert reason_in(b"\x12\x34\x56\x78rest") is None
    assert reason_in(bytes.fromhex("08c379a0") + b"\xff" * 64) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 9)), max_size=20))
def test_coins_at_says_what_rolled_says_when_epochs_pass(held: list[tuple[int, int, int]]) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine, tables=[ledger.accounts])
    rows = [
        {
            "holder": index.to_bytes(20, "big"), "member": None, "value": 0, "current": current, "previous": previous,
            "epoch": epoch, "tier": 0, "flags": 1, "arrears": 0, "block": 1,
        }
        for index, (current, previous, epoch) in enumerate(held)
    ]  # fmt: skip
    with engine.begin() as connection:
        if rows:
            connection.execute(insert(ledger.accounts), rows)
        for epoch in range(10, 12):
            query = select(coins_at(ledger.accounts, epoch)).order_by(ledger.accounts.c.holder)
            assert list(connection.scalars(query)) == [rolled(row, epoch).coins for row in rows]


def _rows() -> Rows:
    return Rows(lambda table, key: None, lambda leaf: None)


def test_rows_give_the_appended_row_to_be_changed_when_it_is_of_the_same_range() -> None:
    rows = _rows()
    line = (1, 256, 0, 0, b"leaf", 0, 500, 1, 10_000, 100, 3, 5, 0, 0, 0)
    rows.begin(ledger.payment_lines, (1, 256, 0), line)
    rows.begin_line(b"leaf", (1, 256, 0))
    key = rows.line_of(b"leaf")
    assert key == (1, 256, 0)
    rows.at(ledger.payment_lines, *key)["refunded"] += 200
    assert rows.added["payment_lines"] == [None]
    assert rows.changed["payment_lines"][key]["refunded"] == 200
    assert rows.changed["payment_lines"][key]["amount"] == 500


def test_rows_note_who_made_a_row_once_when_it_changes_later() -> None:
    rows = _rows()
    rows.block, rows.log = 7, 3
    rows.at(coupons.coupons, 5)["hops"] += 1
    rows.block, rows.log = 9, 1
    row = rows.at(coupons.coupons, 5)
    row["hops"] += 1
    assert (row["block"], row["log"], row["hops"]) == (7, 3, 2)
    rows.at(ledger.debts, 1, 2)["owed"] += 5
    rows.block = 11
    assert rows.at(ledger.debts, 1, 2)["block"] == 11


def test_first_validators_are_those_of_block_0_when_the_registry_was_made(tmp_path: Path) -> None:
    made = tuple(
        Validator(
            account=Address(bytes([number]) * 20), power=10 * number, key=bytes([0x80 | number]) * 32,
            node_id=bytes([number, 0]) * 10, name=f"v{number}",
        )
        for number in (1, 2, 3, 4)
    )  # fmt: skip
    storage = {f"0x{slot:064x}": f"0x{word:064x}" for slot, word in validator_storage(made).items()}
    file = tmp_path / "genesis.json"
    file.write_text(json.dumps({"alloc": {"0x" + VALIDATOR_REGISTRY.hex(): {"storage": storage}}}))
    assert first_validators(file) == made
    assert first_validators(tmp_path / "none.json") == ()
    file.write_text('{"alloc": {}}')
    with pytest.raises(Unusable, match="no genesis"):
        first_validators(file)
