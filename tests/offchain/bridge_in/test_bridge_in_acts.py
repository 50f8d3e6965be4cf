"""Acts over both intakes: what each message becomes, and every bad one with its response code."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.bridge.verify.acts import CAPTURE_DAYS
from node.domain.acts.authorization import Authorize, Capture, Void
from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.coupon import WriteOff
from node.domain.acts.discount import Discount
from node.domain.acts.gift import HandOverGift, TakeGift
from node.domain.acts.recharge import Recharge
from node.domain.assignment import Item
from node.domain.ids import MinorUnits
from node.domain.merkle import product_leaf, product_set_root, root_from_proof
from node.domain.payment import Line, OriginalKey, OriginalNumber, Payment, Reversal, Tender
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
from node.iso8583.framing import Framing, frame
from node.iso8583.profile import PROFILE, TAGS, Operation, row_for, row_of
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import (
    CARD,
    CURRENCY,
    EURO,
    HIDDEN,
    LIMIT,
    MEMBER,
    PRESENT,
    PROMOTED,
    TENTH,
    FakeJournal,
)

LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
TENTH_OFF, EURO_OFF, A_GIFT, OF_HIDDEN = (campaign << 32 | 5 for campaign in (TENTH, EURO, PRESENT, HIDDEN))
SIGNATURE = bytes(range(65))
SALE = {"card": CARD, "amount": 1_200, "currency": CURRENCY}


def only(journal: FakeJournal) -> Payment:
    (entry,) = journal.entries
    assert isinstance(entry, Payment)
    return entry


def data_of(payment: Payment) -> bytes:
    assert payment.act is not None and payment.waits
    return payment.act.data


# --- purchases with an act --------------------------------------------------------------------------------------------


async def test_a_coupon_takes_its_discount_off_the_lines_when_the_till_says_nothing(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    reply = await pos.purchase(terminal, **SALE, items=basket, asks={"CP": str(TENTH_OFF)})
    assert reply.approved, reply.text
    payment = only(journal)
    assert WriteOff.read(data_of(payment)) == WriteOff(coupon=TENTH_OFF, discount=MinorUnits(120))
    assert payment.lines == (
        Line(amount=MinorUnits(579), rule_version=1, tender=Tender.EXTERNAL),
        Line(amount=MinorUnits(501), rule_version=2, tender=Tender.EXTERNAL),
    )
    assert payment.authorisation is not None and payment.items_root is not None


async def test_a_coupon_for_products_proves_one_that_is_in_the_basket(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    assert (await pos.purchase(terminal, **SALE, items=basket, asks={"CP": str(EURO_OFF)})).approved
    told = WriteOff.read(data_of(only(journal)))
    assert (told.discount, told.product) == (100, "1000000")
    assert root_from_proof(product_leaf(told.product), told.proof) == product_set_root(PROMOTED)


async def test_a_coupon_that_pays_all_of_a_sale_comes_without_lines_and_with_the_sales_number(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    item = (Item(product="1000000", quantity=1, amount=MinorUnits(80)),)
    asks = {"CP": str(EURO_OFF)}
    assert (await pos.purchase(terminal, **{**SALE, "amount": 80}, items=item, asks=asks, local=LOCAL)).approved
    payment = only(journal)
    told = WriteOff.read(data_of(payment))
    assert payment.lines == () and (told.discount, told.amount) == (80, 0)
    assert told.sale == int("0601" + "123015" + payment.key.stan)


async def test_a_certificate_pays_its_part_and_the_rest_has_lines(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    asks = {"CE": "77", "CA": "700", "CS": SIGNATURE.hex()}
    assert (await pos.purchase(terminal, **SALE, stored_value=100, asks=asks)).approved
    payment = only(journal)
    assert RedeemCertificate.read(data_of(payment)) == RedeemCertificate(
        certificate=77, amount=MinorUnits(700), signature=SIGNATURE
    )
    assert [(line.amount, line.tender) for line in payment.lines] == [
        (100, Tender.STORED_VALUE),
        (400, Tender.EXTERNAL),
    ]


async def test_a_certificate_pays_all_that_the_tenders_leave_when_nothing_is_said(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    assert (await pos.purchase(terminal, **SALE, coin=200, asks={"CE": "77"})).approved
    payment = only(journal)
    assert RedeemCertificate.read(data_of(payment)).amount == 1_000
    assert [(line.amount, line.tender) for line in payment.lines] == [(200, Tender.COIN)]


@pytest.mark.parametrize(
    ("said", "changes", "coins", "off", "external"),
    [
        ("", {"processing_code": messages.ALL_COIN}, 1_140, 60, 0),
        ("", {"coin": 500}, 475, 25, 700),
        ("20", {"coin": 500}, 480, 20, 700),
        ("", {"coin": 39}, 38, 1, 1_161),
    ],
)
async def test_coins_pay_less_with_a_discount(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    said: str,
    changes: dict[str, Any],
    coins: int,
    off: int,
    external: int,
) -> None:
    assert (await pos.purchase(terminal, **SALE, **changes, asks={"DI": said})).approved
    payment = only(journal)
    assert Discount.read(data_of(payment)).amount == off
    sums = {tender: sum(line.amount for line in payment.lines if line.tender is tender) for tender in Tender}
    assert (sums[Tender.COIN], sums[Tender.EXTERNAL]) == (coins, external)


BAD_SALES: dict[str, tuple[dict[str, Any], str]] = {
    "a coupon of letters": ({"asks": {"CP": "ten"}}, "30"),
    "a coupon that is nothing": ({"asks": {"CP": ""}}, "30"),
    "a coupon above 64 bits": ({"asks": {"CP": str(2**64)}}, "30"),
    "a minus": ({"asks": {"CP": "-1"}}, "30"),
    "an unknown campaign": ({"asks": {"CP": str(99 << 32)}}, "25"),
    "a discount of letters": ({"asks": {"CP": str(TENTH_OFF), "CD": "1.20"}}, "30"),
    "a discount above the amount": ({"asks": {"CP": str(TENTH_OFF), "CD": "1201"}}, "13"),
    "products that are not the coupon's": ({"asks": {"CP": str(EURO_OFF)}}, "58"),
    "products that nobody published": ({"asks": {"CP": str(OF_HIDDEN)}}, "58"),
    "two acts": ({"asks": {"CP": str(TENTH_OFF), "CE": "1"}}, "12"),
    "a coupon and a discount": ({"coin": 100, "asks": {"CP": str(TENTH_OFF), "DI": ""}}, "12"),
    "a certificate of letters": ({"asks": {"CE": "x"}}, "30"),
    "a certificate that pays nothing": ({"asks": {"CE": "1", "CA": "0"}}, "13"),
    "a certificate that pays too much": ({"asks": {"CE": "1", "CA": "1201"}}, "13"),
    "a certificate beside enough coins": ({"coin": 1_200, "asks": {"CE": "1"}}, "13"),
    "a certificate and coins above the amount": ({"coin": 600, "asks": {"CE": "1", "CA": "601"}}, "13"),
    "a signature that is none": ({"asks": {"CE": "1", "CS": "zz"}}, "30"),
    "a signature that is short": ({"asks": {"CE": "1", "CS": "00"}}, "30"),
    "a discount without coins": ({"asks": {"DI": ""}}, "58"),
    "a discount on next to nothing": ({"coin": 19, "asks": {"DI": ""}}, "58"),
    "a discount of all": ({"coin": 100, "asks": {"DI": "100"}}, "58"),
    "a discount of letters on coins": ({"coin": 100, "asks": {"DI": "five"}}, "30"),
    "zero amount": ({"amount": 0, "asks": {"CP": str(TENTH_OFF)}}, "13"),
    "another currency": ({"currency": "978", "asks": {"CP": str(TENTH_OFF)}}, "13"),
    "an unknown card": ({"card": "1111222233334444", "asks": {"CP": str(TENTH_OFF)}}, "14"),
    "a tag that is too long": ({"asks": {"C": "PX"}}, "30"),
}


@pytest.mark.parametrize(("changes", "code"), BAD_SALES.values(), ids=BAD_SALES)
async def test_a_purchase_with_an_act_gets_its_response_code_when_it_is_bad(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, changes: dict[str, Any], code: str
) -> None:
    reply = await pos.purchase(terminal, **{**SALE, **changes})
    assert reply.response_code == code, reply.text
    assert journal.entries == []


# --- acts without a sale ----------------------------------------------------------------------------------------------


def act(terminal: PosTerminal, mti: str, code: str, *, drop: tuple[int, ...] = (), **changes: Any) -> Request:
    """An act, good but for the changes; `DE<n>` sets an element, `drop` leaves some out."""
    elements = {int(name[2:]): changes.pop(name) for name in tuple(changes) if name.startswith("DE")}
    said = {"card": CARD, "amount": 500, "currency": CURRENCY, **changes}
    request = messages.act(terminal, mti, code, stan="000003", local=LOCAL, transmitted=LOCAL, **said)
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal(mti, {**fields, **elements}, terminal)


RECHARGE = ("0200", messages.RECHARGE)
WRITE_OFF = ("0200", messages.WRITE_OFF)
GIFT = ("0200", messages.GIFT)
AUTHORIZE = ("0100", messages.PURCHASE)
CAPTURE = ("0220", messages.PURCHASE)
GOOD_ACTS: dict[str, tuple[tuple[str, str], dict[str, Any], bytes]] = {
    "recharge": (RECHARGE, {}, Recharge(amount=MinorUnits(500)).act().data),
    "recharge with a rebate": (
        RECHARGE,
        {"objects": {"RB": "100"}},
        Recharge(amount=MinorUnits(500), at_least=MinorUnits(100)).act().data,
    ),
    "write-off": (
        WRITE_OFF,
        {"objects": {"CP": str(TENTH_OFF), "SR": "42"}},
        WriteOff(coupon=TENTH_OFF, discount=MinorUnits(50), sale=42, amount=MinorUnits(450)).act().data,
    ),
    "write-off without a number": (
        WRITE_OFF,
        {"objects": {"CP": str(TENTH_OFF)}},
        WriteOff(coupon=TENTH_OFF, discount=MinorUnits(50), sale=601123015000003, amount=MinorUnits(450)).act().data,
    ),
    "write-off of a coupon for a gift": (
        WRITE_OFF,
        {"amount": 0, "objects": {"CP": str(A_GIFT), "SR": "42"}},
        WriteOff(coupon=A_GIFT, discount=MinorUnits(0), sale=42).act().data,
    ),
    "write-off of an unknown coupon with its discount": (
        WRITE_OFF,
        {"objects": {"CP": str(99 << 32), "CD": "7", "SR": "42"}},
        WriteOff(coupon=99 << 32, discount=MinorUnits(7), sale=42, amount=MinorUnits(493)).act().data,
    ),
    "gift": (GIFT, {"amount": 0, "objects": {"GF": str(42 << 32 | 1)}}, TakeGift(gift=42 << 32 | 1).act().data),
    "reservation": (GIFT, {"drop": (4, 49), "objects": {"RS": "9"}}, HandOverGift(reservation=9).act().data),
    "completion of another bridge's": (
        CAPTURE,
        {"objects": {"AU": "2-17", "RW": "3000"}},
        Capture(stream=2, sequence=17, amount=MinorUnits(500), reward=3_000).act().data,
    ),
}


@pytest.mark.parametrize(("what", "changes", "data"), GOOD_ACTS.values(), ids=GOOD_ACTS)
async def test_an_act_is_journaled(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    what: tuple[str, str],
    changes: dict[str, Any],
    data: bytes,
) -> None:
    reply = await pos.send(act(terminal, *what, **changes))
    assert reply.approved and reply.mac_right, reply.text
    payment = only(journal)
    assert data_of(payment).hex() == data.hex()
    assert (payment.member, payment.merchant, payment.lines) == (MEMBER, 42, ())
    assert payment.authorisation is not None


@pytest.mark.parametrize(
    ("code", "tender"),
    [("000000", Tender.STORED_VALUE), ("006000", Tender.STORED_VALUE), ("009000", Tender.COIN)],
)
async def test_an_authorisation_is_journaled_with_its_tender_and_its_times(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, code: str, tender: Tender
) -> None:
    reply = await pos.send(act(terminal, "0100", code))
    assert (reply.mti, reply.response_code) == ("0110", "00")
    payment = only(journal)
    told = Authorize.read(data_of(payment))
    assert (told.tender, told.amount, told.capture_by) == (tender, 500, payment.time + CAPTURE_DAYS * 86_400)
    assert told.refund_by > told.capture_by and payment.key.mti_class == "010"


async def test_a_completion_names_its_authorisation_by_de90_by_au_or_by_its_approval_code(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    request = act(terminal, *AUTHORIZE)
    assert (await pos.send(request)).approved
    ways: list[dict[str, Any]] = [
        {"original": request, "card": ""},
        {"objects": {"AU": "1-1"}, "card": ""},
        {"approval_code": "000001"},
    ]
    for number, way in enumerate(ways):
        reply = await pos.send(act(terminal, *CAPTURE, DE11=f"{number:06d}", **way))
        assert (reply.mti, reply.response_code) == ("0230", "00"), reply.text
    captures = [entry for entry in journal.entries[1:] if isinstance(entry, Payment)]
    assert [each.about for each in captures] == [
        OriginalKey(terminal=terminal.id, mti_class="010", stan="000003", transmission_time="0601123015", exact=False),
        OriginalNumber(number=1, whole=True),
        OriginalNumber(number=1, whole=False),
    ]
    assert [each.member for each in captures] == [0, 0, MEMBER]
    assert {Capture.read(data_of(each)).sequence for each in captures} == {0}


async def test_an_authorisation_and_a_completion_are_reversed_by_de90(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    for what in (AUTHORIZE, CAPTURE):
        request = act(terminal, *what, objects={"AU": "2-17"})
        assert (await pos.reverse(request)).approved
    kinds = [entry.original.mti_class for entry in journal.entries if isinstance(entry, Reversal)]
    assert kinds == ["010", "022"]


BAD_ACTS: dict[str, tuple[tuple[str, str], dict[str, Any], str]] = {
    **{
        f"{name} of {problem}": (what, {"objects": {"CP": str(TENTH_OFF), "AU": "2-1"}, **changes}, code)
        for (name, what), (problem, changes, code) in itertools.product(
            {"recharge": RECHARGE, "authorisation": AUTHORIZE, "completion": CAPTURE, "write-off": WRITE_OFF}.items(),
            (
                ("too much", {"amount": int(LIMIT) + 1}, "13"),
                ("another currency", {"currency": "978"}, "13"),
                ("another merchant", {"DE42": "41"}, "03"),
                ("an unknown card", {"card": "1111222233334444"}, "14"),
                ("no card", {"card": ""}, "14"),
                ("no currency", {"currency": ""}, "30"),
                ("a closed terminal", {"DE41": "CLOSED"}, "58"),
                ("no date", {"DE13": "0230"}, "30"),
                ("another account", {"DE3": "009900"}, "12"),
            ),
        )
    },
    "recharge of nothing": (RECHARGE, {"amount": 0}, "13"),
    "authorisation of nothing": (AUTHORIZE, {"amount": 0}, "13"),
    "completion of nothing": (CAPTURE, {"amount": 0, "objects": {"AU": "2-1"}}, "13"),
    "recharge of letters": (RECHARGE, {"objects": {"RB": "ten"}}, "30"),
    "recharge with a rebate above 48 bits": (RECHARGE, {"objects": {"RB": str(2**48)}}, "30"),
    "write-off without a coupon": (WRITE_OFF, {}, "30"),
    "write-off of a sale of letters": (WRITE_OFF, {"objects": {"CP": str(TENTH_OFF), "SR": "A1"}}, "30"),
    "write-off of a sale above 64 bits": (WRITE_OFF, {"objects": {"CP": str(TENTH_OFF), "SR": str(2**64)}}, "30"),
    "write-off of an unknown coupon": (WRITE_OFF, {"objects": {"CP": str(99 << 32)}}, "25"),
    "gift of nothing": (GIFT, {"amount": 0}, "30"),
    "gift with a price": (GIFT, {"objects": {"GF": "1"}}, "13"),
    "gift of letters": (GIFT, {"amount": 0, "objects": {"GF": "bear"}}, "30"),
    "gift above 64 bits": (GIFT, {"amount": 0, "objects": {"GF": str(2**64)}}, "30"),
    "gift and reservation": (GIFT, {"amount": 0, "objects": {"GF": "1", "RS": "1"}}, "30"),
    "reservation above 128 bits": (GIFT, {"amount": 0, "objects": {"RS": str(2**128)}}, "30"),
    "gift of an unknown card": (GIFT, {"amount": 0, "card": "1", "objects": {"GF": "1"}}, "14"),
    "completion of nothing that is named": (CAPTURE, {}, "30"),
    "completion of an id that is none": (CAPTURE, {"objects": {"AU": "seventeen"}}, "30"),
    "completion of a purchase": (CAPTURE, {"DE90": "0200000001" + "1" * 32}, "25"),
    "completion of a code that is none": (CAPTURE, {"approval_code": "#00001"}, "25"),
    "completion with a reward of letters": (CAPTURE, {"objects": {"AU": "2-1", "RW": "many"}}, "30"),
    "completion with a reward above 56 bits": (CAPTURE, {"objects": {"AU": "2-1", "RW": str(2**56)}}, "30"),
    "tag that is too long": (RECHARGE, {"DE48": "RB9999100"}, "30"),
    "tag twice": (RECHARGE, {"DE48": "RB00011RB00012"}, "30"),
}


@pytest.mark.parametrize(("what", "changes", "code"), BAD_ACTS.values(), ids=BAD_ACTS)
async def test_an_act_gets_its_response_code_when_it_is_bad(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    what: tuple[str, str],
    changes: dict[str, Any],
    code: str,
) -> None:
    pos.send_raw(frame(Framing.NAC, act(terminal, *what, **changes).content))
    reply = await pos.unmatched()
    assert reply.response_code == code, reply.text
    assert journal.entries == [] and CARD not in reply.text


async def test_acts_need_a_mac_even_where_macs_are_optional(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    plain = replace(terminal, mac=None)
    async with listen(mac_required=False) as listener:
        pos = await listener.connect()
        for what, changes, _ in GOOD_ACTS.values():
            assert (await pos.send(act(plain, *what, **changes))).response_code == "97"
        assert (await pos.purchase(plain, **SALE, asks={"CE": "1"})).response_code == "97"
    assert journal.entries == []


# --- the same over JSON-RPC -------------------------------------------------------------------------------------------

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


# --- the table --------------------------------------------------------------------------------------------------------

TYPES = [f"0{number:03d}" for number in range(0, 1000, 1)]
CODES = [f"{code:02d}{source}00" for code in range(100) for source in ("00", "40", "60", "90")]


@given(st.sampled_from(TYPES), st.text("0123456789", min_size=6, max_size=6) | st.sampled_from(CODES))
def test_every_type_and_code_means_one_thing_at_most(mti: str, code: str) -> None:
    rows = [
        row
        for row in PROFILE
        if mti in row.types
        and code[:2] in row.codes
        and (not row.sources or (code[2:4] in row.sources and code[4:] == "00"))
    ]
    assert len(rows) <= 1 and row_of(mti, code) is (rows[0] if rows else None)


def test_every_code_of_the_table_is_found_and_every_tag_is_described() -> None:
    for row in PROFILE:
        for mti, code, source in itertools.product(row.types, row.codes, row.sources or ("00",)):
            # which of the two a 0220 is, its other elements say
            found = row_for(Operation.CAPTURE) if row.operation is Operation.ADVICE else row
            assert row_of(mti, f"{code}{source}00") is found
    named = {tag.name for tag in TAGS}
    assert named == {tag for row in PROFILE for tag in (*row.tags, *row.required)}
    assert len(named) == len(TAGS) and all(len(name) == 2 for name in named)
