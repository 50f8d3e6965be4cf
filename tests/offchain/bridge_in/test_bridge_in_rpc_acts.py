"""Acts over JSON-RPC, with a sale and without one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.domain.acts.authorization import Authorize, Capture, Void
from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.coupon import WriteOff
from node.domain.acts.discount import Discount
from node.domain.acts.gift import TakeGift
from node.domain.acts.recharge import Recharge
from node.domain.ids import MinorUnits
from node.domain.payment import OriginalNumber, Payment, Tender
from node.domain.terminal_terms import (
    AuthorizationTerms,
    CaptureTerms,
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    GiftTerms,
    RechargeTerms,
    Terms,
    VoidTerms,
    WriteOffTerms,
)
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.acts import SIGNATURE, TENTH_OFF, data_of, only
from tests.offchain.bridge_in.conftest import (
    CARD,
    CURRENCY,
    MEMBER,
    FakeJournal,
)

HEAD = {"terminal": "TILL0001", "stan": "000005"}
PAID = {"card": CARD, "currency": CURRENCY, "amount": 1_200}
NO_TENDERS = {"coin": 0, "stored_value": 0, "pin_result": "0", "items": ""}


def signed(kind: type[Terms], **said: Any) -> Terms:
    return kind(**{**HEAD, "time": int(datetime.now(UTC).timestamp()), **said})


METHODS: dict[str, tuple[type[Terms], dict[str, Any], bytes]] = {
    "coupon_redeem": (
        CouponTerms,
        {**PAID, **NO_TENDERS, "coupon": str(TENTH_OFF), "coupon_discount": ""},
        WriteOff(coupon=TENTH_OFF, discount=MinorUnits(120)).act().data,
    ),
    "coupon_write_off": (
        WriteOffTerms,
        {**PAID, "coupon": str(TENTH_OFF), "coupon_discount": "", "sale": "42", "items": ""},
        WriteOff(coupon=TENTH_OFF, discount=MinorUnits(120), sale=42, amount=MinorUnits(1_080)).act().data,
    ),
    "certificate_redeem": (
        CertificateTerms,
        {**PAID, **NO_TENDERS, "certificate": "77", "certificate_amount": "700", "code_signature": SIGNATURE.hex()},
        RedeemCertificate(certificate=77, amount=MinorUnits(700), signature=SIGNATURE).act().data,
    ),
    "payment_discounted": (
        DiscountTerms,
        {**PAID, **NO_TENDERS, "coin": 500, "discount": ""},
        Discount(amount=MinorUnits(25)).act().data,
    ),
    "value_recharge": (
        RechargeTerms,
        {**PAID, "at_least": 9},
        Recharge(amount=MinorUnits(1_200), at_least=MinorUnits(9)).act().data,
    ),
    "gift_redeem": (
        GiftTerms,
        {"card": CARD, "gift": "7", "reservation": "", "pin_result": "1"},
        TakeGift(gift=7).act().data,
    ),
    "authorization_capture": (
        CaptureTerms,
        {**PAID, "authorization": "2-17", "reward": ""},
        Capture(stream=2, sequence=17, amount=MinorUnits(1_200)).act().data,
    ),
    "authorization_void": (
        VoidTerms,
        {"card": CARD, "authorization": "2-17"},
        Void(stream=2, sequence=17).act().data,
    ),
}


@pytest.mark.parametrize(("method", "case"), METHODS.items(), ids=METHODS)
async def test_a_method_journals_its_act(
    rpc: RpcConnection,
    rpc_terminal: RpcTerminal,
    journal: FakeJournal,
    method: str,
    case: tuple[type[Terms], dict[str, Any], bytes],
) -> None:
    kind, said, data = case
    terms = signed(kind, **said)
    reply = await rpc.send(method, rpc_terminal, terms)
    assert reply.approved, reply.error
    payment = only(journal)
    assert data_of(payment).hex() == data.hex()
    assert (payment.member, payment.key.mti_class) == (MEMBER, "020") and payment.authorisation is not None
    again = await rpc.repeat(reply)
    assert again.duplicate and len(journal.entries) == 1


async def test_authorization_create_and_what_follows_it_over_json_rpc(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    terms = signed(AuthorizationTerms, **PAID, tender="coin", pin_result="1")
    made = await rpc.send("authorization_create", rpc_terminal, terms)
    assert made.approved and made.payment_id == "1-1"
    for stan, kind, method, said in (
        ("000006", CaptureTerms, "authorization_capture", {**PAID, "card": "", "reward": ""}),
        ("000007", VoidTerms, "authorization_void", {"card": ""}),
    ):
        follow = signed(kind, **said, authorization="1-1")
        assert (await rpc.send(method, rpc_terminal, replace(follow, stan=stan))).approved
    first, capture, void = journal.entries
    assert isinstance(first, Payment) and isinstance(capture, Payment) and isinstance(void, Payment)
    assert Authorize.read(data_of(first)).tender is Tender.COIN
    assert {capture.about, void.about} == {OriginalNumber(number=1, whole=True)}
    assert {capture.member, void.member} == {0}


BAD_METHODS: dict[str, tuple[str, dict[str, Any], str]] = {
    "zero": ("value_recharge", {"amount": 0}, "13"),
    "currency": ("value_recharge", {"currency": "978"}, "13"),
    "card": ("value_recharge", {"card": "1"}, "14"),
    "coupon": ("coupon_redeem", {"coupon": "x"}, "30"),
    "long coupon": ("coupon_redeem", {"coupon": "1" * 21}, "30"),
    "unknown coupon": ("coupon_redeem", {"coupon": str(99 << 32)}, "25"),
    "write-off": ("coupon_write_off", {"sale": "x"}, "30"),
    "certificate": ("certificate_redeem", {"certificate_amount": "1201"}, "13"),
    "signature": ("certificate_redeem", {"code_signature": "00"}, "30"),
    "discount": ("payment_discounted", {"coin": 0}, "58"),
    "gift": ("gift_redeem", {"gift": ""}, "30"),
    "PIN result": ("gift_redeem", {"pin_result": "7"}, "30"),
    "authorisation": ("authorization_capture", {"authorization": "x"}, "30"),
    "reward": ("authorization_capture", {"reward": "-1"}, "30"),
    "void": ("authorization_void", {"authorization": ""}, "30"),
    "nobody's void": ("authorization_void", {"card": ""}, "14"),
}


@pytest.mark.parametrize(("method", "changes", "code"), BAD_METHODS.values(), ids=BAD_METHODS)
async def test_a_method_gets_its_code_when_it_is_bad(
    rpc: RpcConnection,
    rpc_terminal: RpcTerminal,
    journal: FakeJournal,
    method: str,
    changes: dict[str, Any],
    code: str,
) -> None:
    kind, said, _ = METHODS[method]
    reply = await rpc.send(method, rpc_terminal, signed(kind, **{**said, **changes}))
    assert reply.error is not None and reply.response_code == code, reply.error
    assert journal.entries == []


async def test_a_method_is_refused_when_anything_of_it_changed(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    for method, (kind, said, _) in METHODS.items():
        good = await rpc.send(method, rpc_terminal, signed(kind, **said))
        name = next(each for each in reversed(list(good.request["params"])) if each not in ("signature", "pinResult"))
        value = good.request["params"][name]
        changed = {**good.request["params"], name: "1" if isinstance(value, str) else value + 1}
        assert (await rpc.call(method, changed)).response_code == "63", (method, name)
        journal.entries.clear()
        journal.seen.clear()
