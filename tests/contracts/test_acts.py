"""Acts in a batch: what they may do, what of a refused one stays (nothing), and how a bad target is met."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.devchain import Reverted
from node.domain.act import undoing
from node.domain.batch_format import ACT_GAS, BatchPayment, encode_batch, gas_limit, make_batch
from node.domain.ids import MemberId, MerchantId, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.ledger import Reason
from node.domain.rewards import post_batch
from tests.contracts.model import Refused
from tests.contracts.probe import (
    BURN_GAS,
    CALLS,
    INVALID,
    NO_TARGET,
    RETURN_BYTES,
    REVERT_BYTES,
    STRING_ERROR,
    Probe,
    nothing,
)
from tests.contracts.twin import AUTHORISATION, ONE, STREAM, Twin, coins, external, member_address, stored

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN, BOB, EMPTY, NEW = MemberId(1), MemberId(2), MemberId(3), MemberId(99)


@pytest.fixture
def probe(twin: Twin) -> Iterator[Probe]:
    """Two merchants, two members with value and coins, and a target that does as it is told."""
    for _ in range(2):
        twin.base(twin.onboard(terminals=2, prepaid=10**6), coefficient=1_000)
    twin.offer(SHOP, coefficient=1_000, budget=10**6)
    twin.enrol(ANN, BOB)
    for member in (ANN, BOB):
        twin.recharge(member, 50_000)
    made = Probe(twin)
    for member in (ANN, BOB):
        twin.pay(SHOP, member, external(100_000))
    yield made
    twin.compare()
    twin.check_invariants()


def _alone(probe: Probe, act: bytes, member: MemberId = ANN, merchant: MerchantId = SHOP, **more: Any) -> BatchPayment:
    return probe.twin.payment(merchant, member, **({"act": act, "authorisation": AUTHORISATION} | more))


def _with(probe: Probe, act: bytes, *lines: Any, member: MemberId = ANN, **more: Any) -> BatchPayment:
    return probe.twin.payment(SHOP, member, *lines, act=act, **more)


def _reasons(probe: Probe, *payments: BatchPayment) -> list[int]:
    return [int(reason) for _, reason in probe.twin.post(*payments).skipped]


def _recharge(probe: Probe, member: MemberId, amount: int) -> Any:
    return probe.call("creditValue", member, amount, model=lambda _: probe.model.recharge(member, amount))


def _take(probe: Probe, member: MemberId, amount: int) -> Any:
    return probe.call(
        "takeValue", member, amount, probe.address, model=lambda _: probe.model.take_value(member, amount)
    )


def _take_coins(probe: Probe, member: MemberId, units: int) -> Any:
    return probe.call(
        "takeCoins", member, units, probe.address,
        model=lambda _: probe.model.take_coins(member, units, probe.key) and None,
    )  # fmt: skip


def _issue(probe: Probe, merchant: MerchantId, to: MemberId, units: int) -> Any:
    return probe.call(
        "issue", merchant, member_address(to), units, model=lambda _: probe.model.issue(merchant, to, units) and None
    )


def _alone_only(effect: Callable[[], None]) -> Callable[[BatchPayment], None]:
    """What a payment that has lines of its own refuses."""

    def apply(payment: BatchPayment) -> None:
        if payment.lines:
            raise Refused("InAct")
        effect()

    return apply


# --- what the target is told ---


def test_target_is_told_the_payment_when_an_act_runs(probe: Probe) -> None:
    act = probe.act(debited=7)
    payment = _with(probe, act, external(500), stored(300), coins(200), time=1_700_001_234)
    before = probe.twin.ledger.view("stream", STREAM)["debited"]
    batch = make_batch(ONE, [payment])
    probe.twin.tick()
    receipt = probe.twin.world.post(batch)
    post_batch(probe.model.book, batch, probe.model.block, probe)
    (seen,) = probe.contract.events(receipt)
    limit = probe.twin.ledger.view("stream", STREAM)["dailyLimit"]
    assert seen.args["act"] == {
        "stream": STREAM,
        "sequence": payment.sequence,
        "merchant": SHOP,
        "terminal": 0,
        "member": ANN,
        "time": payment.time,
        "amount": 1_000,
        "coinAmount": 200,
        "debitLeft": limit - before - 500,
        "authorisation": AUTHORISATION,
    }
    assert bytes(seen.args["data"]) == act
    assert 899_000 < seen.args["gas"] <= 900_000
    assert probe.twin.ledger.view("stream", STREAM)["debited"] == before + 507


def test_target_gets_the_same_gas_when_the_batch_has_hardly_enough(probe: Probe) -> None:
    act = probe.act() + bytes(0)
    batch = make_batch(ONE, [replace(_alone(probe, act), member=NEW, enrol=True)])
    found = set()
    for gas in (gas_limit(batch), 30_000_000, 1_400_000):
        with probe.twin.forgotten():
            probe.twin.tick()
            receipt = probe.twin.world.post(batch, gas=gas)
            found |= {event.args["gas"] for event in probe.contract.events(receipt)}
    assert len(found) == 1


def test_target_gets_all_its_gas_when_the_ledger_books_most_before_it(probe: Probe) -> None:
    """A new epoch, a section with sales in all tenders, a new member with aged coins, an act of 1,024 bytes."""
    twin = probe.twin
    unborn = MemberId(4_711)
    twin.post(_alone(probe, probe.act(_take_coins(probe, BOB, 50), debited=1)))
    send = probe.call("transfer", member_address(unborn), 5, model=lambda _: probe.model.transfer(probe.key, unborn, 5))
    twin.post(_alone(probe, probe.act(send)))
    twin.tick(30 * 86_400)
    padding = probe.call("accountOf", probe.address, model=nothing)
    act = probe.act(*[padding] * 17)
    assert len(act) < 1_024 < len(act) + len(padding[0])
    before = twin.payment(SHOP, ANN, external(10_000), stored(30), coins(20))
    batch = make_batch(ONE, [before, _with(probe, act, *[external(5)] * 16, member=unborn, enrol=True)])
    twin.tick()
    receipt = twin.world.post(batch, gas=gas_limit(batch))
    outcome = post_batch(probe.model.book, batch, probe.model.block, probe)
    assert not outcome.skipped
    (seen,) = probe.contract.events(receipt)
    assert seen.args["gas"] > 899_000


def test_act_without_lines_has_no_leaf_and_no_turnover(probe: Probe) -> None:
    turnover = probe.twin.ledger.view("merchant", SHOP)["turnover"]
    outcome = probe.twin.post(_alone(probe, probe.act(_recharge(probe, ANN, 500))))
    assert not outcome.skipped
    assert not outcome.leaves
    assert probe.twin.ledger.view("account", ANN)["value"] == 50_500
    assert probe.twin.ledger.view("merchant", SHOP)["turnover"] == turnover


def test_act_debits_by_stream_limit_together_with_lines_of_its_payment_and_others(probe: Probe) -> None:
    twin = probe.twin
    twin.set_limit(1_000)
    takes = [probe.act(_take(probe, BOB, amount), debited=amount) for amount in (200, 301, 300)]
    payments = [
        _with(probe, takes[0], stored(500)),
        _alone(probe, takes[1], member=BOB),
        _alone(probe, takes[2], member=BOB),
        _with(probe, takes[0], stored(1)),
    ]
    assert _reasons(probe, *payments) == [Reason.STREAM_LIMIT] * 2
    assert twin.ledger.view("stream", STREAM)["debited"] == 1_000
    assert twin.ledger.view("account", BOB)["value"] == 49_500
    assert [left for _, left in probe.seen[:1]] == [500]


def test_act_that_debits_more_than_is_left_leaves_nothing(probe: Probe) -> None:
    probe.twin.set_limit(100)
    act = probe.act(_take(probe, ANN, 101), debited=101)
    assert _reasons(probe, _alone(probe, act)) == [Reason.STREAM_LIMIT]
    huge = probe.act(_take(probe, ANN, 50), debited=2**64 - 1)
    assert _reasons(probe, _alone(probe, huge)) == [Reason.STREAM_LIMIT]
    assert probe.twin.ledger.view("account", ANN)["value"] == 50_000
    assert probe.twin.world.cash.view("balanceOf", probe.address) == 10**9


# --- refusals ---


@pytest.mark.parametrize("reason", [11, 12, 13, 14, 15, 30, 31, 38, 0, 1, 2, 3, 10, 16, 20, 24, 64, 255, 256 + 31])
def test_refused_act_skips_its_payment_for_its_reason_or_for_act(probe: Probe, reason: int) -> None:
    act = probe.act(_recharge(probe, BOB, 100), refuse=reason)
    before, after = (probe.twin.payment(SHOP, BOB, external(70)) for _ in range(2))
    refused = _with(probe, act, external(900), stored(40))
    expected = reason if reason in {*range(11, 16), *range(31, 39)} else Reason.ACT
    outcome = probe.twin.post(before, refused, after)
    assert [(sequence, int(why)) for sequence, why in outcome.skipped] == [(refused.sequence, expected)]
    assert {leaf.sequence for leaf in outcome.leaves} == {before.sequence, after.sequence}
    assert probe.twin.ledger.view("isPosted", STREAM, refused.sequence)


def test_refused_act_may_give_reasons_of_contracts_to_come(probe: Probe) -> None:
    probe.twin.acts = lambda *_: Reason.ACT
    for reason, expected in ((63, 63), (64, 30)):
        act = probe.act(refuse=reason)
        with probe.twin.forgotten():
            probe.twin.tick()
            receipt = probe.twin.world.post(make_batch(ONE, [_alone(probe, act)]))
            events = probe.twin.events(receipt)
            assert [event.args["reason"] for event in events if event.name == "Skipped"] == [expected]


@pytest.mark.parametrize(
    "act",
    [
        Probe.broken(BURN_GAS),
        Probe.broken(INVALID),
        Probe.broken(STRING_ERROR),
        Probe.broken(REVERT_BYTES, 0),
        Probe.broken(REVERT_BYTES, 36),
        Probe.broken(REVERT_BYTES, 400_000),
        Probe.broken(RETURN_BYTES, 0),
        Probe.broken(RETURN_BYTES, 31),
        Probe.broken(CALLS, kind=NO_TARGET),
        b"\x01",
        b"\x00",
        b"\x80",
    ],
)
def test_act_is_skipped_for_act_when_its_target_is_broken_or_missing(probe: Probe, act: bytes) -> None:
    payments = [_alone(probe, act), _with(probe, act, external(100)), probe.twin.payment(OTHER, BOB, external(5))]
    assert _reasons(probe, *payments) == [Reason.ACT] * 2


def test_act_is_skipped_for_act_when_target_has_no_code(probe: Probe) -> None:
    ledger, operator = probe.twin.ledger, probe.twin.world.operator
    for target in (probe.twin.world.stranger, "0x" + "00" * 20, ledger.address):
        ledger.send("setActTarget", 1, target, sender=operator)
        probe.twin.now = probe.twin.chain.now()
        probe.twin.acts = lambda *_: Reason.ACT
        assert _reasons(probe, _alone(probe, probe.act())) == [Reason.ACT]


def test_act_runs_only_when_payment_is_sound(probe: Probe) -> None:
    twin, act = probe.twin, probe.act(_recharge(probe, BOB, 1))
    twin.set_limit(20_000)
    frozen, locked = MemberId(51), MemberId(52)
    twin.enrol(frozen, locked)
    twin.set_state(frozen, frozen=True)
    twin.set_state(locked, locked=True)
    twin.recharge(locked, 100)
    bad = {
        Reason.MERCHANT: _alone(probe, act, merchant=MerchantId(7)),
        Reason.TERMINAL: _alone(probe, act, terminal=TerminalNumber(9)),
        Reason.MEMBER: _alone(probe, act, member=NEW),
        Reason.FROZEN: _alone(probe, act, member=frozen),
        Reason.AMOUNT: _with(probe, act, external(0)),
        Reason.TENDER: _with(probe, act, replace(external(5), tender=3)),
        Reason.RULE: _with(probe, act, external(5, version=9)),
        Reason.LOCKED: _with(probe, act, stored(5), member=locked),
        Reason.AUTHORISATION: _with(probe, act, stored(5), authorisation=None),
        Reason.STREAM_LIMIT: _with(probe, act, stored(20_001)),
        Reason.VALUE: _with(probe, act, stored(101), member=NEW),
        Reason.COINS: _with(probe, act, coins(10_001), member=BOB),
    }
    twin.enrol(NEW)
    bad[Reason.MEMBER] = replace(bad[Reason.MEMBER], member=MemberId(98))
    for reason, payment in bad.items():
        assert _reasons(probe, payment) == [reason]
    assert not probe.seen
    assert _reasons(probe, _alone(probe, act, member=locked)) == []


@pytest.mark.parametrize("size", [0, 1_025, 60_000])
def test_act_of_no_or_too_many_bytes_is_malformed_and_consumes_nothing(probe: Probe, size: int) -> None:
    payment = _with(probe, b"\x01", external(5))
    data = encode_batch(make_batch(ONE, [payment, probe.twin.payment(SHOP, BOB, external(5))]))
    at = data.index(b"\x00\x01\x01", 22 + 18)
    data = data[:at] + size.to_bytes(2, "big") + bytes(size) + data[at + 3 :]
    probe.twin.tick()
    events = probe.twin.events(probe.twin.world.post(data))
    post_batch(probe.model.book, make_batch(ONE, [replace(payment, act=bytes(size)), *_rest(probe)]), probe.model.block)
    assert [event.args["reason"] for event in events if event.name == "Skipped"] == [Reason.MALFORMED]
    assert events[-1].args["leaves"] == 1
    assert not probe.twin.ledger.view("isPosted", STREAM, payment.sequence)


def _rest(probe: Probe) -> list[BatchPayment]:
    last = replace(probe.twin.payment(SHOP, BOB, external(5)), sequence=SequenceNumber(probe.twin.sequence - 1))
    return [last]


def test_batch_is_refused_when_an_act_is_cut_short(probe: Probe) -> None:
    data = encode_batch(make_batch(ONE, [_alone(probe, probe.act())]))
    for cut in range(1, 30):
        probe.twin.tick()
        with pytest.raises(Reverted) as caught:
            probe.twin.world.post(data[:-cut])
        assert caught.value.error == "BadLength"


# --- interference ---


def test_act_changes_merchants_members_and_supply_in_the_middle_of_a_section(probe: Probe) -> None:
    model, twin = probe.model, probe.twin
    act = probe.act(
        _issue(probe, SHOP, BOB, 12_345),
        _take(probe, BOB, 70),
        _take_coins(probe, BOB, 2 * model.par),
        probe.call("redeem", 2 * model.par, 0, model=lambda _: model.redeem(probe.key, 2 * model.par, 0) and None),
        probe.call("creditPayable", SHOP, 33, model=lambda _: model.credit_payable(SHOP, 33)),
        probe.call("takePayable", SHOP, 31, probe.address, model=lambda _: model.take_payable(SHOP, 31)),
        probe.call("buyPoints", OTHER, 9, model=lambda _: model.buy_points(OTHER, 9)),
        debited=72,
    )
    payments = [
        twin.payment(SHOP, ANN, external(800), stored(60), coins(20)),
        twin.payment(SHOP, BOB, external(700)),
        _with(probe, act, external(500, 2), stored(40), coins(10)),
        twin.payment(SHOP, BOB, external(900), external(1_000, 2)),
        _alone(probe, act),
        twin.payment(OTHER, ANN, external(900)),
        _alone(probe, act, merchant=OTHER),
    ]
    assert _reasons(probe, *payments) == []


def test_first_coins_of_all_are_burnt_by_an_act_of_their_own_batch(twin: Twin) -> None:
    twin.base(twin.onboard(prepaid=10**6), coefficient=10**4)
    twin.enrol(ANN, BOB)
    probe = Probe(twin)
    par = probe.model.par
    burn = probe.act(
        _take_coins(probe, ANN, par),
        probe.call("redeem", par, 0, model=lambda _: probe.model.redeem(probe.key, par, 0) and None),
        debited=1,
    )
    assert _reasons(probe, twin.payment(SHOP, ANN, external(500)), _with(probe, burn, external(5), member=BOB)) == []
    twin.compare()
    twin.check_invariants()


def test_prepaid_that_an_act_uses_up_is_owed_by_later_lines(probe: Probe) -> None:
    left = probe.model.book.merchants[SHOP].prepaid
    act = probe.act(_issue(probe, SHOP, BOB, left - 1_000))
    payments = [probe.twin.payment(SHOP, ANN, external(3)), _with(probe, act, external(10)), _with(probe, act)]
    payments.append(probe.twin.payment(SHOP, BOB, external(10)))
    assert _reasons(probe, *payments) == []
    assert probe.model.book.owed


def test_value_and_coins_of_the_same_amount_are_booked_before_an_act(probe: Probe) -> None:
    act = probe.act(_take(probe, BOB, 1), debited=1)
    payments = [probe.twin.payment(SHOP, ANN, stored(30), coins(30)), _alone(probe, act, BOB)]
    assert _reasons(probe, *payments) == []


def test_act_of_a_payment_with_lines_may_not_touch_its_member(probe: Probe) -> None:
    model, twin = probe.model, probe.twin
    twin.enrol(EMPTY)
    touching = [
        _recharge(probe, ANN, 5),
        _take(probe, ANN, 5),
        _take_coins(probe, ANN, 5),
        _issue(probe, SHOP, ANN, 5),
        probe.call("clawBack", SHOP, ANN, 5, model=lambda _: model.claw_back(SHOP, ANN, 5) and None),
        probe.call("restore", ANN, model.par, 0, model=lambda _: model.restore(ANN, model.par, 0) and None),
        probe.call("mergeMembers", BOB, ANN, [], model=lambda _: model.merge_members(BOB, ANN, [])),
        # of these nothing would be seen in the account
        probe.call("mergeMembers", EMPTY, ANN, [], model=_alone_only(lambda: model.merge_members(EMPTY, ANN, []))),
        probe.call("takeCoins", ANN, 0, probe.address, model=_alone_only(lambda: None)),
        probe.call("mergeMembers", ANN, BOB, [], model=lambda _: model.merge_members(ANN, BOB, [])),
    ]
    for call in touching:
        act = probe.act(call)
        assert _reasons(probe, _with(probe, act, external(100))) == [Reason.ACT]
        with twin.forgotten():
            assert _reasons(probe, _alone(probe, act)) == []
    # not a door of the suite, and refused all the same: coins that somebody else sends
    twin.post(_alone(probe, probe.act(_take_coins(probe, BOB, 50), debited=1)))
    send = probe.call("transfer", member_address(ANN), 5, model=lambda _: model.transfer(probe.key, ANN, 5))
    assert _reasons(probe, _with(probe, probe.act(send), external(100))) == [Reason.ACT]
    assert _reasons(probe, _with(probe, probe.act(send), external(100), member=BOB)) == []


def test_owed_points_are_settled_by_an_act_and_its_lines_see_it(probe: Probe) -> None:
    twin, model = probe.twin, probe.model
    poor = twin.onboard()
    twin.base(poor, coefficient=1_000)
    twin.pay(poor, ANN, external(50))
    settle = probe.call("settleOwed", poor, ANN, model=lambda _: model.settle_owed(poor, ANN) and None)
    buy = probe.call("buyPoints", poor, 3, model=lambda _: model.buy_points(poor, 3))
    assert _reasons(probe, replace(_with(probe, probe.act(buy, settle), external(5)), merchant=poor)) == [Reason.ACT]
    assert _reasons(probe, replace(_with(probe, probe.act(buy, settle), external(5), member=BOB), merchant=poor)) == []


def test_rule_that_an_act_changes_is_read_anew(probe: Probe) -> None:
    twin, world = probe.twin, probe.twin.world
    world.registry.send("setGroups", SHOP, probe.address, 2, sender=world.merchant)
    twin.now = twin.chain.now()
    raised = probe.call(
        "raiseBudget", SHOP, 2, 10**6, contract=world.rules, model=lambda _: probe.model.raise_budget(SHOP, 2, 10**6)
    )
    act = probe.act(raised)
    payments = [
        twin.payment(SHOP, ANN, external(100, 2)),
        _with(probe, act, external(100, 2)),
        twin.payment(SHOP, BOB, external(100, 2)),
        _alone(probe, act),
        twin.payment(SHOP, BOB, external(100_000, 2)),
    ]
    assert _reasons(probe, *payments) == []


def test_nothing_is_posted_or_refunded_inside_of_an_act(probe: Probe) -> None:
    twin, world = probe.twin, probe.twin.world
    world.open_stream(5, probe.address, 10**6, 10**6)
    leaf = twin.pay(SHOP, ANN, stored(5))[0]
    ledger = world.ledger
    ledger.send("setTerminals", SHOP, 5, 0, 3, sender=twin.chain.impersonate(world.registry.address))
    twin.now = twin.chain.now()
    inner = encode_batch(make_batch(type(ONE)(5), [twin.payment(SHOP, BOB, external(5))]))
    tree = twin.trees[twin.root_of_leaf[leaf.hash]]
    assert len(tree) == 1
    refund = (9, 1, [(leaf.words(), 1, twin.root_of_leaf[leaf.hash], [])])
    for call in (("postBatch", inner), ("postRefunds", 5, [refund])):
        strict = probe.act(probe.call(*call, model=nothing))
        probe._effects.pop(strict)
        assert _reasons(probe, _alone(probe, strict)) == [Reason.ACT]
        lenient = probe.act(probe.call(*call, model=nothing, forgiving=True))
        twin.tick()
        batch = make_batch(ONE, [_alone(probe, lenient), twin.payment(SHOP, BOB, external(5))])
        receipt = world.post(batch)
        post_batch(probe.model.book, batch, probe.model.block, probe)
        failed = [event for event in probe.contract.events(receipt) if event.name == "CallFailed"]
        selector = ledger.interface.errors
        assert [selector["0x" + bytes(event.args["error"]).hex()]["name"] for event in failed] == ["ActRunning"]


def test_the_frame_of_an_act_is_the_ledgers_own(probe: Probe) -> None:
    arguments = ((1, 1, 1, 0, ANN, 0, 0, 0, 0, bytes(32)), (0,) * 8, b"\x01")
    for sender in (probe.twin.world.operator, probe.twin.world.poster, probe.address):
        with pytest.raises(Reverted) as caught:
            probe.twin.ledger.view("runAct", *arguments, sender=sender)
        assert caught.value.error == "NotItself"
    inside = probe.act(probe.call("runAct", *arguments, model=nothing))
    probe._effects.pop(inside)
    assert _reasons(probe, _alone(probe, inside)) == [Reason.ACT]


# --- members ---


def test_act_enrols_its_member_and_a_refused_one_does_not(probe: Probe) -> None:
    twin = probe.twin
    give = probe.act(_recharge(probe, NEW, 500))
    refused = probe.act(_recharge(probe, NEW, 1), refuse=37)
    assert _reasons(probe, _alone(probe, give, member=NEW)) == [Reason.MEMBER]
    assert _reasons(probe, _alone(probe, refused, member=NEW, enrol=True)) == [37]
    assert NEW not in probe.model.book.accounts
    assert twin.ledger.view("account", NEW)["flags"] == 0
    assert _reasons(probe, _alone(probe, give, member=NEW, enrol=True)) == []
    other = MemberId(100)
    bob = probe.act(_recharge(probe, BOB, 5))
    assert _reasons(probe, _with(probe, bob, external(50), member=other, enrol=True)) == []
    assert twin.ledger.view("account", other)["flags"] == 1


def test_act_of_a_member_from_another_epoch_rolls_the_account_once(probe: Probe) -> None:
    twin = probe.twin
    give = probe.act(_recharge(probe, ANN, 500))
    with_lines = probe.act(_recharge(probe, ANN, 7))
    twin.tick(31 * 86_400)
    assert _reasons(probe, _alone(probe, give), _with(probe, with_lines, external(9), coins(3), member=BOB)) == []
    twin.tick(70 * 86_400)
    assert _reasons(probe, _with(probe, with_lines, external(9), member=BOB), _alone(probe, give)) == []
    # coins that an address has before it is a member
    unborn = MemberId(4_711)
    twin.post(_alone(probe, probe.act(_take_coins(probe, ANN, 0), debited=0)))
    twin.pay(SHOP, BOB, external(5_000))
    twin.post(_alone(probe, probe.act(_take_coins(probe, BOB, 50), debited=1)))
    send = probe.call("transfer", member_address(unborn), 5, model=lambda _: probe.model.transfer(probe.key, unborn, 5))
    assert _reasons(probe, _alone(probe, probe.act(send))) == []
    twin.tick(70 * 86_400)
    assert _reasons(probe, _with(probe, probe.act(), external(9), member=unborn, enrol=True)) == []


# --- reversals of acts ---


def test_reversal_of_an_act_comes_when_all_else_is_closed(probe: Probe) -> None:
    twin, model = probe.twin, probe.model
    undo = probe.act(_recharge(probe, BOB, 5), kind=0x81)
    undone = undoing(1, SequenceNumber(5))
    assert undone.data[0] == 0x81
    frozen = MemberId(51)
    twin.enrol(frozen)
    twin.set_state(frozen, frozen=True)
    twin.act(twin.world.registry, "setMerchantActive", OTHER, False, model=lambda: model.set_merchant(OTHER, False))
    plain = probe.act(_recharge(probe, BOB, 6))
    closed = [
        _alone(probe, undo, merchant=OTHER),
        _alone(probe, undo, merchant=MerchantId(9)),
        _alone(probe, undo, terminal=TerminalNumber(200)),
        _alone(probe, undo, member=frozen),
    ]
    assert _reasons(probe, *closed) == []
    twin.act(twin.ledger, "pause", model=lambda: model.set_paused(True))
    waiting = [
        _alone(probe, plain),
        _with(probe, undo, external(5)),
        twin.payment(SHOP, ANN, external(5)),
        _alone(probe, undo),
    ]
    assert _reasons(probe, *waiting) == [Reason.PAUSED] * 3
    assert _reasons(probe, _alone(probe, undo, member=NEW)) == [Reason.MEMBER]
    # named first by what the pause stops, then by what it does not
    same = [waiting[0], _alone(probe, undo, sequence=waiting[0].sequence)]
    assert _reasons(probe, *same) == [Reason.PAUSED]
    twin.act(twin.ledger, "unpause", model=lambda: model.set_paused(False))
    assert _reasons(probe, waiting[0], waiting[2]) == [Reason.ALREADY_POSTED]


# --- gas ---


def test_batch_of_acts_ends_cleanly_when_gas_runs_short(probe: Probe) -> None:
    act = probe.act(_recharge(probe, BOB, 1))
    payments = [_alone(probe, act) if i % 2 else _with(probe, act, external(3 + i)) for i in range(8)]
    batch = make_batch(ONE, payments)
    seen = set()
    for gas in range(1_150_000, 1_800_000, 31_000):
        with probe.twin.forgotten():
            probe.twin.tick()
            events = probe.twin.events(probe.twin.world.post(batch, gas=gas))
            done = events[-1].args["processed"]
            seen.add(done)
            part = replace(batch, payments=batch.payments[:done])
            outcome = post_batch(probe.model.book, part, probe.model.block, probe)
            assert (outcome.skipped, events[-1].args["leaves"]) == ((), len(outcome.leaves))
            probe.twin.compare()
    assert {0, 1, 8} <= seen


def test_batch_is_looked_at_wholly_when_every_act_burns_all_its_gas(probe: Probe) -> None:
    burning = Probe.broken(BURN_GAS)
    payments = [_alone(probe, burning) for _ in range(3)] + [_with(probe, burning, *[external(5)] * 16)]
    batch = make_batch(ONE, payments)
    probe.twin.tick()
    receipt = probe.twin.world.post(batch, gas=gas_limit(batch))
    post_batch(probe.model.book, batch, probe.model.block, probe)
    assert probe.twin.events(receipt)[-1].args["processed"] == 4
    assert 3_600_000 < receipt.gas < 4 * ACT_GAS + 500_000


def test_act_costs_little_beside_what_its_target_does(probe: Probe) -> None:
    act = probe.act()
    probe.twin.post(_alone(probe, act))
    gas = []
    for count in (1, 11):
        batch = make_batch(ONE, [_alone(probe, act) for _ in range(count)])
        probe.twin.tick()
        gas.append(probe.twin.world.post(batch, gas=gas_limit(batch)).gas)
        post_batch(probe.model.book, batch, probe.model.block, probe)
    # of which the probe's own event takes some 8,000
    assert (gas[1] - gas[0]) / 10 < 25_000
