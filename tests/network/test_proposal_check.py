"""ProcessProposal's check, field by field, and the binary payload; no process is started."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from node.consensus import transactions
from node.consensus.errors import EngineFailed, ProposalRefused, TransactionRefused
from node.consensus.failpoints import FINALIZE
from node.consensus.gossip import Gossip
from node.consensus.payload import HEAD, Payload, decode_payload, encode_payload, payload_from_json, payload_to_json
from node.consensus.proposals import Proposals
from node.consensus.rules import ChainRules, Head
from node.consensus.transactions import decode_transaction, recover_sender
from node.domain.ids import Address, Hash32
from tests.network.doubles import EveryoneMaySend, Refusing

MERCHANT = Account.from_key("0x" + "11" * 32)
THIEF = Account.from_key("0x" + "22" * 32)
CLERK = Account.from_key("0x" + "33" * 32)
CHAIN_ID = 77
RULES = ChainRules(
    chain_id=CHAIN_ID,
    genesis_hash=Hash32(bytes(32)),
    fee_recipient=Address(b"\x0a" * 20),
    extra_data=b"tillnet",
    gas_limit=1_000_000,
    transaction_gas_cap=100_000,
    payload_bytes=20_000,
)
PARENT = Head(number=9, hash=Hash32(b"\x09" * 32), timestamp=1000)
HEIGHT, BLOCK_TIME = 10, 1003


def transfer(account: Any = MERCHANT, **fields: Any) -> bytes:
    transaction = {
        "chainId": CHAIN_ID,
        "nonce": 0,
        "to": "0x" + "00" * 20,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10,
        "maxPriorityFeePerGas": 1,
        **fields,
    }
    return bytes(account.sign_transaction(transaction).raw_transaction)


GOOD = Payload(
    parent_hash=PARENT.hash,
    fee_recipient=RULES.fee_recipient,
    state_root=Hash32(b"\x01" * 32),
    receipts_root=Hash32(b"\x02" * 32),
    logs_bloom=bytes(256),
    prev_randao=PARENT.hash,
    number=HEIGHT,
    gas_limit=RULES.gas_limit,
    gas_used=21_000,
    timestamp=BLOCK_TIME,
    base_fee=7,
    block_hash=Hash32(b"\x03" * 32),
    blob_gas_used=0,
    excess_blob_gas=0,
    extra_data=RULES.extra_data,
    transactions=(transfer(),),
)


class FakeEngine:
    """A geth whose pool holds `pool`, and which finds every block valid or not as told."""

    def __init__(self, pool: Sequence[bytes] = (), *, valid: bool = True, fails: bool = False) -> None:
        self.pool = list(pool)
        self.valid = valid
        self.fails = fails
        self.nonces: dict[bytes, int] = {}
        self.built: list[Any] = []
        self.executed: list[Payload] = []

    async def build(self, *, parent: Head, transactions: Sequence[bytes] | None, version: int = 1, **_: Any) -> Payload:
        self.built.append(transactions)
        if self.fails and transactions != []:
            raise EngineFailed("no block today")
        chosen = self.pool if transactions is None else transactions
        return replace(GOOD, parent_hash=parent.hash, transactions=tuple(chosen), version=version)

    async def nonce(self, account: Address, *, at: Hash32) -> int:
        assert at == PARENT.hash
        return self.nonces.get(bytes(account), 0)

    async def execute(self, payload: Payload) -> bool:
        self.executed.append(payload)
        return self.valid


def refusing(*permitted: str) -> Refusing:
    return Refusing(*permitted, parent=PARENT.hash)


def judge(
    engine: FakeEngine,
    policy: EveryoneMaySend | None = None,
    now: float = 2000.0,
    gossip: Gossip | None = None,
    rules: ChainRules = RULES,
) -> Proposals:
    async def no_wait(_: float) -> None:
        return None

    return Proposals(
        engine=engine,  # type: ignore[arg-type]
        rules=rules,
        policy=policy or EveryoneMaySend(),
        clock=lambda: now,
        sleep=no_wait,
        gossip=gossip or Gossip(lambda: 0.0),
    )


async def check(data: bytes, engine: FakeEngine | None = None, policy: EveryoneMaySend | None = None) -> Payload:
    proposals = judge(engine or FakeEngine(), policy)
    return await proposals.check(data, parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME)


async def make(
    engine: FakeEngine, policy: EveryoneMaySend | None = None, max_bytes: int = 10**6, gossip: Gossip | None = None
) -> Payload:
    proposals = judge(engine, policy, gossip=gossip)
    data = await proposals.make(parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME, max_bytes=max_bytes)
    return decode_payload(data)


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


async def test_make_leaves_out_senders_when_they_lost_their_permission() -> None:
    engine = FakeEngine([transfer(), transfer(THIEF), transfer(nonce=1)])
    payload = await make(engine, refusing(MERCHANT.address))
    assert payload.transactions == (transfer(), transfer(nonce=1))


async def test_make_takes_what_gossip_knows_when_those_who_may_not_clog_the_pool() -> None:
    pool = [transfer(THIEF, nonce=nonce) for nonce in range(20)]
    gossip = Gossip(lambda: 0.0)
    waiting = [transfer(nonce=nonce) for nonce in (7, 5, 6, 9)]
    for raw in (*pool, *waiting, transfer(CLERK, nonce=1)):
        gossip.heard(raw)
    engine = FakeEngine(pool)
    engine.nonces = {bytes.fromhex(MERCHANT.address[2:]): 5}
    payload = await make(engine, refusing(MERCHANT.address, CLERK.address), gossip=gossip)
    # each sender's in the order of its nonces, without gaps
    assert payload.transactions == (transfer(nonce=5), transfer(nonce=6), transfer(nonce=7))
    # and what may not be in a block is offered to nobody any more
    assert set(gossip.pending(100)) == {*waiting, transfer(CLERK, nonce=1)}


async def test_make_lists_no_more_than_the_gas_of_a_block() -> None:
    gossip = Gossip(lambda: 0.0)
    for nonce in range(30):
        gossip.heard(transfer(nonce=nonce, gas=90_000))
    payload = await make(FakeEngine([transfer(THIEF)]), refusing(MERCHANT.address), gossip=gossip)
    assert len(payload.transactions) == RULES.gas_limit // 90_000


async def test_make_stays_below_the_byte_budget_when_the_pool_is_full() -> None:
    pool = [transfer(nonce=nonce, data=bytes(1000), gas=90_000) for nonce in range(50)]
    payload = await make(FakeEngine(pool))
    assert len(encode_payload(payload)) <= RULES.payload_bytes
    assert payload.transactions == tuple(pool[: len(payload.transactions)])
    assert len(payload.transactions) > 10
    assert len((await make(FakeEngine(pool), max_bytes=4500)).transactions) == 3


async def test_make_gives_an_empty_block_when_the_full_one_fails() -> None:
    engine = FakeEngine([transfer()], fails=True)
    assert (await make(engine)).transactions == ()
    assert engine.built == [None, []]


async def test_make_raises_only_when_not_even_an_empty_block_can_be_built() -> None:
    class Dead(FakeEngine):
        async def build(self, **_: Any) -> Payload:
            raise EngineFailed("gone")

    with pytest.raises(EngineFailed):
        await make(Dead())


async def test_make_waits_until_a_second_after_its_parent() -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    proposals = Proposals(
        engine=FakeEngine(),  # type: ignore[arg-type]
        rules=RULES,
        policy=EveryoneMaySend(),
        clock=lambda: 1000.25,
        sleep=note,
        gossip=Gossip(lambda: 0.0),
    )
    await proposals.make(parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME, max_bytes=10**6)
    assert waits == [0.75]


async def test_execute_asks_geth_once_for_the_same_payload() -> None:
    engine = FakeEngine()
    proposals = judge(engine)
    data = encode_payload(GOOD)
    for _ in range(3):
        assert await proposals.execute(data, GOOD, call=FINALIZE)
    assert len(engine.executed) == 1
    proposals.forget()
    await proposals.execute(data, GOOD, call=FINALIZE)
    assert len(engine.executed) == 2


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
    chosen = {"value": 0, **fields}
    removed = [name for name, value in chosen.items() if value is None]
    transaction = {
        "chainId": CHAIN_ID,
        "nonce": 0,
        "to": "0x" + "00" * 20,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10,
        "maxPriorityFeePerGas": 1,
        **chosen,
    }
    for name in removed:
        del transaction[name]
    signed = MERCHANT.sign_transaction(transaction)
    decoded = decode_transaction(bytes(signed.raw_transaction))
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


async def test_check_refuses_when_there_are_more_transactions_than_the_gas_allows() -> None:
    policy = refusing()
    many = (b"",) * (RULES.gas_limit // 21_000 + 1)
    with pytest.raises(ProposalRefused, match="transactions"):
        await check(encode_payload(replace(GOOD, transactions=many)), policy=policy)


@pytest.mark.parametrize(("most", "kept"), [(40, 40), (20, 20), (10, 10), (5, 0)])
async def test_make_tries_half_of_a_list_that_cannot_be_built_and_ends_with_an_empty_block(
    most: int, kept: int
) -> None:
    class Choosy(FakeEngine):
        async def build(self, *, transactions: Sequence[bytes] | None, **more: Any) -> Payload:
            if transactions is not None and len(transactions) > most:
                raise EngineFailed("one of them lacks another")
            return await super().build(transactions=transactions, **more)

    pool = [*(transfer(nonce=nonce) for nonce in range(40)), transfer(THIEF)]
    assert len((await make(Choosy(pool), refusing(MERCHANT.address))).transactions) == kept
