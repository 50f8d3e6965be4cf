"""A terminal that is handed to another stream keeps its history, where both journals are in one database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from benchmarks.world import terminal_id
from node.bridge.assembly import Running
from node.bridge.elsewhere import Elsewhere
from node.bridge.entry import Admitted, Kind
from node.bridge.journal import handed, reading, transitions
from node.bridge.journal.admission import Admission
from node.bridge.journal.group import key_text
from node.bridge.journal.lease import Lease
from node.bridge.journal.store import Journal
from node.chain.signer import Signer
from node.config import JournalSettings
from node.domain.errors import (
    DuplicateOtherBody,
    InvalidTransaction,
    OriginalNotFound,
    ReversedBefore,
    UnknownTerminal,
    WrongMac,
)
from node.domain.ids import StreamId
from node.domain.payment import Entry, Payment, Reversal, Status
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import TERMINAL, debit, payment, refund, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, Stand, transfers_to
from tests.offchain.bridge_out.test_journal import result, transaction

OLD, NEW = StreamId(1), StreamId(2)
ANNA = MEMBERS[0]
BEFORE, AFTER, BACK = 10, 20, 30
"""Blocks of the Registry: the terminal is on the old stream, on the new one, and on the old one again."""


class Two:
    """The journals of two streams."""

    def __init__(self, old: Journal, new: Journal) -> None:
        self.old, self.new = old, new

    async def at_old(self, message: Entry, block: int = BEFORE) -> Admitted:
        return await self.old.admit(Admission(message, b"", 1_000, block))

    async def at_new(self, message: Entry, block: int = AFTER) -> Admitted:
        return await self.new.admit(Admission(message, b"", 1_000, block))

    async def forwarded(self) -> list[handed.Forwarded]:
        return await self.old.run(lambda connection: handed.forwarded(connection, OLD))

    async def take_in(self) -> list[Admitted]:
        """What the old stream's bridge does with all that was put down for it."""
        taken = []
        for each in await self.forwarded():
            taken.append(await self.old.admit(Admission(each.message, b"", each.received_at, forwarded=True)))
            await self.old.run(lambda connection, key=each.key: handed.note_taken(connection, OLD, key))
        return taken


@pytest.fixture
async def two(database: str) -> AsyncIterator[Two]:
    opened = []
    for stream in (OLD, NEW):
        lease = Lease.open(database, stream, owner=f"bridge {stream}", length_ms=60_000)
        await lease.take(asyncio.Event())
        opened.append(await Journal.open(JournalSettings(url=database), stream=stream, fence=lease, shared=True))
    yield Two(*opened)
    for journal in opened:
        await journal.close()


async def test_a_repeat_finds_the_old_streams_entry(two: Two) -> None:
    first = await two.at_old(payment(1))
    again = await two.at_new(payment(1))
    assert (again.stream, again.sequence, again.duplicate, again.response_code) == (OLD, first.sequence, True, "00")
    with pytest.raises(DuplicateOtherBody):
        await two.at_new(payment(1, body=b"x" * 32))
    new = await two.at_new(payment(2))
    assert (new.stream, new.sequence, new.duplicate) == (None, 1, False)


async def test_the_old_bridge_takes_no_more_when_the_new_one_has_the_terminal(two: Two) -> None:
    await two.at_old(payment(1))
    await two.at_new(payment(2))
    for message in (payment(3), payment(1), reversal(4, payment(1))):
        with pytest.raises(UnknownTerminal, match="handed to another bridge"):
            await two.at_old(message)
    other = await two.at_old(payment(5, terminal=TERMINAL.replace("1", "2")))
    assert other.entry is not None  # another terminal is not concerned


async def test_a_bridge_that_lags_behind_takes_no_terminal_away(two: Two) -> None:
    await two.at_old(payment(1), block=AFTER)
    with pytest.raises(UnknownTerminal):
        await two.at_new(payment(2), block=BEFORE)
    assert (await two.at_old(payment(3), block=AFTER)).entry is not None


async def test_a_terminal_that_comes_back_has_the_history_of_both_streams(two: Two) -> None:
    await two.at_old(payment(1))
    await two.at_new(payment(2))
    own = await two.at_old(payment(1), block=BACK)
    assert (own.stream, own.duplicate) == (None, True)
    foreign = await two.at_old(payment(2), block=BACK)
    assert (foreign.stream, foreign.duplicate) == (NEW, True)
    with pytest.raises(UnknownTerminal):
        await two.at_new(payment(3))


