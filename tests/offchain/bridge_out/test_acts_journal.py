"""Acts in the journal: answered when final, completed by name, undone by a payment of their own."""

import json
from collections.abc import AsyncIterator

import pytest

from node.bridge.batch import Batcher
from node.bridge.entry import Kind, PaymentEntry, act_in, entry_of, lines_in, member_of, pack_payment
from node.bridge.journal import reading, transitions
from node.bridge.journal.admission import Admission
from node.bridge.journal.store import Journal
from node.bridge.receipts import tell
from node.chain.ledger import batch_of
from node.config import BatchSettings, JournalSettings
from node.domain.act import Act, undoing
from node.domain.acts.authorization import Capture, Void
from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.coupon import WriteOff
from node.domain.acts.discount import Discount
from node.domain.acts.gift import HandOverGift, TakeGift
from node.domain.acts.recharge import Recharge
from node.domain.answer import Fact
from node.domain.errors import DuplicateOtherBody, OriginalNotFound
from node.domain.ids import MinorUnits, Sequence, StreamId
from node.domain.payment import Entry, Status, Tender
from tests.offchain.bridge_out.makers import act, authorize, capture, line, payment, reversal
from tests.offchain.bridge_out.test_journal import result, transaction

STREAM = StreamId(1)
RECHARGE = Recharge(amount=MinorUnits(500)).act()


@pytest.fixture
async def journal(kept: JournalSettings) -> AsyncIterator[Journal]:
    opened = await Journal.open(kept)
    yield opened
    await opened.close()


def admission(message: Entry) -> Admission:
    return Admission(message, b"", 1_000)


async def rows(journal: Journal) -> list[tuple[int, int, str, int | None]]:
    """Kind, status and original of every entry."""

    def read(connection):
        return [
            tuple(row)
            for row in connection.exec_driver_sql(
                "SELECT sequence, kind, status, original FROM entries ORDER BY sequence"
            )
        ]

    return await journal.run(read)


async def test_an_act_is_answered_later_and_a_repeat_finds_it(journal: Journal) -> None:
    first = await journal.admit(admission(act(1, RECHARGE)))
    assert first.response_code is None and isinstance(first.entry, PaymentEntry)
    assert (first.entry.debits, first.entry.acts, first.entry.lines) == (True, True, 0)
    again = await journal.admit(admission(act(1, RECHARGE)))
    assert (again.duplicate, again.sequence, again.entry) == (True, first.sequence, None)
    with pytest.raises(DuplicateOtherBody):
        await journal.admit(admission(payment(1, amount=0, body=b"x" * 32)))


@pytest.mark.parametrize("by_number", [True, False])
async def test_a_completion_is_of_the_authorisation_that_it_names_and_of_its_member(
    journal: Journal, by_number: bool
) -> None:
    first = authorize(1, member=9)
    await journal.admit(admission(payment(77)))
    admitted = await journal.admit(admission(first))
    done = await journal.admit(admission(capture(2, 2 if by_number else first)))
    assert isinstance(done.entry, PaymentEntry) and done.entry.member == 9
    data = act_in(done.entry.packed)
    assert data is not None and Capture.read(data).sequence == admitted.sequence == 2


async def test_a_completion_is_refused_when_it_names_no_authorisation_of_this_merchant_and_member(
    journal: Journal,
) -> None:
    await journal.admit(admission(authorize(1, member=9)))
    await journal.admit(admission(payment(2)))
    await journal.admit(admission(authorize(3, member=9)))
    await journal.admit(admission(reversal(4, authorize(3))))
    bad = [capture(10, 77), capture(11, 2), capture(12, 1, merchant=2), capture(13, 1, member=8), capture(14, 3)]
    for each in bad:
        with pytest.raises(OriginalNotFound):
            await journal.admit(admission(each))
    assert (await journal.admit(admission(capture(15, 1, member=9)))).entry is not None


async def test_a_reversal_of_an_act_journals_the_payment_that_undoes_it(journal: Journal) -> None:
    sale = act(1, Discount(amount=MinorUnits(5)).act(), lines=(line(95, version=0, tender=Tender.COIN),))
    await journal.admit(admission(sale))
    await journal.admit(admission(reversal(2, sale)))
    await journal.admit(admission(reversal(3, sale)))
    assert await rows(journal) == [(1, 0, "journaled", None), (2, 1, "journaled", 1), (3, 3, "journaled", 1)]
    undo = await journal.run(lambda connection: reading.undo_of_act(connection, 1))
    assert undo is not None and undo.sequence == 3
    assert act_in(undo.packed) == undoing(8, Sequence(1)).data
    assert (list(lines_in(undo.packed)), member_of(undo.packed)) == ([], sale.member)


async def test_a_cancelled_act_needs_nothing_that_undoes_it(journal: Journal) -> None:
    await journal.admit(admission(act(1, RECHARGE)))
    await journal.admit(admission(reversal(2, act(1, RECHARGE))))
    await journal.run(lambda connection: transitions.cancel(connection, 1, 2))
    assert [row[2] for row in await rows(journal)] == ["declined", "final", "final"]


