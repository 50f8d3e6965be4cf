"""Makes payments and reversals as verify would, for the tests of the journal and what comes after it."""

import hashlib
from dataclasses import replace

from node.domain.act import Act
from node.domain.acts.authorization import Authorize, Capture
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    Sequence,
    StreamId,
    TerminalId,
    TerminalNumber,
)
from node.domain.payment import Line, OriginalKey, OriginalNumber, Payment, PaymentKey, Refund, Reversal, Tender

TERMINAL = TerminalId("TILL0001")
SENT_AT = "1122101112"


def line(amount: int, *, version: int = 1, tender: Tender = Tender.EXTERNAL) -> Line:
    """A line of a payment."""
    return Line(amount=MinorUnits(amount), rule_version=RuleVersion(version), tender=tender)


def payment(
    stan: int,
    *,
    amount: int = 1_000,
    member: int = 7,
    merchant: int = 1,
    lines: tuple[Line, ...] | None = None,
    body: bytes | None = None,
    terminal: TerminalId = TERMINAL,
    time: int = 1_790_000_000,
    authorisation: bytes | None = None,
) -> Payment:
    """A payment whose key and body follow from its STAN."""
    return Payment(
        key=PaymentKey(
            terminal=terminal, stan=f"{stan:06d}", local_time=SENT_AT, amount=MinorUnits(amount), mti_class="020"
        ),
        transmission_time=SENT_AT,
        body=Hash32(body if body is not None else hashlib.sha256(b"%d" % stan).digest()),
        merchant=MerchantId(merchant),
        terminal=TerminalNumber(0),
        member=MemberId(member),
        time=time,
        lines=lines or (line(amount),),
        items_root=None,
        authorisation=None if authorisation is None else Hash32(authorisation),
    )


def debit(stan: int, *, member: int = 7, amount: int = 500) -> Payment:
    """A payment in stored value."""
    lines = (line(amount, tender=Tender.STORED_VALUE),)
    return payment(stan, member=member, amount=amount, lines=lines, authorisation=b"\x0a" * 32)


def reversal(stan: int, of: Payment, *, time: str | None = None) -> Reversal:
    """A reversal of a payment under a STAN of its own (0400, 0420)."""
    return Reversal(
        key=PaymentKey(
            terminal=of.key.terminal,
            stan=f"{stan:06d}",
            local_time=SENT_AT,
            amount=of.key.amount,
            mti_class="040",
        ),
        body=Hash32(hashlib.sha256(b"reversal %d" % stan).digest()),
        original=OriginalKey(
            terminal=of.key.terminal,
            mti_class="020",
            stan=of.key.stan,
            transmission_time=of.transmission_time if time is None else time,
        ),
        merchant=of.merchant,
        terminal=of.terminal,
        time=1_790_000_060,
    )


def refund(stan: int, of: Payment | int, amount: int, *, merchant: int = 1, member: int | None = None) -> Refund:
    """A refund of a part of a payment, named by its key, or by its sequence."""
    named = (
        OriginalNumber(number=of, whole=True)
        if isinstance(of, int)
        else OriginalKey(
            terminal=of.key.terminal, mti_class="020", stan=of.key.stan, transmission_time=of.transmission_time
        )
    )
    return Refund(
        key=PaymentKey(
            terminal=TERMINAL, stan=f"{stan:06d}", local_time=SENT_AT, amount=MinorUnits(amount), mti_class="020"
        ),
        transmission_time=SENT_AT,
        body=Hash32(hashlib.sha256(b"refund %d" % stan).digest()),
        original=named,
        amount=MinorUnits(amount),
        merchant=MerchantId(merchant),
        terminal=TerminalNumber(0),
        member=None if member is None else MemberId(member),
        time=1_790_000_060,
    )


def act(
    stan: int,
    data: Act,
    *,
    member: int = 7,
    merchant: int = 1,
    lines: tuple[Line, ...] = (),
    time: int = 1_790_000_000,
    about: OriginalKey | OriginalNumber | None = None,
) -> Payment:
    """A payment that carries an act; without lines if none are given."""
    made = payment(
        stan, amount=sum(each.amount for each in lines), member=member, merchant=merchant, time=time, lines=lines
    )
    return replace(made, lines=lines, authorisation=Hash32(b"\x0a" * 32), act=data, about=about)


def authorize(stan: int, *, member: int = 7, amount: int = 500, time: int = 1_790_000_000) -> Payment:
    """An authorisation of stored value."""
    data = Authorize(
        tender=Tender.STORED_VALUE, amount=MinorUnits(amount), capture_by=time + 86_400, refund_by=time + 172_800
    )
    return act(stan, data.act(), member=member, time=time)


def capture(
    stan: int, of: Payment | int, *, amount: int = 200, member: int = 0, merchant: int = 1, time: int = 1_790_000_000
) -> Payment:
    """A completion of a part of an authorisation, named by its key, or by its sequence."""
    about = (
        OriginalNumber(number=of, whole=True)
        if isinstance(of, int)
        else OriginalKey(
            terminal=of.key.terminal, mti_class="020", stan=of.key.stan, transmission_time=of.transmission_time
        )
    )
    data = Capture(stream=StreamId(1), sequence=Sequence(0), amount=MinorUnits(amount))
    return act(stan, data.act(), member=member, merchant=merchant, about=about, time=time)
