"""From what a terminal signed to sales that are taken on other terms: advices, and purchases of a part.

Part of verify, beside rpc.py.
"""

from dataclasses import replace

from node.bridge.verify.local_time import local_stamp
from node.bridge.verify.lookup import Purchase, Verified, check_amount, find_member, find_merchant
from node.bridge.verify.offline import APPROVED_OFFLINE, advised, check_told, member_or_nobody
from node.bridge.verify.rpc import ADVICE_CLASS, PURCHASE_CLASS, body_of, built
from node.bridge.verify.rpc_acts import tender_named
from node.bridge.verify.rpc_sender import Proved
from node.domain.assignment import TenderSplit
from node.domain.errors import MalformedMessage
from node.domain.ids import MemberId, MinorUnits
from node.domain.payment import Tender
from node.domain.terminal_terms import AdviceTerms, PartTerms, Terms
from node.iso8583.basket import PIN_RESULTS, read_items


def took_place(terms: Terms) -> bool:
    """Whether there is anything to post: of a sale that whoever decided declined there is not."""
    return not isinstance(terms, AdviceTerms) or terms.outcome in APPROVED_OFFLINE


def verify_advice(proved: Proved[AdviceTerms]) -> Verified:
    """A sale that took place. Raises errors of the tree, for technical reasons only."""
    terms, rules = proved.terms, proved.rules
    merchant = find_merchant(proved.directory, proved.terminal)
    check_told(proved.directory, terms.amount, terms.currency)
    member = member_or_nobody(rules.member_of, terms.card)
    split = TenderSplit(coin=MinorUnits(terms.coin), stored_value=MinorUnits(terms.stored_value))
    return advised(built(_purchase(proved, member, split, ADVICE_CLASS), proved, merchant))


def verify_part(proved: Proved[PartTerms]) -> Verified:
    """A purchase all in one tender, of which a part may be approved. Raises errors of the tree."""
    terms, rules = proved.terms, proved.rules
    merchant = find_merchant(proved.directory, proved.terminal)
    check_amount(proved.directory, terms.amount, terms.currency)
    amount = MinorUnits(terms.amount)
    in_coins = tender_named(terms.tender) is Tender.COIN
    split = TenderSplit(coin=amount) if in_coins else TenderSplit(stored_value=amount)
    member = find_member(rules.member_of, terms.card)
    return replace(built(_purchase(proved, member, split, PURCHASE_CLASS), proved, merchant), partial=True)


def _purchase(
    proved: Proved[AdviceTerms] | Proved[PartTerms], member: MemberId, split: TenderSplit, mti_class: str
) -> Purchase:
    terms = proved.terms
    if terms.pin_result not in PIN_RESULTS:
        raise MalformedMessage("pinResult is 0, 1 or 2")
    return Purchase(
        key=proved.key(terms.amount, mti_class),
        transmission_time=local_stamp(terms.time, 0),
        body=body_of(terms, member),
        time=terms.time,
        member=member,
        items=read_items(terms.items),
        items_text=terms.items,
        split=split,
        pin_result=terms.pin_result,
    )
