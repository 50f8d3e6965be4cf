"""A chain whose validators' keys the tests have: signed headers, blocks with receipts and state, whole proofs of them.

What is hashed and signed here comes from node/proofs itself; that it is what CometBFT and geth hash and sign is said by
test_comet.py and test_trie.py with published vectors, and by tests/e2e/test_proofs.py with a real network.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.domain.assignment import Item
from node.domain.ids import (
    Address,
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    member_account,
)
from node.domain.ids import Sequence as Number
from node.domain.leaf import Leaf
from node.domain.line_items import LineItems
from node.domain.merkle import keccak, proof_of, root_of
from node.domain.words import Account, Supply, Totals
from node.explorer.receipt_trie import encode_header, encode_receipt, prove_entry
from node.proofs.anchor import Anchor
from node.proofs.comet import (
    BlockId,
    Commit,
    Time,
    Validator,
    Vote,
    commit_hash,
    header_hash,
    read_signed_header,
    set_hash,
    vote_bytes,
)
from node.proofs.ethereum import index_key
from node.proofs.verify import BATCH_POSTED

CHAIN_ID = "tillnet-7"
LEDGER = Address(b"\x1e" * 20)
ELSEWHERE = Address(b"\x2e" * 20)
EMPTY_HASH = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
BLOOM = "0x" + "00" * 256
BLOCK_TIME = 1_800_000_000
EPOCH = 5
"""Of the states here."""


@dataclass(frozen=True)
class Signer:
    """A validator with its key."""

    key: Ed25519PrivateKey
    power: int

    @property
    def validator(self) -> Validator:
        return Validator(key=self.key.public_key().public_bytes_raw(), power=self.power)


def signers(*powers: int, seed: str = "honest") -> tuple[Signer, ...]:
    """Validators with these powers, in the order of a set."""
    keys = [
        Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{seed} {n}".encode()).digest())
        for n in range(len(powers))
    ]
    made = [Signer(key, power) for key, power in zip(keys, powers, strict=True)]
    return tuple(sorted(made, key=lambda each: (-each.power, each.validator.address)))


def hash_of(those: Sequence[Signer]) -> bytes:
    return set_hash([each.validator for each in those])


def anchor_at(height: int, those: Sequence[Signer], *, epoch_length: int = 0) -> Anchor:
    return Anchor(
        chain_id=CHAIN_ID,
        height=height,
        validators_hash=Hash32(hash_of(those)),
        ledger=LEDGER,
        epoch_start=0,
        epoch_length=epoch_length,
    )


def signed_header(
    height: int,
    those: Sequence[Signer],
    *,
    following: Sequence[Signer] | None = None,
    app_hash: bytes = bytes(32),
    absent: Collection[int] = (),
    against: Collection[int] = (),
    chain_id: str = CHAIN_ID,
    round: int = 0,
    proposer: int = 0,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A header that these validators signed, as CometBFT's RPC gives it; some are absent, some voted for nothing.

    `before` is the signed header that it follows.
    """
    validators = [
        {
            "address": each.validator.address.hex().upper(),
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(each.validator.key).decode()},
            "voting_power": str(each.power),
        }
        for each in those
    ]
    header = {
        "version": {"block": "11", "app": "1"},
        "chain_id": chain_id,
        "height": str(height),
        "time": "2026-11-23T03:02:53.1204Z",
        "last_block_id": {"hash": "AB" * 32, "parts": {"total": 1, "hash": "CD" * 32}},
        "last_commit_hash": "01" * 32,
        "data_hash": "02" * 32,
        "validators_hash": hash_of(those).hex().upper(),
        "next_validators_hash": hash_of(those if following is None else following).hex().upper(),
        "consensus_hash": "03" * 32,
        "app_hash": app_hash.hex().upper(),
        "last_results_hash": "04" * 32,
        "evidence_hash": EMPTY_HASH,
        "proposer_address": those[proposer].validator.address.hex().upper(),
    }
    if before is not None:
        last = read_signed_header(dict(before), "before").commit
        header |= {"last_block_id": before["commit"]["block_id"], "last_commit_hash": commit_hash(last).hex().upper()}
    nobody = {"height": "0", "round": 0, "block_id": {"hash": "", "parts": {"total": 0, "hash": ""}}, "signatures": []}
    name = header_hash(read_signed_header({"header": header, "commit": nobody, "validators": []}, "made").header)
    block_id = BlockId(hash=name, parts=2, parts_hash=b"\x0f" * 32)
    commit = Commit(height=height, round=round, block_id=block_id, votes=())
    return {
        "header": header,
        "commit": {
            "height": str(height),
            "round": round,
            "block_id": {"hash": name.hex().upper(), "parts": {"total": 2, "hash": "0F" * 32}},
            "signatures": [
                _absent() if n in absent else _vote(each, n, commit, chain_id, 3 if n in against else 2)
                for n, each in enumerate(those)
            ],
        },
        "validators": validators,
    }