async def test_a_bridge_claims_again_when_two_claimed_from_each_other_at_once(two: Two, database: str) -> None:
    await two.at_new(payment(1))
    await two.old.run(lambda connection: connection.exec_driver_sql("SET deadlock_timeout = '5s'") and None)
    row = "SELECT 1 FROM bridges.leases WHERE stream = %s "
    with psycopg.connect(database) as other, psycopg.connect(database, autocommit=True) as watching:
        other.execute("SET deadlock_timeout = '60s'")  # the journal is the one that is undone
        other.execute(row + "FOR SHARE", (NEW,))
        claiming = asyncio.create_task(two.at_old(payment(2), block=BACK))

        async def waits() -> bool:
            found = watching.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
            return found is not None

        await until(waits, "the journal waits for the other bridge's row")
        await asyncio.wait_for(asyncio.to_thread(other.execute, row + "FOR UPDATE", (OLD,)), 30)
        other.commit()
        taken = await asyncio.wait_for(claiming, 30)
    assert (taken.entry is not None, taken.duplicate, taken.response_code) == (True, False, "00")


async def test_a_write_under_way_is_seen_by_the_bridge_that_claims_the_terminal(two: Two) -> None:
    """The same sale reaches both bridges at once: one takes it in."""
    await two.at_old(payment(1))
    sales = [payment(number) for number in range(100, 140)]
    old = asyncio.gather(*[two.at_old(sale) for sale in sales], return_exceptions=True)
    new = asyncio.gather(*[two.at_new(sale) for sale in sales], return_exceptions=True)
    for one, other in zip(await old, await new, strict=True):
        assert isinstance(other, Admitted)
        taken = [each for each in (one, other) if isinstance(each, Admitted) and each.entry is not None]
        assert len(taken) == 1, (one, other)


async def test_a_reversal_is_done_by_the_old_stream(two: Two) -> None:
    first = await two.at_old(payment(1, member=9))
    told = await two.at_new(reversal(2, payment(1)))
    assert (told.stream, told.sequence, told.response_code, told.entry) == (OLD, first.sequence, "00", None)
    for stan in (2, 2, 3):
        assert (await two.at_new(reversal(stan, payment(1)))).response_code == "00"
    taken = await two.take_in()
    assert [each.duplicate for each in taken] == [False, True]
    assert taken[0].entry is not None and taken[0].entry.member == 9
    assert await two.forwarded() == []
    again = await two.at_new(reversal(2, payment(1)))
    assert (again.stream, again.duplicate) == (OLD, True)


async def test_a_reversal_that_names_a_lost_copy_finds_the_old_streams_entry(two: Two) -> None:
    first = await two.at_old(replace(payment(1), transmission_time="1122101157"))
    undo = reversal(2, payment(1))
    undo = replace(undo, original=replace(undo.original, exact=False))
    assert (await two.at_new(undo)).sequence == first.sequence
    (taken,) = await two.take_in()
    assert taken.entry is not None and taken.entry.sequence == 2
    early = reversal(4, payment(3))
    await two.at_new(replace(early, original=replace(early.original, exact=False)))
    with pytest.raises(ReversedBefore):
        await two.at_new(replace(payment(3), transmission_time="1122101157"))


async def test_a_reversal_without_mac_of_an_old_streams_debit_is_refused(two: Two) -> None:
    await two.at_old(debit(1))
    with pytest.raises(WrongMac):
        await two.at_new(replace(reversal(2, debit(1)), proved=False))
    assert await two.forwarded() == []


async def test_a_reversal_that_is_not_taken_in_yet_comes_again_after_a_crash(two: Two) -> None:
    await two.at_old(payment(1))
    await two.at_new(reversal(2, payment(1)))
    (waiting,) = await two.forwarded()
    message = Admission(waiting.message, b"", waiting.received_at, forwarded=True)
    assert (await two.old.admit(message)).entry is not None
    # killed here, before it was noted
    assert await two.forwarded() == [waiting]
    assert (await two.old.admit(message)).duplicate


async def test_a_late_original_is_declined_when_its_reversal_came_to_the_old_stream(two: Two) -> None:
    await two.at_old(reversal(2, payment(1)))
    with pytest.raises(ReversedBefore):
        await two.at_new(payment(1))


