"""Recharges that are undone, and those that a till sends as acts."""

from typing import Any

import pytest

from tests.contracts.suite.value_till import (
    ADA,
    BOB,
    DAY,
    MERCHANT,
    STORE,
    TERMINAL,
    Till,
    recharge_data,
    refusal,
    reversal_data,
)
from tests.contracts.twin import stored

pytestmark = pytest.mark.anvil


# --- undoing ---


def test_spent_recharge_that_is_undone_becomes_a_debt_that_the_next_one_pays(till: Till) -> None:
    till.counter(ADA, 1_000)
    till.twin.model.recharge(ADA, 1_000)
    till.twin.post(till.twin.payment(till.shop, ADA, stored(600)))
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=till.world.merchant)
    assert till.value_of(ADA) == 0
    assert till.value.view("valueArrears", till.shop, ADA) == 600
    till.counter(ADA, 700)
    assert till.value_of(ADA) == 100
    assert till.value.view("valueArrears", 0, ADA) == 0
    till.send(till.value, "undoRecharge", till.shop, ADA, 700, sender=till.world.merchant)
    assert till.value.view("valueArrears", till.shop, ADA) == 600
    till.send(till.value, "forgiveValueArrears", till.shop, ADA, 600, sender=till.world.merchant)
    assert refusal(till.value, "forgiveValueArrears", till.shop, ADA, 1, sender=till.world.merchant)[0] == "NothingDue"


def test_undo_is_refused_by_name(till: Till) -> None:
    merchant = till.world.merchant
    undo = ("undoRecharge", till.shop, ADA)
    assert refusal(till.value, *undo, 5, sender=merchant) == ("NothingToUndo", (till.shop, ADA))
    till.counter(ADA, 1_000)
    assert refusal(till.value, *undo, 999, sender=merchant) == ("OtherAmount", (999, 1_000))
    till.twin.tick(2 * DAY)
    till.operate(till.world.cash, "withdraw", 0, bytes(32))
    assert refusal(till.value, *undo, 1_000, sender=merchant)[0] == "UndoTooLate"
    till.counter(ADA, 1_000)
    till.operate(till.value, "recharge", ADA, 5, 0)
    assert refusal(till.value, *undo, 1_000, sender=merchant)[0] == "NothingToUndo"


def test_undo_gives_the_limits_back(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, TERMINAL, 0, 5_000, 5_000)
    till.operate(till.value, "setLimit", till.shop, STORE, 0, 5_000, 5_000)
    till.act(recharge_data(5_000))
    till.act(recharge_data(5_000, op=1))
    for scope in (MERCHANT, STORE, TERMINAL):
        limit = till.value.view("limitOf", till.shop, scope, 0)
        assert (limit["left"], limit["usedToday"]) == (400_000 if scope == MERCHANT else 5_000, 0)


def test_undo_of_the_day_before_gives_no_room_in_today_s_limit(till: Till) -> None:
    till.counter(ADA, 200_000)
    till.operate(till.ledger, "addDeposit", till.shop, 200_000)
    today = int(till.ledger.view("currentDay"))
    till.twin.tick(DAY)
    till.counter(BOB, 150_000)
    assert till.ledger.view("currentDay") == today + 1
    till.send(till.value, "undoRecharge", till.shop, ADA, 200_000, sender=till.world.merchant)
    limit = till.value.view("limitOf", till.shop, MERCHANT, 0)
    assert (limit["left"], limit["usedToday"]) == (250_000, 150_000)


def test_undo_leaves_limits_alone_that_were_set_anew_since(till: Till) -> None:
    till.counter(ADA, 5_000)
    till.operate(till.value, "setLimit", till.shop, MERCHANT, 0, 100, 100_000)
    till.send(till.value, "undoRecharge", till.shop, ADA, 5_000, sender=till.world.merchant)
    limit = till.value.view("limitOf", till.shop, MERCHANT, 0)
    assert (limit["left"], limit["usedToday"]) == (100, 5_000)