def _absent() -> dict[str, Any]:
    return {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}


def _vote(signer: Signer, number: int, commit: Commit, chain_id: str, flag: int) -> dict[str, Any]:
    seconds, nanoseconds = 1_795_402_974, 7_000_000 + number
    vote = Vote(
        flag=flag, address=signer.validator.address, time=Time(seconds=seconds, nanoseconds=nanoseconds), signature=b""
    )
    signature = signer.key.sign(vote_bytes(chain_id, commit, vote))
    fraction = f"{nanoseconds:09}".rstrip("0")
    return {
        "block_id_flag": flag,
        "validator_address": signer.validator.address.hex().upper(),
        "timestamp": f"2026-11-23T03:02:54.{fraction}Z",
        "signature": base64.b64encode(signature).decode(),
    }


def block(number: int, *, receipts_root: bytes = bytes(32), state_root: bytes = bytes(32)) -> dict[str, Any]:
    """A block as JSON-RPC gives it."""
    zeros, hashes = "0x" + "00" * 32, ("parentHash", "sha3Uncles", "transactionsRoot", "mixHash", "withdrawalsRoot")
    return {
        **dict.fromkeys((*hashes, "parentBeaconBlockRoot"), zeros),
        "miner": "0x" + "00" * 20,
        "stateRoot": "0x" + state_root.hex(),
        "receiptsRoot": "0x" + receipts_root.hex(),
        "logsBloom": BLOOM,
        "number": hex(number),
        "timestamp": hex(BLOCK_TIME + number),
        "gasLimit": hex(100_000_000),
        "gasUsed": hex(1_234_567),
        "extraData": "0x" + b"tillnet".hex(),
        "nonce": "0x" + "00" * 8,
        "baseFeePerGas": "0x7",
        "difficulty": "0x0",
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
    }


def leaf(sequence: int, line: int, *, stream: int = 1, items_root: bytes = bytes(32)) -> Leaf:
    return Leaf(
        stream=StreamId(stream),
        sequence=Number(sequence),
        line=line,
        tender=0,
        terminal=3,
        merchant=MerchantId(7),
        rule_version=RuleVersion(line + 1),
        tier_bps=10_000,
        epoch=0,
        rate=600_000,
        member=MemberId(16_066_964_348_282_619_985),
        amount=1_299 + sequence,
        time=BLOCK_TIME,
        points=77_940,
        last=0,
        items_root=Hash32(items_root),
        authorisation=Hash32(bytes(32)),
    )