async def test_time_out_journals_both_parts_when_the_act_is_on_its_way(journal: Journal) -> None:
    await journal.admit(admission(act(1, RECHARGE)))
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    code, undo = await journal.time_out(1, 50, unbatched=False)
    assert code == "91" and undo is not None and undo.sequence == 2
    assert [row[1:] for row in await rows(journal)][1:] == [(1, "journaled", 1), (3, "journaled", 1)]
    assert (await journal.admit(admission(payment(9)))).sequence == 4
    assert (await journal.admit(admission(reversal(10, act(1, RECHARGE))))).duplicate


async def test_what_undoes_an_act_is_taken_up_alone_once_its_reversal_went(journal: Journal) -> None:
    await journal.admit(admission(act(1, RECHARGE)))
    await journal.admit(admission(reversal(2, act(1, RECHARGE))))

    async def taken_up() -> list[int]:
        found = await journal.run(lambda connection: list(reading.open_entries(connection)))
        return [entry.sequence for _, entry in found]

    assert await taken_up() == [1, 2]
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    await journal.run(lambda connection: transitions.settle(connection, 12, [result()], {}, 99))
    await journal.run(lambda connection: transitions.finish_reversal(connection, 2))
    assert await taken_up() == [3]
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [3], transaction(2, 1)))
    given = result(2, given_back=(Sequence(3),))
    await journal.run(lambda connection: transitions.settle(connection, 13, [given], {}, 99))
    (again,) = await journal.run(lambda connection: reading.payments(connection, [3]))
    assert (again.sequence, again.acts) == (3, True)


def test_a_batch_counts_the_gas_of_its_acts() -> None:
    settings = BatchSettings()
    plain, acting = Batcher(settings, STREAM), Batcher(settings, STREAM)
    plain.add(entry_of(1, 1, pack_payment(payment(1)), 0, debits=False))
    acting.add(entry_of(1, 1, pack_payment(act(1, RECHARGE)), 0, debits=True))
    one, other = plain.take(), acting.take()
    assert one is not None and other is not None and other.gas - one.gas > settings.gas_act + 1_000_000
    assert len(batch_of(other.data)) == 16 + 6 + 18 + 32 + 2 + len(RECHARGE.data)
    for number in range(60):
        acting.add(entry_of(number + 2, 1, pack_payment(act(1, RECHARGE, member=number + 1)), 0, debits=True))
    taken = acting.take()
    assert taken is not None and 40 <= len(taken.sequences) <= 45 and taken.gas <= settings.max_gas


def told(data: Act, *lines_: tuple[int, Tender]) -> tuple[dict[str, str], str]:
    made = act(1, data, lines=tuple(line(amount, tender=tender) for amount, tender in lines_))
    stored = reading.Stored(
        sequence=17,
        status=Status.FINAL,
        response_code="00",
        reason=None,
        block=1,
        leaves=b"",
        packed=pack_payment(made),
    )
    found = tell(STREAM, stored, "840")
    assert found.text.isascii() and found.text.isprintable() and len(found.text) <= 99
    return {fact.tag: value for fact, value in found.facts}, found.text


@pytest.mark.parametrize(
    ("data", "lines_", "facts", "text"),
    [
        (
            WriteOff(coupon=9, discount=MinorUnits(120)).act(),
            ((1_080, Tender.EXTERNAL),),
            {"CP": "9", "DC": "120", "XT": "1080"},
            "COUPON 1.20 OFF, TO PAY 10.80",
        ),
        (
            WriteOff(coupon=9, discount=MinorUnits(0), sale=4).act(),
            (),
            {"CP": "9", "DC": "0"},
            "COUPON 0.00 OFF",
        ),
        (RECHARGE, (), {"RC": "500"}, "RECHARGED 5.00"),
        (authorize(1).act, (), {"AA": "500", "AU": "1-17"}, "AUTHORISED 5.00"),
        (
            Capture(stream=STREAM, sequence=Sequence(3), amount=MinorUnits(200)).act(),
            (),
            {"CC": "200", "AU": "1-3"},
            "CAPTURED 2.00",
        ),
        (Void(stream=STREAM, sequence=Sequence(3)).act(), (), {"AU": "1-3"}, "AUTHORISATION VOIDED"),
        (
            TakeGift(gift=42 << 32 | 3).act(),
            (),
            {"GF": str(42 << 32 | 3)},
            "GIFT 3 OF MERCHANT 42: HAND IT OVER",
        ),
        (HandOverGift(reservation=2**100).act(), (), {"RS": str(2**100)}, f"RESERVATION {2**100}: HAND IT OVER"),
        (
            RedeemCertificate(certificate=1, amount=MinorUnits(700)).act(),
            ((500, Tender.STORED_VALUE),),
            {"CA": "700", "SV": "500"},
            "CERTIFICATE PAID 7.00, NOTHING TO PAY",
        ),
        (
            Discount(amount=MinorUnits(25)).act(),
            ((475, Tender.COIN), (700, Tender.EXTERNAL)),
            {"DC": "25", "CO": "475", "XT": "700"},
            "4.75 PAID IN COINS, 0.25 OFF, TO PAY 7.00",
        ),
    ],
)
def test_an_approved_act_tells_the_clerk_what_it_did(
    data: Act, lines_: tuple[tuple[int, Tender], ...], facts: dict[str, str], text: str
) -> None:
    assert told(data, *lines_) == (facts, text)


def test_facts_have_a_tag_and_a_name_of_their_own() -> None:
    assert len({fact.tag for fact in Fact}) == len({fact.member for fact in Fact}) == len(Fact)
    assert json.dumps({fact.member: "1" for fact in Fact}).isascii()
