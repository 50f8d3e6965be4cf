"""Payments with acts on a real ledger: answered when final, undone in both parts, in order, whatever comes between."""

import asyncio
from collections.abc import Iterator

import pytest
from rich.console import Console

from benchmarks.devchain import Contract, deploy
from node.chain.deployment import load_deployment
from node.chain.rpc import Rpc
from node.domain.act import Act
from node.domain.ids import PaymentId
from node.domain.payment import Payment, Reversal, Status
from node.explorer.payments import ask_payment
from node.explorer.tables import payment_table
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import act, line, payment, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]
KIND, CALLS, REFUSES = 99, 0, 1


@pytest.fixture
def target(stand: Stand) -> Iterator[Contract]:
    """The contract that acts of kind 99 go to, and what undoes them; it does as it is told."""
    world = stand.world
    probe = deploy(stand.chain, "ActProbe", sender=world.operator)
    for kind in (KIND, KIND | 0x80):
        world.as_operator(world.ledger, "setActTarget", kind, probe.address)
    world.as_operator(world.ledger, "setDoors", probe.address, 255)
    world.as_operator(world.cash, "transfer", probe.address, 10**9)
    approve = bytes.fromhex(world.cash.interface.encode("approve", world.ledger.address, 2**256 - 1)[2:])
    probe.send("relay", world.cash.address, approve, sender=world.operator)
    yield probe
    world.as_operator(world.ledger, "setActTarget", KIND, "0x" + "00" * 20)


def told(stand: Stand, name: str, *arguments: object) -> Act:
    """An act whose target calls the ledger."""
    call = bytes.fromhex(stand.world.ledger.interface.encode(name, *arguments)[2:])
    head = bytes([KIND, CALLS]) + bytes(8) + b"\0" + bytes.fromhex(stand.world.ledger.address[2:])
    return Act(data=head + len(call).to_bytes(2, "big") + call)


def refusing(reason: int) -> Act:
    return Act(data=bytes([KIND, REFUSES]) + reason.to_bytes(8, "big"))


def seen(stand: Stand, target: Contract) -> list[bytes]:
    """The acts that the target has seen."""
    logs = stand.chain.request("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": target.address})
    events = [target.interface.event(log) for log in logs]
    return [bytes(event.args["data"]) for event in events if event is not None and event.name == "Seen"]


def with_act(stan: int, stand: Stand, data: Act, *, amount: int = 0, member: int = ANNA) -> Payment:
    lines = (line(amount),) if amount else ()
    return act(stan, data, lines=lines, member=member, time=stand.now())


async def test_an_act_is_answered_when_final_with_what_the_target_says(stand: Stand, target: Contract) -> None:
    stand.stop_mining()
    async with bridge_on(stand) as running:
        good = with_act(1, stand, told(stand, "creditValue", BERT, 500), amount=1_000)
        bad = with_act(2, stand, refusing(33), member=BERT)
        answers = [asyncio.create_task(running.bridge.submit(each, b"")) for each in (good, bad)]

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the batch is on its way")
        assert not any(answer.done() for answer in answers)
        stand.mine_every(0)
        stand.mine()
        first, second = await asyncio.gather(*answers)
    assert (first.response_code, first.status, first.points) == ("00", Status.FINAL, 1_000 * COEFFICIENT)
    assert (second.response_code, second.status, second.text) == ("54", Status.DECLINED, "NOT VALID AT THIS TIME")
    assert stand.value(BERT) == VALUE + 500


async def test_an_act_alone_is_shown_as_the_chain_has_it(stand: Stand, target: Contract) -> None:
    give = told(stand, "creditValue", BERT, 5)
    async with bridge_on(stand) as running:
        order = with_act(1, stand, give)
        await running.bridge.submit(order, b"")
        await running.bridge.submit(with_act(2, stand, give, amount=300), b"")
        await running.bridge.submit(reversal(3, order), b"")
        await idle(running)
    deployment = load_deployment(stand.folder / "deployment.json")
    async with Rpc([stand.url]) as rpc:
        shown = [await ask_payment(rpc, deployment, PaymentId(f"1-{number}")) for number in (1, 2, 4)]
    assert [(each.outcome, each.act, len(each.lines)) for each in shown] == [
        ("final", "0x" + give.data.hex(), 0),
        ("final", "0x" + give.data.hex(), 1),
        ("final", "0xe30000000000000001", 0),
    ]
    console = Console(record=True, width=2_000)
    for each in shown:
        console.print(payment_table(each))
    text = console.export_text()
    assert "of kind 99, 0x63" in text and "undoing of kind 99, 0xe30000000000000001" in text


