"""Verifies a proof: everything from the validators' signatures up to what was bought, and nothing from anywhere else.

From the bottom upwards, so that nothing is read before it is known to be signed: signatures and changes of validators,
the anchor, the EVM block, its receipts or its state, then lines and line items. docs/proofs.md says each step in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.domain.assignment import MAX_LINES, Item
from node.domain.ids import Address, Hash32, MemberId, MinorUnits, PaymentId, payment_id
from node.domain.leaf import LEAF_BYTES, Leaf
from node.domain.merkle import SALT_BYTES, item_leaf, keccak, root_from_proof
from node.domain.words import Account
from node.proofs.anchor import Anchor
from node.proofs.ethereum import index_key, read_log, trie_value
from node.proofs.liability import LIABILITY_FORMAT, ProvenLiability, verify_liability
from node.proofs.reading import Fields, read_document
from node.proofs.refusal import ProofRefused, Step
from node.proofs.signed_block import MAX_NODES, Signed, signed_block, word_at

PAYMENT_FORMAT: Final = "tillnet-payment-proof-1"
BALANCE_FORMAT: Final = "tillnet-balance-proof-1"
MAX_PATH: Final = 32
MAX_ITEMS: Final = 10_000
BATCH_POSTED: Final = keccak(b"BatchPosted(uint32,bytes32,uint64,uint32,uint32,uint32)")
MEMBER_SLOT: Final = b"\x01" + bytes(11) + b"Tillmember\x00\x00"
"""The high 24 bytes of the slot of a member's word (contracts/libraries/Slots.sol); its number follows."""
_PAYMENT_NAMES: Final = ("format", "payment", "items", "lines", "receipt", "block", "headers")
_BALANCE_NAMES: Final = ("format", "ledger", "member", "account", "storage", "block", "headers")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenPayment:
    """Lines that the ledger accepted of a payment, and line items of it, with their places on the receipt."""

    signed: Signed
    payment: PaymentId
    lines: tuple[Leaf, ...]
    items: tuple[tuple[int, Item], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenBalance:
    """A member's account after a block, None when it has none. `coins` are what it could spend in that block, units;
    None when the anchor does not say by which epochs they age.
    """

    signed: Signed
    member: MemberId
    account: Account | None
    coins: int | None


Proven = ProvenPayment | ProvenBalance | ProvenLiability


def verify_proof(data: bytes, anchor: Anchor | None = None) -> Proven:
    """What the proof in a file proves. Raises ProofRefused with the step that fails.

    Without an anchor it says only that those who signed it are one another's successors.
    """
    document = read_document(data)
    kind = document.get("format") if isinstance(document, dict) else None
    if kind == PAYMENT_FORMAT:
        return _payment(Fields(document, "the proof", _PAYMENT_NAMES), anchor)
    if kind == BALANCE_FORMAT:
        return _balance(Fields(document, "the proof", _BALANCE_NAMES), anchor)
    if kind == LIABILITY_FORMAT:
        return verify_liability(document, anchor)
    known = ", ".join((PAYMENT_FORMAT, BALANCE_FORMAT, LIABILITY_FORMAT))
    raise ProofRefused(Step.DOCUMENT, f"its format is none of {known}")


def _payment(document: Fields, anchor: Anchor | None) -> ProvenPayment:
    found = signed_block(document, anchor)
    receipt = Fields(document["receipt"], "the receipt", ("index", "log", "nodes"))
    key, nodes = index_key(receipt.whole("index", 32)), receipt.all_data("nodes", MAX_NODES)
    raw = trie_value(found.block.receipts_root, key, nodes, Step.LOG)
    if raw is None:
        raise ProofRefused(Step.LOG, "the block has no such receipt")
    log = read_log(raw, receipt.whole("log", 32))
    if len(log.address) != 20 or len(log.topics) != 3 or log.topics[0] != BATCH_POSTED:
        raise ProofRefused(Step.LOG, "the log is not that of a batch of payments")
    signed = found.by(Address(log.address))
    stream, root = int.from_bytes(log.topics[1], "big"), Hash32(log.topics[2])
    name, lines = _lines(document, root)
    if lines[0].stream != stream:
        raise ProofRefused(Step.LINES, f"the lines are of stream {lines[0].stream}, the batch is of {stream}")
    return ProvenPayment(signed=signed, payment=name, lines=lines, items=_items(document, lines))


def _balance(document: Fields, anchor: Anchor | None) -> ProvenBalance:
    found = signed_block(document, anchor)
    ledger, member = Address(document.data("ledger", 20)), MemberId(document.whole("member", 64))
    signed = found.by(ledger)
    storage = found.storage_of(ledger, document.all_data("account", MAX_NODES))
    word = word_at(storage, MEMBER_SLOT + member.to_bytes(8, "big"), document.all_data("storage", MAX_NODES))
    account = None if word is None else Account.unpack(word)
    epoch = None if anchor is None else anchor.epoch(found.block.time)
    return ProvenBalance(
        signed=signed,
        member=member,
        account=account,
        coins=0 if account is None else None if epoch is None else account.rolled(epoch)[0].coins,
    )


def _lines(document: Fields, root: Hash32) -> tuple[PaymentId, tuple[Leaf, ...]]:
    """The payment's name and its lines, which are under the batch's root."""
    lines = []
    for number, each in enumerate(document.many("lines", MAX_LINES)):
        line = Fields(each, f"lines[{number}]", ("leaf", "path"))
        packed = line.data("leaf", LEAF_BYTES)
        if root_from_proof(keccak(packed), _path(line)) != root:
            raise ProofRefused(Step.LINES, f"line {number} is not under the batch's root 0x{root.hex()}")
        try:
            lines.append(Leaf.unpack(packed))
        except ValueError as failure:
            raise ProofRefused(Step.LINES, str(failure)) from None
    name = document.text("payment")
    if not lines:
        raise ProofRefused(Step.LINES, "there is none")
    for before, after in pairwise(lines):
        if after.line <= before.line:
            raise ProofRefused(Step.LINES, "they are not in their order")
    if any(payment_id(each.stream, each.sequence) != name for each in lines):
        raise ProofRefused(Step.LINES, f"they are not of the payment {name}")
    return PaymentId(name), tuple(lines)


def _items(document: Fields, lines: Sequence[Leaf]) -> tuple[tuple[int, Item], ...]:
    """The line items, which are under the root that all lines of the payment carry."""
    shown: list[tuple[int, Item]] = []
    for number, each in enumerate(document.many("items", MAX_ITEMS)):
        found = Fields(each, f"items[{number}]", ("index", "product", "quantity", "amount", "salt", "path"))
        index = found.whole("index", 16)
        item = Item(
            product=found.text("product"),
            quantity=found.whole("quantity", 32),
            amount=MinorUnits(found.whole("amount", 48)),
        )
        if shown and index <= shown[-1][0]:
            raise ProofRefused(Step.ITEMS, "they are not in their order")
        try:
            leaf = item_leaf(item, index, found.data("salt", SALT_BYTES))
        except ValueError as failure:
            raise ProofRefused(Step.ITEMS, str(failure)) from None
        root = root_from_proof(leaf, _path(found))
        if any(root != line.items_root for line in lines):
            raise ProofRefused(
                Step.ITEMS, f"item {index} is not under the payment's root 0x{lines[0].items_root.hex()}"
            )
        shown.append((index, item))
    return tuple(shown)


def _path(found: Fields) -> tuple[Hash32, ...]:
    return tuple([Hash32(each) for each in found.all_data("path", MAX_PATH, len(BATCH_POSTED))])
