"""The bridge on a real ledger: answers in time, one effect a message, reversals, refusals, restarts."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.bridge.assembly import Running
from node.bridge.journal import reading
from node.domain.answer import Answer
from node.domain.errors import DuplicateOtherBody, Overloaded, ReversedBefore, Unusable
from node.domain.ids import PaymentId
from node.domain.payment import Payment, Reversal, Status, Tender
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, line, payment, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand, transfers_to

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]
SEALED = b"line items"


async def submit(running: Running, message: Payment | Reversal) -> Answer:
    return await running.bridge.submit(message, SEALED)


def paid(stan: int, stand: Stand, *, member: int = ANNA, **more: Any) -> Payment:
    return payment(stan, member=member, time=stand.now(), **more)


async def test_submit_answers_at_once_and_posts_once_when_the_payment_only_earns(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand) as running:
        sale = paid(1, stand)
        answer = await submit(running, sale)
        assert (answer.response_code, answer.status, answer.payment_id) == ("00", Status.JOURNALED, "1-1")
        for _ in range(5):
            assert (await submit(running, sale)).duplicate
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        again = await submit(running, sale)
    assert (again.status, again.points, again.duplicate) == (Status.FINAL, 1_000 * COEFFICIENT, True)
    assert (stand.points(ANNA), transfers_to(stand, ANNA)) == (1_000 * COEFFICIENT, 1)


async def test_submit_answers_when_final_when_the_payment_debits(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand) as running:
        answers = [asyncio.create_task(submit(running, debit(1, member=ANNA))) for _ in range(3)]

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the batch is on its way")
        assert not any(answer.done() for answer in answers)
        stand.mine()
        found = await asyncio.gather(*answers)
    assert {(each.response_code, each.status, each.points) for each in found} == {
        ("00", Status.FINAL, 500 * COEFFICIENT)
    }
    assert sorted(each.duplicate for each in found) == [False, True, True]
    assert stand.value(ANNA) == VALUE - 500


async def test_submit_answers_51_when_the_member_has_not_enough(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        answer = await submit(running, debit(1, member=ANNA, amount=VALUE + 1))
        again = await submit(running, debit(1, member=ANNA, amount=VALUE + 1))
    assert (answer.response_code, answer.status, answer.text) == ("51", Status.DECLINED, "NOT ENOUGH STORED VALUE")
    assert (again.response_code, again.duplicate) == ("51", True)
    assert stand.value(ANNA) == VALUE


@pytest.mark.parametrize(
    ("stan", "changes", "code"),
    [
        (1, {"member": 999_999}, "14"),
        (2, {"merchant": 99}, "03"),
        (3, {"authorisation": None}, "63"),
    ],
)
async def test_submit_answers_the_ledgers_reason_when_it_skips(
    stand: Stand, stan: int, changes: dict[str, Any], code: str
) -> None:
    terms = {"authorisation": b"a" * 32, "lines": (line(5, tender=Tender.STORED_VALUE),), "amount": 5} | changes
    async with bridge_on(stand) as running:
        assert (await submit(running, paid(stan, stand, **terms))).response_code == code


async def test_submit_answers_91_and_undoes_the_payment_when_no_block_takes_it_in_time(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 300}) as running:
        answer = await submit(running, debit(1, member=ANNA))
        assert (answer.response_code, answer.text) == ("91", "NOT POSTED IN TIME")
        assert (await submit(running, debit(1, member=ANNA))).response_code == "91"
        assert (await submit(running, reversal(2, debit(1)))).duplicate  # the till's own reversal finds it undone
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)
    assert transfers_to(stand, ANNA) == 1  # it did come, and was undone


async def test_submit_answers_91_and_never_posts_when_the_payment_is_in_no_batch_yet(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 400}, batch={"in_flight": 1, "max_wait_ms": 1}) as running:
        await submit(running, paid(1, stand, member=BERT))
        answer = await submit(running, debit(2, member=ANNA))
        assert (answer.response_code, answer.status) == ("91", Status.DECLINED)
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert (stand.value(ANNA), transfers_to(stand, ANNA)) == (VALUE, 0)


async def test_submit_undoes_the_original_when_a_reversal_comes_at_any_moment(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        first, second, third = (paid(number, stand, member=MEMBERS[number]) for number in (1, 2, 3))
        await submit(running, first)
        await idle(running)
        assert (await submit(running, reversal(11, first))).response_code == "00"  # final
        await submit(running, second)
        assert (await submit(running, reversal(12, second))).response_code == "00"  # perhaps in a batch
        assert (await submit(running, reversal(13, third))).payment_id is None  # not there yet
        with pytest.raises(ReversedBefore):
            await submit(running, third)
        for stan in (11, 21):
            assert (await submit(running, reversal(stan, first))).duplicate
        await idle(running)
    assert [stand.points(MEMBERS[number]) for number in (1, 2, 3)] == [0, 0, 0]


async def test_submit_ends_a_reversal_without_effect_when_its_original_was_declined(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        sale = paid(1, stand, member=999_999)
        await submit(running, sale)
        await submit(running, reversal(2, sale))
        await idle(running)
        found = await running.stages.journal.run(lambda connection: reading.stored(connection, [1, 2]))
    assert (found[1].status, found[2].status) == (Status.DECLINED, Status.FINAL)


async def test_submit_undoes_every_line_and_tender_when_a_mixed_payment_is_reversed(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        await submit(running, paid(1, stand, amount=2_000))
        await idle(running)
        lines = (
            line(10, version=0, tender=Tender.COIN),
            line(300),
            line(200, tender=Tender.STORED_VALUE),
            line(100, version=2),
        )
        mixed = paid(2, stand, amount=610, lines=lines, authorisation=b"a" * 32)
        answer = await submit(running, mixed)
        assert (answer.response_code, answer.points) == ("00", 500 * COEFFICIENT + 100 * COEFFICIENT * 5)
        assert stand.points(ANNA) == 2_000 * COEFFICIENT - 10 * 10_000 + (answer.points or 0)
        await submit(running, reversal(3, mixed))
        await idle(running)
    assert (stand.points(ANNA), stand.value(ANNA)) == (2_000 * COEFFICIENT, VALUE)


async def test_submit_refuses_when_the_same_key_has_another_body(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        await submit(running, paid(1, stand))
        with pytest.raises(DuplicateOtherBody):
            await submit(running, paid(1, stand, body=b"x" * 32))


async def test_submit_refuses_when_too_many_wait_for_the_chain(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, batch={"waiting": 10, "backlog": 10, "in_flight": 1, "max_payments": 1}) as running:
        results = await asyncio.gather(
            *[submit(running, paid(stan, stand, member=MEMBERS[stan % 40])) for stan in range(30)],
            return_exceptions=True,
        )
        with pytest.raises(Overloaded):
            for stan in range(30, 60):
                await submit(running, paid(stan, stand, member=MEMBERS[stan % 40]))
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        counts = await running.stages.journal.run(reading.counts)
    assert counts["final"] >= sum(isinstance(each, Answer) for each in results)


async def test_submit_answers_repeats_and_reversals_when_too_many_wait_for_the_chain(stand: Stand) -> None:
    stand.stop_mining()
    full = {"waiting": 10, "backlog": 10, "in_flight": 1, "max_payments": 1, "max_wait_ms": 1}
    async with bridge_on(stand, batch=full) as running:
        sales: list[Payment] = []
        with pytest.raises(Overloaded):
            for stan in range(30):
                sale = paid(stan, stand, member=MEMBERS[stan])
                await submit(running, sale)
                sales.append(sale)
        again = await submit(running, sales[-1])
        assert (again.response_code, again.duplicate) == ("00", True)
        assert (await submit(running, reversal(40, sales[0]))).response_code == "00"
        with pytest.raises(Overloaded):
            await submit(running, paid(50, stand, member=MEMBERS[39]))
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert [stand.points(member) for member in MEMBERS[:3]] == [0, 1_000 * COEFFICIENT, 1_000 * COEFFICIENT]


async def test_submit_refuses_one_members_payments_only_when_that_member_has_too_many(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, batch={"waiting": 100, "in_flight": 1, "max_wait_ms": 1}) as running:
        with pytest.raises(Overloaded):
            for stan in range(30):
                await submit(running, paid(stan, stand))
        assert (await submit(running, paid(30, stand, member=BERT))).response_code == "00"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert stand.points(BERT) == 1_000 * COEFFICIENT


async def test_submit_loses_and_repeats_nothing_when_a_batch_ends_early_for_want_of_gas(stand: Stand) -> None:
    # the ledger wants 235,000 left before a payment (docs/batch.md, Gas), and uses some 9,000 for each
    short = {"gas_base": 110_000, "gas_payment": 5_000, "gas_line": 1_000, "max_wait_ms": 200}
    async with bridge_on(stand, batch=short) as running:
        await asyncio.gather(*[submit(running, paid(stan, stand, member=stan)) for stan in MEMBERS])
        await idle(running)
        batches = running.stages.sender._next_batch - 1
    assert batches > 1
    assert {stand.points(member) for member in MEMBERS} == {1_000 * COEFFICIENT}
    assert {transfers_to(stand, member) for member in MEMBERS} == {1}


async def test_submit_posts_after_a_pause_what_was_answered_before(stand: Stand) -> None:
    world = stand.world
    world.as_operator(world.ledger, "pause")
    async with bridge_on(stand, chain={"pause_ms": 200}, answers={"deadline_ms": 1_000}) as running:
        assert (await submit(running, paid(1, stand))).response_code == "00"
        assert (await submit(running, debit(2, member=BERT))).response_code == "91"
        world.as_operator(world.ledger, "unpause")
        await idle(running)
    assert (stand.points(ANNA), stand.points(BERT), stand.value(BERT)) == (1_000 * COEFFICIENT, 0, VALUE)


async def test_run_stops_with_a_reason_when_the_poster_changed(stand: Stand) -> None:
    settings = stand.settings()
    from node.bridge import start

    async with start.started(settings) as running:
        stand.world.as_operator(stand.world.ledger, "setStream", 1, stand.world.poster, 10**9, 10**9)
        serving = asyncio.create_task(start.serve(settings, running, asyncio.Event()))
        await submit(running, paid(1, stand))
        with pytest.raises(Unusable, match="poster of stream 1"):
            await asyncio.wait_for(serving, 10)


async def test_rebuild_follows_the_chain_when_rules_clamp_end_and_tiers_change(stand: Stand) -> None:
    world, merchant = stand.world, stand.merchants[0]
    tiered = world.base(merchant, COEFFICIENT, tiers=(20_000, 30_000))
    narrow = world.offer(merchant, multiplier_bps=50_000, budget=1_000)
    async with bridge_on(stand) as running:
        await submit(running, paid(1, stand, lines=(line(1_000, version=tiered),)))
        await idle(running)
        world.as_operator(world.registry, "setTier", [ANNA], 2)
        await submit(running, paid(2, stand, lines=(line(1_000, version=tiered),)))
        await submit(running, paid(3, stand, member=BERT, lines=(line(500, version=narrow),)))
        await idle(running)
        world.as_operator(world.rules, "vetoVersion", merchant, stand.offer[0], "a test")
        await submit(running, paid(4, stand, member=MEMBERS[2], lines=(line(500, version=stand.offer[0]),)))
        await idle(running)
        points = [
            (await running.bridge.status(PaymentId(f"1-{number}")) or pytest.fail("no such payment")).points
            for number in (1, 2, 3, 4)
        ]
    assert points == [100_000, 300_000, 50_000 + 1_000, 50_000]
    assert stand.points(ANNA) == 400_000


async def test_directory_follows_when_the_registry_changes(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        assert len(running.directory.current.merchants) == 3
        merchant = stand.world.onboard(terminals=3)
        stand.world.base(merchant)
        stand.world.as_operator(stand.world.registry, "setMerchantActive", stand.merchants[0], False)

        async def known() -> bool:
            now = running.directory.current
            return merchant in now.merchants and now.merchants[merchant].base == 1 and not now.merchants[1].active

        await until(known, "the new merchant is in the directory")
        assert f"{merchant}T2" in running.directory.current.terminals


async def test_bridge_goes_on_when_the_chain_was_away(stand: Stand) -> None:
    async with bridge_on(stand, chain={"rpc": ["http://127.0.0.1:9", stand.url], "attempts": 1}) as running:
        await submit(running, paid(1, stand))
        await idle(running)
    assert stand.points(ANNA) == 1_000 * COEFFICIENT


async def test_bridge_turns_to_another_gateway_when_one_answers_but_stands_still(stand: Stand) -> None:
    frozen = stand.chain.request("eth_getBlockByNumber", "latest", False)
    swallowed: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        call = await request.json()
        if call["method"] == "eth_getBlockByNumber":
            result = frozen
        elif call["method"] == "eth_sendRawTransaction":
            swallowed.append(call["params"][0])
            result = "0x" + "00" * 32
        else:
            result = await asyncio.to_thread(stand.chain.request, call["method"], *call["params"])
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})

    gateway = web.Application()
    gateway.router.add_post("/", answer)
    async with TestServer(gateway) as server:
        urls = [str(server.make_url("/")), stand.url]
        async with bridge_on(stand, chain={"rpc": urls, "stale_ms": 1_000}, transaction={"resend_ms": 300}) as running:
            await submit(running, paid(1, stand))
            await idle(running)
    assert swallowed and stand.points(ANNA) == 1_000 * COEFFICIENT


async def test_transaction_is_bumped_and_counted_once_when_no_block_takes_it(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, transaction={"resend_ms": 100, "bump_ms": 1_000}) as running:
        await submit(running, paid(1, stand))

        async def bumped() -> bool:
            return any(len(each.rows) > 1 for each in running.stages.sender.pending.values())

        await until(bumped, "the fee was bumped")
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert (stand.points(ANNA), stand.sent()) == (1_000 * COEFFICIENT, 1)


async def test_started_refuses_when_the_journal_is_older_than_the_chain(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        await submit(running, paid(1, stand))
        await idle(running)
    for left in stand.folder.glob("journal.sqlite*"):
        left.unlink()
    with pytest.raises(Unusable, match="beyond the journal"):
        async with bridge_on(stand):
            pytest.fail("it started")
