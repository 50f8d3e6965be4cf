"""Each kind of act over JSON-RPC, its whole way: terminal, bridge, a validator, the deployed suite, and back."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from coincurve import PrivateKey

from node.domain.desk_terms import DayCloseTerms, InquiryTerms, TotalsTerms
from node.domain.terminal_terms import (
    AdviceReversalTerms,
    AdviceTerms,
    AuthorizationTerms,
    CaptureTerms,
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    GiftTerms,
    PartTerms,
    RechargeTerms,
    Terms,
    VoidTerms,
    WriteOffTerms,
)
from node.domain.totals import Totals
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.e2e.acts_world import BERT, CURRENCY, RECHARGED, World, until_final
from tests.offchain.bridge_out.offers import TENTH_OFF

pytestmark = [pytest.mark.chain, pytest.mark.slow]


@pytest.fixture
def signing_till(world: World) -> RpcTerminal:
    own = world.plan.shops[0].tills[1]
    assert own.signing_key is not None
    return RpcTerminal(id=own.id, key=PrivateKey(own.signing_key))


async def test_acts_over_json_rpc(world: World, rpc: RpcConnection, signing_till: RpcTerminal) -> None:
    stans = iter(range(1, 100))

    async def call(method: str, kind: type[Terms], **said: Any) -> RpcReply:
        now = world.chain.now()
        terms = kind(terminal=signing_till.id, stan=f"{next(stans):06d}", time=now, card=world.card(BERT), **said)
        reply = await rpc.send(method, signing_till, terms)
        assert reply.approved, reply.error or reply.result
        return reply

    paid = {"currency": CURRENCY, "coin": 0, "stored_value": 0, "pin_result": "1", "items": ""}
    await call("value_recharge", RechargeTerms, currency=CURRENCY, amount=RECHARGED, at_least=0)
    earned = await rpc.purchase(
        signing_till, stan="000900", card=world.card(BERT), amount=60_000, currency=CURRENCY, items=()
    )
    assert earned.approved and earned.payment_id is not None
    await until_final(rpc, earned.payment_id)
    made = await call(
        "authorization_create",
        AuthorizationTerms,
        currency=CURRENCY,
        amount=1_000,
        tender="storedValue",
        pin_result="1",
    )
    named = str(made.payment_id)
    assert made.facts == {"authorised": "1000", "authorization": named}
    await call(
        "authorization_capture", CaptureTerms, currency=CURRENCY, amount=400, authorization=named, reward="40000"
    )
    await call("authorization_void", VoidTerms, authorization=named)
    assert world.account(BERT)["value"] == RECHARGED - 400
    coupon = await call("coupon_redeem", CouponTerms, **paid, amount=500, coupon=str(TENTH_OFF + 2), coupon_discount="")
    assert coupon.facts == {"coupon": str(TENTH_OFF + 2), "discount": "50", "external": "450"}
    await call(
        "coupon_write_off",
        WriteOffTerms,
        currency=CURRENCY,
        amount=500,
        coupon=str(TENTH_OFF + 3),
        coupon_discount="50",
        sale="42",
        items="",
    )
    signature = "0x" + world.offers.redeem_by_code(2, 600).hex()
    certificate = await call(
        "certificate_redeem",
        CertificateTerms,
        **paid,
        amount=600,
        certificate="2",
        certificate_amount="600",
        code_signature=signature,
    )
    assert certificate.facts == {"certificateAmount": "600"}
    discounted = await call("payment_discounted", DiscountTerms, **{**paid, "coin": 200}, amount=300, discount="")
    assert discounted.facts == {"discount": "10", "coin": "190", "external": "100"}
    await call("gift_redeem", GiftTerms, gift=str(world.offers.gift), reservation="", pin_result="1")
    assert discounted.payment_id is not None
    back = await rpc.refund(
        signing_till, stan="000901", payment=discounted.payment_id, amount=290, currency=CURRENCY, card=world.card(BERT)
    )
    assert back.approved and back.facts == {"coin": "190", "external": "100"}
    await _day(world, rpc, signing_till)


async def _day(world: World, rpc: RpcConnection, till: RpcTerminal) -> None:
    """A balance, a part, an advice and its reversal, and the totals of it all."""
    stans, now = iter(range(500, 600)), world.chain.now()

    async def ask(method: str, kind: type[Terms], **said: Any) -> Mapping[str, Any]:
        terms = kind(terminal=till.id, stan=f"{next(stans):06d}", time=now, **said)
        reply = await rpc.send(method, till, terms)
        assert reply.result is not None, reply.error
        return reply.result

    left = RECHARGED - 400
    asked = await ask("member_balance", InquiryTerms, card=world.card(BERT))
    assert (asked["storedValue"], asked["coins"]) == (left, str(world.account(BERT)["coins"]))
    sale = {"card": world.card(BERT), "currency": CURRENCY, "pin_result": "1", "items": ""}
    part = await ask("payment_part", PartTerms, **sale, amount=left + 1_000, tender="storedValue")
    assert (part["responseCode"], part["amount"], part["approved"]) == ("10", left, True)
    assert world.account(BERT)["value"] == 0
    told = {"coin": 0, "outcome": "Y1", "approval_code": "OFF001"}
    first, second = [
        await ask("advice_submit", AdviceTerms, **sale, **told, amount=amount, stored_value=0) for amount in (300, 200)
    ]
    await until_final(rpc, second["paymentId"])
    assert first["approved"] and second["approved"]
    undone = {"original_stan": "000503", "original_time": now, "amount": 200}
    assert (await ask("advice_reverse", AdviceReversalTerms, **undone))["paymentId"] is not None

    sums = Totals(debits=8, debit_amount=66_900, credits=2, credit_amount=RECHARGED + 290)
    sums = replace(sums, debit_reversals=1, debit_reversal_amount=200)
    today = str(datetime.now(UTC).date())
    opened = await ask("day_reconcile", TotalsTerms, day="", currency=CURRENCY, **asdict(sums))
    assert opened["balanced"], opened
    assert await ask("day_close", DayCloseTerms, day=today) == {"day": today}
    wrong = replace(sums, debits=7)
    closed = await ask("day_reconcile", TotalsTerms, day=today, currency=CURRENCY, **asdict(wrong))
    assert (closed["balanced"], closed["totals"]) == (False, opened["totals"])
