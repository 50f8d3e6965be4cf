"""A raw transaction decoded, and who signed it; no process is started."""

from dataclasses import replace
from typing import Any

import pytest

from node.consensus import transactions
from node.consensus.errors import TransactionRefused
from node.consensus.transactions import decode_transaction, recover_sender
from tests.network.proposal_stage import CHAIN_ID, MERCHANT, transfer


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": b"\x01" * 100, "nonce": 300},
        {"gasPrice": 5, "maxFeePerGas": None, "maxPriorityFeePerGas": None},
        {"gasPrice": 5, "type": 1, "accessList": [], "maxFeePerGas": None, "maxPriorityFeePerGas": None},
        {
            "accessList": [{"address": "0x" + "01" * 20, "storageKeys": ["0x" + "02" * 32]}],
            "data": bytes(70_000),
        },
    ],
)
def test_recover_sender_finds_who_signed(fields: dict[str, Any]) -> None:
    decoded = decode_transaction(transfer(**{"value": 0, **fields}))
    assert decoded.chain_id == CHAIN_ID
    assert decoded.gas == 21_000
    assert recover_sender(decoded).hex() == MERCHANT.address[2:].lower()


def test_recover_sender_refuses_when_the_signature_is_none() -> None:
    decoded = decode_transaction(transfer())
    with pytest.raises(TransactionRefused):
        recover_sender(replace(decoded, r=2**256 - 1))
    for r, s in ((0, 0), (0, 1), (1, 0), (1, 1), (5, 2**255), (2**256 - 1, 1)):
        try:
            recover_sender(replace(decoded, r=r, s=s))
        except TransactionRefused:
            continue
    with pytest.raises(TransactionRefused):
        recover_sender(replace(decoded, s=2**260))


@pytest.mark.parametrize("head", [b"\x02", b""])
def test_decode_refuses_a_long_list_after_its_first_items(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    span = transactions._span

    def count(*arguments: Any) -> Any:
        looked_at.append(arguments)
        return span(*arguments)

    monkeypatch.setattr(transactions, "_span", count)
    with pytest.raises(TransactionRefused):
        decode_transaction(head + b"\xf9\xff\xff" + bytes(65_535))
    assert len(looked_at) < 20