ITEMS = LineItems(
    items=tuple(Item(product=f"40063813339{n:02}", quantity=n + 1, amount=MinorUnits(100 + n)) for n in range(5)),
    seed=bytes(range(16)),
)


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A block with one batch, and what a proof says above its header."""

    raw_block: Mapping[str, Any]
    leaves: tuple[Leaf, ...]
    receipt: Mapping[str, Any]

    @property
    def app_hash(self) -> bytes:
        return keccak(encode_header(self.raw_block))

    def document(
        self, sequence: int, headers: Sequence[Mapping[str, Any]], items: LineItems | None = None
    ) -> dict[str, Any]:
        """The proof of the payment with this number."""
        tree = [each.hash for each in self.leaves]
        return {
            "format": "tillnet-payment-proof-1",
            "payment": f"1-{sequence}",
            "items": [] if items is None else items_of(items),
            "lines": [
                {"leaf": _hex(b"".join(each.words())), "path": list(map(_hex, proof_of(tree, place)))}
                for place, each in enumerate(self.leaves)
                if each.sequence == sequence
            ],
            "receipt": dict(self.receipt),
            "block": _hex(encode_header(self.raw_block)),
            "headers": list(headers),
        }


def items_of(items: LineItems) -> list[dict[str, Any]]:
    return [
        {
            "index": n,
            "product": item.product,
            "quantity": item.quantity,
            "amount": item.amount,
            "salt": _hex(items.salts[n]),
            "path": list(map(_hex, items.proof(n))),
        }
        for n, item in enumerate(items.items)
    ]


def posted(
    number: int = 40, *, status: str = "0x1", ledger: Address = LEDGER, topic: bytes = BATCH_POSTED, stream: int = 1
) -> Posted:
    """A block of twenty transactions, the twelfth of which posted a batch of five lines of stream 1."""
    leaves = (
        leaf(41, 0),
        leaf(42, 0, items_root=ITEMS.root),
        leaf(42, 1, items_root=ITEMS.root),
        leaf(43, 0),
        leaf(44, 0),
    )
    root = root_of([each.hash for each in leaves])
    batch = {
        "address": _hex(ledger),
        "topics": [_hex(topic), _hex(stream.to_bytes(32, "big")), _hex(root)],
        "data": _hex(b"".join(n.to_bytes(32, "big") for n in (0, 4, 0, 5))),
    }
    # the same event, by whoever deploys a contract that writes it
    forged = {**batch, "address": _hex(ELSEWHERE)}
    transfer = {"address": _hex(LEDGER), "topics": [_hex(keccak(b"Transfer(address,address,uint256)"))], "data": "0x"}
    receipts = [
        {
            "type": "0x2" if n % 3 else "0x0",
            "status": status if n == 11 else "0x1",
            "cumulativeGasUsed": hex(50_000 * (n + 1)),
            "logsBloom": BLOOM,
            "logs": [transfer, forged, batch] if n == 11 else [transfer],
        }
        for n in range(20)
    ]
    entries = {index_key(n): encode_receipt(each) for n, each in enumerate(receipts)}
    receipts_root, nodes = prove_entry(entries, index_key(11))
    return Posted(
        raw_block=block(number, receipts_root=receipts_root),
        leaves=leaves,
        receipt={"index": 11, "log": 2, "nodes": list(map(_hex, nodes))},
    )


@dataclass(frozen=True, kw_only=True)
class State:
    """A state with the ledger among other accounts, and members' words in its storage."""

    accounts: Mapping[bytes, bytes]
    storage: Mapping[bytes, bytes]

    @property
    def root(self) -> bytes:
        return prove_entry(self.accounts, keccak(LEDGER))[0]

    def common(self, number: int, headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the proofs of all liabilities after a block have in common."""
        supply, totals = (keccak(bytes([tag]) + bytes(31)) for tag in (0x10, 0x11))
        return {
            "ledger": _hex(LEDGER),
            "epoch": EPOCH,
            "account": list(map(_hex, prove_entry(self.accounts, keccak(LEDGER))[1])),
            "supply": list(map(_hex, prove_entry(self.storage, supply)[1])),
            "totals": list(map(_hex, prove_entry(self.storage, totals)[1])),
            "block": _hex(encode_header(block(number, state_root=self.root))),
            "headers": list(headers),
        }

    def document(self, member: int, number: int, headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The proof of a member's balance after the block with this number."""
        slot = b"\x01" + bytes(11) + member_account(MemberId(member))
        return {
            "format": "tillnet-balance-proof-1",
            "ledger": _hex(LEDGER),
            "member": member,
            "account": list(map(_hex, prove_entry(self.accounts, keccak(LEDGER))[1])),
            "storage": list(map(_hex, prove_entry(self.storage, keccak(slot))[1])),
            "block": _hex(encode_header(block(number, state_root=self.root))),
            "headers": list(headers),
        }


def state_of(members: Mapping[int, Account]) -> State:
    """A state in which the ledger has these members, and words of other kinds beside them."""
    words = {b"\x01" + bytes(11) + member_account(MemberId(n)): account.pack() for n, account in members.items()}
    supply = Supply(
        current=sum(each.rolled(EPOCH)[0].current for each in members.values()),
        previous=sum(each.rolled(EPOCH)[0].previous for each in members.values()),
        epoch=EPOCH,
    )
    words[b"\x10" + bytes(31)] = supply.pack()
    words[b"\x11" + bytes(31)] = Totals(stored_value=sum(each.value for each in members.values()), payable=9).pack()
    words |= {bytes([2]) + bytes(27) + n.to_bytes(4, "big"): n for n in range(1, 9)}
    storage = {
        keccak(slot): rlp.encode(word.to_bytes((word.bit_length() + 7) // 8, "big")) for slot, word in words.items()
    }
    root, _ = prove_entry(storage, keccak(b""))
    nothing = keccak(b"")
    ledger = rlp.encode([b"\x01", b"", root, nothing])
    others = {keccak(bytes([n]) * 20): rlp.encode([b"\x05", b"\x09", keccak(b"\x80"), nothing]) for n in range(30, 60)}
    return State(accounts={**others, keccak(LEDGER): ledger}, storage=storage)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
