"""From sealed line items to the items themselves, for whoever has a key; and whether they are the chain's.

Used by `till lines`, by audits and by proofs. Items count only after both checks: `open_lines` compares them with the
root that the payment carries, `check_on_chain` that root with the chain's.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.bridge.lines.basket import unpack_items
from node.bridge.lines.errors import LinesAltered, NotForThisKey, NotOnTheChain
from node.bridge.lines.sealing import ContentKey, KeyName, key_from_copy, key_number
from node.domain.errors import MalformedMessage
from node.domain.ids import Hash32, MerchantId, PaymentId, parse_payment_id
from node.domain.line_items import LineItems
from node.explorer.answers import PaymentAnswer


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedLines:
    """A payment's line items as the bridge hands them out. `day` is that of the content key, `copy` the reader's copy
    of it, empty where it has none; `root` what the payment in the journal carries.
    """

    payment: PaymentId
    merchant: MerchantId
    day: int
    root: Hash32
    sealed: bytes = field(repr=False)
    copy: bytes = field(repr=False)

    @property
    def key_name(self) -> KeyName:
        """Which content key opens them. Raises LinesAltered."""
        stream, _ = parse_payment_id(self.payment)
        return KeyName(stream=stream, merchant=self.merchant, day=self.day, number=key_number(self.sealed))


Keys = dict[int, ContentKey]
"""Content keys that are open already, by number."""


def open_lines(found: SealedLines, holder: X25519PrivateKey, known: Keys) -> LineItems:
    """The items, with the keys that are `known` or by the reader's copy; opened keys are added to them.

    Raises NotForThisKey, LinesAltered.
    """
    name = found.key_name
    key = known.get(name.number)
    if key is None:
        if not found.copy:
            raise NotForThisKey(f"{found.payment} was sealed without this reader")
        key = known[name.number] = key_from_copy(name, found.copy, holder)
    if key.name != name:
        raise LinesAltered(f"{found.payment} is not of the merchant and day that its content key is for")
    _, sequence = parse_payment_id(found.payment)
    packed = key.open(found.sealed, sequence, found.root)
    try:
        items = unpack_items(packed)
        root = items.root
    except (ValueError, MalformedMessage):
        raise LinesAltered(f"what is sealed in {found.payment} are no line items") from None
    if root != found.root:
        raise LinesAltered(f"the items of {found.payment} do not hash to the root that it carries")
    return items


def check_on_chain(payment: PaymentId, merchant: int, root: Hash32, answer: PaymentAnswer) -> None:
    """Returns where the chain has this root for this payment of this merchant. Raises NotOnTheChain."""
    if answer.payment != payment or answer.outcome != "final":
        raise NotOnTheChain(f"{payment} was not accepted: {answer.outcome}")
    if answer.merchant != merchant:
        raise NotOnTheChain(f"{payment} is merchant {answer.merchant}'s, not {merchant}'s")
    if answer.items_root != "0x" + root.hex():
        raise NotOnTheChain(f"the chain has {answer.items_root or 'no root'} for {payment}, the items 0x{root.hex()}")
