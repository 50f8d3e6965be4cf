"""Refusals that the journal remembers, and what it recalls of a message: in a file and in a database."""

import pytest

from node.bridge.journal import reading, refusals
from node.bridge.journal.admission import Admission
from node.bridge.journal.group import key_text
from node.bridge.journal.refusals import KEPT_MS, Refusal, Refusals
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.errors import Declined, LimitExceeded, UnknownMember
from node.domain.ids import Hash32
from tests.offchain.bridge_out.makers import debit, payment, refund, reversal

NOW = 1_790_000_000_000
NOBODY = Refusal(Hash32(b"a" * 32), "UnknownMember", "")


async def kept_rows(journal: Journal) -> int:
    return await journal.run(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM refusals").scalar())


async def test_refusals_outlive_a_restart_and_are_forgotten_in_time(kept: JournalSettings) -> None:
    journal = await Journal.open(kept)
    known = await Refusals.open(journal, lambda: NOW)
    await known.keep("old", NOBODY)
    known = await Refusals.open(journal, lambda: NOW + KEPT_MS // 2)
    await known.keep("new", Refusal(Hash32(b"b" * 32), "LimitExceeded", "of the day"))
    await journal.close()
    journal = await Journal.open(kept)
    for now, found in ((NOW + KEPT_MS, True), (NOW + KEPT_MS + 1, False)):
        known = await Refusals.open(journal, lambda now=now: now)
        assert (known.find("old") is not None) is found
        refused = known.find("new")
        assert refused is not None and refused.said == b"b" * 32
        assert str(refused.failure()) == str(LimitExceeded("of the day"))
    await known.keep("newest", NOBODY)
    assert await kept_rows(journal) == 2  # the old one made room
    await journal.close()


async def test_refusals_are_bounded_and_the_oldest_makes_room(
    kept: JournalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST", 3)
    journal = await Journal.open(kept)
    now = [NOW]
    known = await Refusals.open(journal, lambda: now[0])
    for number in range(5):
        now[0] += 1
        await known.keep(f"k{number}", NOBODY)
        await known.keep(f"k{number}", NOBODY)
    again = await Refusals.open(journal, lambda: now[0])
    for each in (known, again):
        assert [each.find(f"k{number}") is not None for number in range(5)] == [False, False, True, True, True]
    assert await kept_rows(journal) == 3
    await journal.close()


def test_a_refusal_is_the_failure_that_it_was() -> None:
    assert isinstance(NOBODY.failure(), UnknownMember)
    for name in ("Overloaded", "no such failure", "TillnetError"):
        assert type(Refusal(NOBODY.said, name, "x").failure()) is Declined


async def test_recorded_tells_payments_and_refunds_by_their_key(kept: JournalSettings) -> None:
    journal = await Journal.open(kept)
    sale, early = debit(1, member=9), payment(2, member=8)
    back = refund(3, sale, 100)
    undo = reversal(4, early)
    for message in (sale, early, back, undo):
        await journal.admit(Admission(message, b"", NOW))
    found = {}
    for message in (sale, early, back, undo, payment(7)):
        name = key_text(message.key)
        found[message.key.stan] = await journal.run(lambda connection, name=name: reading.recorded(connection, name))
    told = {stan: each and (each.sequence, each.response_code, each.member) for stan, each in found.items()}
    assert told == {
        "000001": (1, None, 9),
        "000002": (2, "00", 8),
        "000003": (3, None, 9),
        "000004": None,
        "000007": None,
    }
    assert found["000003"] is not None and found["000003"].body == back.body
    await journal.close()
