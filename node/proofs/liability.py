"""Verifies that an account is among all that the ledger owes: a leaf of the tree of sums, whose root is all of it.

Who publishes a root says what it owes to whom. That the sums are right is proved by two words of the ledger's storage,
the supply of points and the stored value; so an account that was left out leaves the root short of them.
"""

from dataclasses import dataclass
from typing import Final

from node.domain.ids import Address, Hash32
from node.domain.words import Supply, Totals
from node.proofs.anchor import Anchor
from node.proofs.reading import Fields
from node.proofs.refusal import ProofRefused, Step
from node.proofs.signed_block import MAX_NODES, Signed, SignedBlock, signed_block, word_at
from node.proofs.sum_tree import SALT_BYTES, Beside, Holding, Sums, sums_from_path

LIABILITY_FORMAT: Final = "tillnet-liability-proof-1"
SUPPLY_SLOT: Final = b"\x10" + bytes(31)
TOTALS_SLOT: Final = b"\x11" + bytes(31)
"""contracts/libraries/Slots.sol."""
MAX_PATH: Final = 40
_NAMES: Final = ("format", "ledger", "epoch", "holding", "path", "account", "supply", "totals", "block", "headers")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenLiability:
    """What an account is counted with, in a tree that sums up to all points and all stored value after a block.

    The account is counted only if everybody was given the same `root`. `epoch` is the one by which points had aged.
    """

    signed: Signed
    holding: Holding
    epoch: int
    root: Sums


def verify_liability(document: object, anchor: Anchor | None) -> ProvenLiability:
    """What a liability proof proves. Raises ProofRefused."""
    fields = Fields(document, "the proof", _NAMES)
    found = signed_block(fields, anchor)
    ledger, epoch = Address(fields.data("ledger", 20)), fields.whole("epoch", 16)
    signed = found.by(ledger)
    _check_epoch(found, epoch)
    storage = found.storage_of(ledger, fields.all_data("account", MAX_NODES))
    supply = word_at(storage, SUPPLY_SLOT, fields.all_data("supply", MAX_NODES))
    totals = word_at(storage, TOTALS_SLOT, fields.all_data("totals", MAX_NODES))
    points, value = points_of(supply or 0, epoch), value_of(totals or 0)
    holding, root = _root(fields)
    if (root.points, root.value) != (points, value):
        raise ProofRefused(
            Step.SUMS,
            f"the tree has {root.points} points and {root.value} of stored value, the ledger {points} and {value}",
        )
    return ProvenLiability(signed=signed, holding=holding, epoch=epoch, root=root)


def points_of(word: int, epoch: int) -> int:
    """All points by the supply's word, in an epoch, units."""
    return Supply.unpack(word).coins_in(epoch)


def value_of(word: int) -> int:
    """All stored value by the totals' word, minor units."""
    return Totals.unpack(word).stored_value


def _check_epoch(found: SignedBlock, epoch: int) -> None:
    known = None if found.anchor is None else found.anchor.epoch(found.block.time)
    if known is not None and known != epoch:
        raise ProofRefused(Step.ANCHOR, f"the block is of epoch {known}, the proof of {epoch}")


def _root(fields: Fields) -> tuple[Holding, Sums]:
    """The account's holding, and the root that its path leads to."""
    own = Fields(fields["holding"], "the holding", ("account", "points", "value", "salt"))
    holding = Holding(
        account=Address(own.data("account", 20)),
        points=own.whole("points", 64),
        value=own.whole("value", 64),
        salt=own.data("salt", SALT_BYTES),
    )
    path = []
    for number, each in enumerate(fields.many("path", MAX_PATH)):
        beside = Fields(each, f"path[{number}]", ("hash", "points", "value", "left"))
        if type(beside["left"]) is not bool:
            raise ProofRefused(Step.DOCUMENT, f"path[{number}] does not say on which side it is")
        path.append(Beside(node=read_sums(beside), left=beside["left"]))
    try:
        return holding, sums_from_path(holding.leaf, path)
    except OverflowError:
        raise ProofRefused(Step.SUMS, "a sum has more than 64 bits") from None


def read_sums(fields: Fields) -> Sums:
    """A node of the tree. Raises ProofRefused."""
    return Sums(
        hash=Hash32(fields.data("hash", 32)), points=fields.whole("points", 64), value=fields.whole("value", 64)
    )