def test_account_that_is_bound_to_no_store_does_not_pass_by_a_restricted_one(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, STORE, 0, 500, 500)
    clerk = till.world.holder
    till.send(till.world.registry, "setGroups", till.shop, clerk, 16, sender=till.world.merchant)
    call = ("rechargeAt", till.shop, ADA, 501, 0)
    assert refusal(till.value, *call, sender=clerk) == ("AccountNotBound", (till.shop, clerk.lower()))
    till.operate(till.value, "bindAccount", till.shop, clerk, 1, True)
    till.send(till.value, *call, sender=clerk)
    till.operate(till.value, "bindAccount", till.shop, clerk, 0, True)
    assert refusal(till.value, *call, sender=clerk)[0] == "LimitUsedUp"


def test_member_that_owes_is_not_paid_out(till: Till) -> None:
    till.operate(till.cards, "setKind", 1, 0, 0, 10_000, 0)
    till.operate(till.cards, "issueCards", 0, 1, [1])
    till.operate(till.cards, "activate", 1, ADA)
    till.counter(ADA, 1_000)
    till.twin.model.recharge(ADA, 1_000)
    till.twin.post(till.twin.payment(till.shop, ADA, stored(600)))
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=till.world.merchant)
    error = refusal(till.value, "closeCardAt", 1, till.shop, b"\1" * 32, sender=till.world.operator)
    assert error == ("OwesValue", (ADA, 600))


# --- acts ---


def test_act_recharges_and_its_undoing_is_a_debit(till: Till) -> None:
    till.act(recharge_data(10_000, 2_000))
    assert till.value_of(ADA) == 10_000
    ledger = till.twin.chain.impersonate(till.ledger.address)
    assert till.value.view("applyAct", till.act_words(), recharge_data(10_000, op=1), sender=ledger) == 10_000
    till.act(recharge_data(10_000, op=1))
    assert till.value_of(ADA) == 0


@pytest.mark.parametrize(
    ("reason", "data", "fields"),
    [
        (30, b"\2", {}),
        (30, recharge_data(5, op=2), {}),
        (30, reversal_data(5) + b"\0", {}),
        (31, reversal_data(5), {}),
        (30, b"\3" + recharge_data(5)[1:], {}),
        (30, recharge_data(5), {"member": 999}),
        (34, recharge_data(5), {"amount": 1}),
        (34, recharge_data(5), {"merchant": 9}),
        (35, recharge_data(0), {}),
        (36, recharge_data(300_001), {}),
        (37, recharge_data(10_000, 2_001), {}),
        (32, recharge_data(5, op=1), {}),
        (12, recharge_data(5, op=1), {"authorisation": bytes(32)}),
        (13, recharge_data(5, op=1), {"left": 4}),
    ],
)
def test_act_is_refused_with_its_reason(till: Till, reason: int, data: bytes, fields: dict[str, Any]) -> None:
    assert till.refused_act(data, **fields) == reason


def test_act_that_undoes_is_refused_with_its_reason(till: Till) -> None:
    till.act(recharge_data(5))
    assert till.refused_act(recharge_data(6, op=1)) == 35
    till.twin.tick(2 * DAY)
    till.operate(till.world.cash, "withdraw", 0, bytes(32))
    assert till.refused_act(recharge_data(5, op=1)) == 33


def test_reversal_undoes_what_its_sequence_recharged_and_nothing_else(till: Till) -> None:
    till.act(recharge_data(5), sequence=7)
    assert till.refused_act(reversal_data(8)) == 31
    assert till.refused_act(reversal_data(7), stream=2) == 31
    assert till.refused_act(reversal_data(7), merchant=2) == 32
    # no limit and no authorisation: the stream undoes what it did
    till.act(reversal_data(7), sequence=9, left=0, authorisation=bytes(32))
    assert till.value_of(ADA) == 0
    assert till.refused_act(reversal_data(7)) == 32
    till.act(recharge_data(5), sequence=10)
    till.counter(ADA, 5)
    assert till.refused_act(reversal_data(10)) == 31


def test_reversal_of_a_locked_member_leaves_a_debt(till: Till) -> None:
    till.act(recharge_data(500), sequence=7)
    till.twin.set_state(ADA, locked=True)
    till.act(reversal_data(7))
    assert till.value_of(ADA) == 500
    assert till.value.view("valueArrears", till.shop, ADA) == 500
    till.twin.set_state(ADA)
    till.counter(ADA, 600)
    assert till.value_of(ADA) == 600


def test_act_is_refused_when_the_merchant_s_money_is_used_up(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, MERCHANT, 0, 10**6, 10**6)
    assert till.refused_act(recharge_data(500_001)) == 37
