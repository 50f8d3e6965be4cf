"""Batches of payments, packed and signed: what the chain's ceiling is measured with, and what a soak run sends."""

import random
import secrets
import time
from typing import Final

from node.chain.ledger import post_batch
from node.chain.signer import Call, Signed, Signer
from node.demo.plan import Plan, Shop, Till, draw_card, draw_member
from node.domain.batch_format import BatchPayment, encode_batch, make_batch
from node.domain.ids import (
    Address,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
)
from node.domain.ids import (
    Sequence as Number,
)
from node.domain.payment import Line, Tender
from node.network.plan import NetworkPlan

MERCHANTS: Final = 10
BRIDGE_TILLS: Final = 3
RPC_TILL: Final = BRIDGE_TILLS + 2
MEMBERS: Final = 5_000
CEILING_STREAM: Final = StreamId(2)
PLAIN_STREAM: Final = StreamId(3)
CEILING_TILL: Final = TerminalNumber(BRIDGE_TILLS)
PLAIN_TILL: Final = TerminalNumber(BRIDGE_TILLS + 1)
MAX_FEE: Final = 10**9


def bench_plan(members: int = MEMBERS) -> Plan:
    """Ten merchants with three tills on the bridge's stream, one on each of the other two, and one more of the bridge's
    that signs its messages.
    """
    shops = []
    for merchant in range(MERCHANTS):
        tills = [
            Till(
                id=TerminalId(f"B{merchant:03d}{number:04d}"),
                store=merchant * 10 + number,
                stream=1 if number < BRIDGE_TILLS else number - BRIDGE_TILLS + CEILING_STREAM,
                mac_key=secrets.token_bytes(16) if number < BRIDGE_TILLS else None,
                signing_key=None,
            )
            for number in range(RPC_TILL)
        ]
        tills.append(
            Till(
                id=TerminalId(f"B{merchant:03d}{RPC_TILL:04d}"),
                store=merchant * 10 + RPC_TILL,
                mac_key=None,
                signing_key=secrets.token_bytes(32),
            )
        )
        shops.append(
            Shop(
                name=f"Merchant {merchant + 1}",
                coefficient=100,
                multiplier=1,
                budget=0,
                prepaid_cents=10**10,
                tills=tuple(tills),
            )
        )
    ids = {number: draw_member(secrets.token_bytes) for number in range(members)}
    cards = {number: draw_card(secrets.token_bytes) for number in ids}
    return Plan(shops=tuple(shops), members=ids, cards=cards, product_set=())


class Batches:
    """Makes batches for the members of a plan, on one network and one ledger."""

    def __init__(self, plan: Plan, network: NetworkPlan, ledger: Address, dice: random.Random) -> None:
        self._members = list(plan.members.values())
        self._network = network
        self._ledger = ledger
        self._dice = dice

    def pack(self, stream: StreamId, till: TerminalNumber, first: int, count: int) -> bytes:
        """Payments of 10.00 with the sequence numbers from `first` on, over all merchants, each by another member."""
        now = int(time.time())
        payments = [
            BatchPayment(
                sequence=Number(first + place),
                merchant=MerchantId(place * MERCHANTS // count + 1 if count > 1 else first % MERCHANTS + 1),
                terminal=till,
                member=MemberId(member),
                time=now,
                lines=(Line(amount=MinorUnits(1_000), rule_version=RuleVersion(1), tender=Tender.EXTERNAL),),
            )
            for place, member in enumerate(self._dice.sample(self._members, count))
        ]
        return encode_batch(make_batch(stream, payments))

    def sign(self, signer: Signer, nonce: int, batch: bytes) -> Signed:
        """The transaction that posts a batch."""
        return signer.sign(
            Call(
                chain_id=self._network.chain_id,
                nonce=nonce,
                to=self._ledger,
                data=post_batch(batch),
                gas=self._network.rules.transaction_gas_cap,
                max_fee=MAX_FEE,
                priority_fee=1,
            )
        )
