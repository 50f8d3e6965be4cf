"""ProcessProposal's check, field by field, and the binary payload; no process is started."""

from dataclasses import replace
from typing import Any

import pytest

from node.consensus.errors import ProposalRefused
from node.consensus.payload import HEAD, decode_payload, encode_payload, payload_from_json, payload_to_json
from node.domain.ids import Address, Hash32
from tests.network.proposal_stage import (
    BLOCK_TIME,
    GOOD,
    HEIGHT,
    MERCHANT,
    PARENT,
    RULES,
    THIEF,
    FakeEngine,
    check,
    judge,
    refusing,
    transfer,
)


async def test_check_accepts_the_canonical_block() -> None:
    assert await check(encode_payload(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parent_hash", Hash32(b"\x08" * 32)),
        ("number", HEIGHT + 1),
        ("fee_recipient", Address(b"\x0b" * 20)),
        ("timestamp", BLOCK_TIME + 1),
        ("timestamp", BLOCK_TIME - 1),
        ("prev_randao", Hash32(bytes(32))),
        ("gas_limit", RULES.gas_limit + 1),
        ("extra_data", b"mine"),
        ("extra_data", b""),
        ("blob_gas_used", 131_072),
        ("excess_blob_gas", 1),
    ],
)
async def test_check_refuses_when_a_field_is_not_the_agreed_one(field: str, value: Any) -> None:
    engine = FakeEngine()
    with pytest.raises(ProposalRefused):
        await check(encode_payload(replace(GOOD, **{field: value})), engine)
    assert engine.executed == []


async def test_check_demands_a_rising_timestamp_when_the_clock_stands() -> None:
    proposals = judge(FakeEngine())
    rising = encode_payload(replace(GOOD, timestamp=PARENT.timestamp + 1))
    await proposals.check(rising, parent=PARENT, height=HEIGHT, block_time=PARENT.timestamp - 50)
    with pytest.raises(ProposalRefused, match="timestamp"):
        await proposals.check(rising, parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME)


async def test_check_refuses_when_geth_finds_it_invalid() -> None:
    with pytest.raises(ProposalRefused, match="invalid"):
        await check(encode_payload(GOOD), FakeEngine(valid=False))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x03" + b"\xc0",
        b"\x04" + b"\xc0",
        b"\x7f",
        b"",
        transfer(chainId=1),
        transfer(gas=RULES.transaction_gas_cap + 1),
        transfer()[:-1],
        transfer() + b"\x00",
    ],
)
async def test_check_refuses_when_a_transaction_must_not_be_there(raw: bytes) -> None:
    with pytest.raises(ProposalRefused, match="transaction 1"):
        await check(encode_payload(replace(GOOD, transactions=(transfer(), raw))))


async def test_check_refuses_when_a_sender_has_no_permission_in_the_parents_state() -> None:
    block = encode_payload(replace(GOOD, transactions=(transfer(), transfer(THIEF))))
    with pytest.raises(ProposalRefused, match="transaction 1"):
        await check(block, policy=refusing(MERCHANT.address))
    await check(block, policy=refusing(MERCHANT.address, THIEF.address))


async def test_check_refuses_a_creation_when_its_sender_may_only_send() -> None:
    block = encode_payload(replace(GOOD, transactions=(transfer(), transfer(to=b"", data=b"\x00", gas=60_000))))
    with pytest.raises(ProposalRefused, match="transaction 1"):
        await check(block, policy=refusing(MERCHANT.address))
    await check(block)


async def test_check_refuses_when_the_payload_is_too_large() -> None:
    with pytest.raises(ProposalRefused, match="bytes"):
        await check(encode_payload(replace(GOOD, transactions=(bytes(RULES.payload_bytes),))))


def test_decode_refuses_any_byte_too_many_or_too_few() -> None:
    data = encode_payload(GOOD)
    assert decode_payload(data) == GOOD
    for broken in (
        data + b"\x00",
        data[:-1],
        data[: HEAD.size],
        data[:10],
        b"",
        b"\x00" + data[1:],
        b"\x03" + data[1:],
    ):
        with pytest.raises(ProposalRefused):
            decode_payload(broken)


def test_encode_gives_each_payload_one_form() -> None:
    assert encode_payload(decode_payload(encode_payload(GOOD))) == encode_payload(GOOD)


@pytest.mark.parametrize(
    "change",
    [
        {"ParentHash": "0x" + "08" * 32},  # geth would take this one, and it is not the one that was checked
        {"parentHASH": "0x" + "08" * 32},
        {"blockAccessList": "0x"},
        {"withdrawals": [{"index": "0x0", "validatorIndex": "0x0", "address": "0x" + "00" * 20, "amount": "0x1"}]},
        {"parentHash": "0x08"},
        {"gasLimit": None},
        {"transactions": ["00"]},
    ],
)
def test_payload_from_json_refuses_when_a_field_is_doubled_unknown_or_malformed(change: dict[str, Any]) -> None:
    assert payload_from_json(payload_to_json(GOOD)) == GOOD
    with pytest.raises(ProposalRefused):
        payload_from_json(payload_to_json(GOOD) | change)


async def test_check_refuses_when_there_are_more_transactions_than_the_gas_allows() -> None:
    policy = refusing()
    many = (b"",) * (RULES.gas_limit // 21_000 + 1)
    with pytest.raises(ProposalRefused, match="transactions"):
        await check(encode_payload(replace(GOOD, transactions=many)), policy=policy)
