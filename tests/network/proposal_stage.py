"""A block that is to be proposed, and a geth in memory that builds and judges it as told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eth_account import Account

from node.consensus.errors import EngineFailed
from node.consensus.gossip import Gossip
from node.consensus.payload import Payload, decode_payload
from node.consensus.proposals import Proposals
from node.consensus.rules import ChainRules, Head
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
    """A signed transaction; a field given as None is left out."""
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
    given = {name: value for name, value in transaction.items() if value is not None}
    return bytes(account.sign_transaction(given).raw_transaction)


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