async def test_a_reversal_of_what_no_stream_knows_is_kept_by_the_new_one(two: Two) -> None:
    await two.at_old(payment(9))
    told = await two.at_new(reversal(2, payment(1)))
    assert (told.sequence, told.stream, told.status) == (None, None, Status.FINAL)
    with pytest.raises(ReversedBefore):
        await two.at_new(payment(1))


async def test_a_refund_is_done_by_the_old_stream_and_answered_by_the_new_one(two: Two) -> None:
    await two.at_old(debit(1))
    await two.old.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    await two.old.run(lambda connection: transitions.settle(connection, 12, [result()], {}, 99))
    asked = refund(2, debit(1), 100)
    told = await two.at_new(asked)
    assert (told.stream, told.response_code, told.entry) == (OLD, None, None)
    key = key_text(asked.key)
    assert await two.new.run(lambda connection: handed.outcome(connection, OLD, key)) is None
    await two.take_in()
    found = await two.new.run(lambda connection: handed.outcome(connection, OLD, key))
    assert isinstance(found, reading.Stored) and found.kind is Kind.REFUND
    with pytest.raises(InvalidTransaction):
        await two.at_new(reversal(3, asked))  # type: ignore[arg-type]
    with pytest.raises(OriginalNotFound):
        await two.at_new(refund(4, debit(1), 100, merchant=2))


async def submit(running: Running, message: Payment | Reversal) -> str:
    return (await running.bridge.submit(message, b"")).response_code


@pytest.mark.anvil
async def test_bridges_share_a_terminals_history_on_the_chain(stand: Stand, database: str) -> None:
    world, key = stand.world, bytes(range(2, 34))
    poster = "0x" + Signer(key).address.hex()
    stand.chain.request("anvil_setBalance", poster, hex(10**24))
    world.open_stream(NEW, poster, 10**10, 10**10)
    (stand.folder / "other.key").touch(mode=0o600)
    (stand.folder / "other.key").write_text(key.hex())
    journal = {"url": database}
    stream = {"id": int(NEW), "key_file": "other.key"}
    kept, undone, part = (payment(number, member=MEMBERS[number], time=stand.now()) for number in (1, 2, 3))
    async with bridge_on(stand, journal=journal) as old, bridge_on(stand, journal=journal, stream=stream) as new:
        assert [await submit(old, sale) for sale in (kept, undone, part)] == ["00"] * 3
        await idle(old)
        world.as_operator(world.registry, "handOver", [terminal_id(stand.merchants[0], 0)], NEW)
        handed_over = int(stand.chain.request("eth_blockNumber"), 16)

        async def known() -> bool:
            return new.directory.current.block >= handed_over

        await until(known, "the new bridge has heard of it")
        again = await new.bridge.submit(kept, b"")
        assert (again.payment_id, again.status, again.duplicate) == ("1-1", Status.FINAL, True)
        assert await submit(new, reversal(11, undone)) == "00"
        assert await submit(new, refund(12, part, 400)) == "00"  # type: ignore[arg-type]
        fresh = await new.bridge.submit(payment(4, member=MEMBERS[4], time=stand.now()), b"")
        assert fresh.payment_id == "2-1"
        with pytest.raises(UnknownTerminal):
            await submit(old, payment(5, time=stand.now()))

        async def reversed_() -> bool:
            return stand.points(MEMBERS[2]) == 0

        await until(reversed_, "the reversal took effect")
        await idle(old)
        await idle(new)
    assert [stand.points(MEMBERS[n]) for n in (1, 2, 3, 4)] == [
        1_000 * COEFFICIENT,
        0,
        600 * COEFFICIENT,
        1_000 * COEFFICIENT,
    ]
    assert [transfers_to(stand, MEMBERS[n]) for n in (1, 4)] == [1, 1]


async def test_answer_says_91_when_the_old_stream_has_no_bridge(two: Two) -> None:
    await two.at_old(debit(1))
    await two.old.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    await two.old.run(lambda connection: transitions.settle(connection, 12, [result()], {}, 99))

    class Shared:
        """What Elsewhere needs of the stages; each look at the clock takes a second."""

        journal, stream, currency, now = two.new, NEW, "840", 0

        def clock(self) -> int:
            self.now += 1_000
            return self.now

    asked = refund(2, debit(1), 100)
    answer = await Elsewhere(Shared()).answer(asked, await two.at_new(asked), 3_000)  # type: ignore[arg-type]
    assert (answer.response_code, answer.text) == ("91", "NOT KNOWN YET, REPEAT")