async def test_an_act_of_no_contract_is_declined_as_a_malfunction(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        answer = await running.bridge.submit(with_act(1, stand, Act(data=b"\x63")), b"")
    assert (answer.response_code, answer.status) == ("96", Status.DECLINED)


async def test_reversal_of_an_act_posts_what_undoes_it_and_its_lines(stand: Stand, target: Contract) -> None:
    give = told(stand, "creditValue", BERT, 5)
    async with bridge_on(stand) as running:
        both = with_act(1, stand, give, amount=1_000)
        alone = with_act(2, stand, give, member=MEMBERS[2])
        for each in (both, alone):
            assert (await running.bridge.submit(each, b"")).response_code == "00"
        for stan, of in ((3, both), (4, alone)):
            assert (await running.bridge.submit(reversal(stan, of), b"")).response_code == "00"
        later = payment(5, member=ANNA, time=stand.now())
        await running.bridge.submit(later, b"")
        await idle(running)
        entries = await running.stages.journal.run(
            lambda connection: connection.exec_driver_sql(
                "SELECT kind, status, original FROM entries ORDER BY sequence"
            ).all()
        )
    assert stand.points(ANNA) == 1_000 * COEFFICIENT  # of the later one
    undone = [data for data in seen(stand, target) if data[0] == KIND | 0x80]
    assert sorted(undone) == [bytes([KIND | 0x80]) + number.to_bytes(8, "big") for number in (1, 2)]
    assert [tuple(row) for row in entries] == [
        (0, "final", None),
        (0, "final", None),
        (1, "final", 1),
        (3, "final", 1),
        (1, "final", 2),
        (3, "final", 2),
        (0, "final", None),
    ]


async def test_an_act_that_is_not_final_in_time_is_undone_when_it_comes(stand: Stand, target: Contract) -> None:
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 300}) as running:
        answer = await running.bridge.submit(with_act(1, stand, told(stand, "creditValue", BERT, 5), amount=70), b"")
        assert answer.response_code == "91"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert [data[0] for data in seen(stand, target)] == [KIND, KIND | 0x80]
    assert stand.points(ANNA) == 0


async def test_reversal_of_an_act_in_no_batch_yet_cancels_it(stand: Stand, target: Contract) -> None:
    stand.stop_mining()
    async with bridge_on(stand, batch={"in_flight": 1, "max_wait_ms": 1}) as running:
        await running.bridge.submit(payment(1, member=BERT, time=stand.now()), b"")
        order = with_act(2, stand, told(stand, "creditValue", BERT, 5))
        waiting = asyncio.create_task(running.bridge.submit(order, b""))
        undo: Reversal = reversal(3, order)

        async def journaled() -> bool:
            return len(running.stages.received_at) == 2

        await until(journaled, "the act is journaled")
        assert (await running.bridge.submit(undo, b"")).response_code == "00"
        answer = await waiting
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert (answer.response_code, answer.status) == ("91", Status.DECLINED)
    assert seen(stand, target) == []


async def test_acts_go_on_after_a_restart_at_any_moment(stand: Stand, target: Contract) -> None:
    stand.stop_mining()
    order = with_act(1, stand, told(stand, "creditValue", BERT, 5), amount=1_000)
    async with bridge_on(stand, answers={"deadline_ms": 60_000}) as running:
        waiting = asyncio.create_task(running.bridge.submit(order, b""))

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the batch is on its way")
        await running.bridge.submit(reversal(2, order), b"")
        waiting.cancel()
    async with bridge_on(stand) as running:
        stand.mine()

        async def original_final() -> bool:
            return len(seen(stand, target)) == 1

        await until(original_final, "the act is final")
    async with bridge_on(stand) as running:
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        status = await running.bridge.submit(order, b"")
    assert status.duplicate
    assert [data[0] for data in seen(stand, target)] == [KIND, KIND | 0x80]
    assert stand.points(ANNA) == 0
