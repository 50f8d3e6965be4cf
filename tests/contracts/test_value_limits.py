"""Who may recharge how much: limits, restricted stores, the guarantee fund, and each typed error by name."""

from typing import Any

import pytest

from tests.contracts.suite.value_till import ADA, BOB, DAY, MERCHANT, STORE, TERMINAL, Till, recharge_data, refusal

pytestmark = pytest.mark.anvil
UNAUTHORIZED = "AccessManagedUnauthorized"


def test_recharge_stops_when_the_limit_is_used_up_until_it_is_raised(till: Till) -> None:
    till.counter(ADA, 250_000)
    merchant = till.world.merchant
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 50_001, 0, sender=merchant)
    assert error == ("LimitUsedUp", (till.shop, 0, 0, 50_000, 50_001))
    till.twin.tick(DAY)
    till.counter(ADA, 150_000)
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 1, 0, sender=merchant)
    assert error == ("LimitUsedUp", (till.shop, 0, 0, 0, 1))
    raising = ("raiseLimit", till.shop, 0, 0, 10_000)
    for thief in (merchant, till.world.stranger, till.world.poster):
        assert refusal(till.value, *raising, sender=thief)[0] == UNAUTHORIZED
    till.operate(till.value, *raising)
    till.counter(ADA, 10_000)


def test_terminal_and_restricted_store_have_limits_of_their_own(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, TERMINAL, 1, 1_000, 1_000)
    till.act(recharge_data(1_000), terminal=1)
    assert till.refused_act(recharge_data(1), terminal=1) == 36
    till.act(recharge_data(2_000), terminal=0)
    till.operate(till.value, "setLimit", till.shop, STORE, 0, 500, 500)
    assert till.value.view("restrictedStores", till.shop) == 1
    assert till.refused_act(recharge_data(501)) == 36
    till.act(recharge_data(500))
    # an account that is bound to the store counts against it too
    merchant = till.world.merchant
    till.operate(till.value, "bindAccount", till.shop, merchant, 0, True)
    assert till.value.view("storeOf", till.shop, merchant) == (True, 0)
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 1, 0, sender=merchant)[0] == "LimitUsedUp"
    till.operate(till.value, "removeLimit", till.shop, STORE, 0)
    till.counter(ADA, 1)


def test_closed_merchant_recharges_nobody_and_undoes_what_it_did(till: Till) -> None:
    till.counter(ADA, 1_000)
    till.operate(till.world.registry, "setMerchantActive", till.shop, False)
    merchant = till.world.merchant
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 1, 0, sender=merchant) == ("MerchantClosed", (till.shop,))
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=merchant)
    assert till.value_of(ADA) == 0


def test_recharge_never_draws_on_the_guarantee_fund(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, MERCHANT, 0, 10**6, 10**6)
    merchant = till.world.merchant
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 500_001, 0, sender=merchant)
    assert error == ("MerchantShort", (till.shop, 500_000, 500_001))
    till.counter(ADA, 500_000)
    assert till.ledger.view("deposits", 0) == 10**6
    assert till.value_of(ADA) == 500_000


def test_recharge_leaves_what_the_merchant_owes_the_guarantee_fund(till: Till) -> None:
    part = till.world.stranger
    till.operate(till.ledger, "setDoors", part, 32)
    till.send(till.ledger, "drawOn", till.shop, 500_100, part, sender=part)
    assert till.ledger.view("guaranteed", till.shop) == 100
    merchant = till.world.merchant
    for payable, held in ((100, 0), (200, 200)):
        till.operate(till.ledger, "creditPayable", till.shop, payable)
        error = refusal(till.value, "rechargeAt", till.shop, ADA, held + 1, 0, sender=merchant)
        assert error == ("MerchantShort", (till.shop, held, held + 1))
    till.counter(ADA, 200)
    assert till.ledger.view("merchant", till.shop)["payable_"] == 100 == till.ledger.view("guaranteed", till.shop)


@pytest.mark.parametrize(
    ("contract", "name", "arguments", "error"),
    [
        ("StoredValue", "recharge", (ADA, 0, 0), "ZeroAmount"),
        ("StoredValue", "recharge", (ADA, 2**48, 0), "TooMuch"),
        ("StoredValue", "recharge", (999, 5, 0), "UnknownMember"),
        ("StoredValue", "recharge", (ADA, 5, 1), "RebateTooSmall"),
        ("StoredValue", "rechargeAt", (1, ADA, 5, 0), "NotInGroup"),
        ("StoredValue", "undoRecharge", (1, ADA, 5), "NotInGroup"),
        ("StoredValue", "forgiveValueArrears", (1, ADA, 5), "NotInGroup"),
        ("StoredValue", "setLimit", (1, 3, 0, 5, 5), "BadScope"),
        ("StoredValue", "setLimit", (1, 0, 1, 5, 5), "BadScope"),
        ("StoredValue", "raiseLimit", (1, 1, 7, 5), "UnknownLimit"),
        ("StoredValue", "removeLimit", (1, 2, 7), "UnknownLimit"),
        ("StoredValue", "fundStartingValues", (0,), "ZeroAmount"),
        ("StoredValue", "withdrawStartingFund", (5, "0x" + "77" * 20), "FundTooSmall"),
        ("StoredValue", "noteNet", (ADA, 5), UNAUTHORIZED),
        ("StoredValue", "merge", (ADA, BOB, []), UNAUTHORIZED),
        ("StoredValue", "applyByLedger", ((0,) * 9 + (bytes(32),), b"\2"), "NotSelf"),
        ("StoredValue", "applyAct", ((0,) * 9 + (bytes(32),), b"\2"), "NotLedger"),
        ("Rebates", "takeIn", (1, ADA, 5, 0), UNAUTHORIZED),
        ("Rebates", "takeBack", (ADA, 5, 0, 0), UNAUTHORIZED),
        ("Rebates", "give", (ADA, 5), UNAUTHORIZED),
        ("Rebates", "payOut", (ADA,), UNAUTHORIZED),
        ("Rebates", "noteNet", (ADA, 5), UNAUTHORIZED),
        ("Rebates", "merge", (ADA, BOB), UNAUTHORIZED),
        ("Rebates", "defineProgramme", (0, 5, 0), "BadProgramme"),
        ("Rebates", "defineProgramme", (10_001, 5, 0), "BadProgramme"),
        ("Rebates", "defineProgramme", (5, 0, 0), "BadProgramme"),
        ("Rebates", "defineProgramme", (5, 121, 0), "BadProgramme"),
        ("Rebates", "chooseProgramme", (0, 9), "UnknownProgramme"),
        ("Rebates", "openProgramme", (9, True), "UnknownProgramme"),
        ("Rebates", "fundProgramme", (9, 5), "UnknownProgramme"),
        ("Rebates", "fundProgramme", (1, 0), "ZeroAmount"),
        ("Rebates", "fundProgramme", (1, 2**48), "TooMuch"),
        ("Rebates", "withdrawFund", (1, 60_001, "0x" + "77" * 20), "FundTooSmall"),
        ("Rebates", "releaseRebates", (ADA, [0]), "NoPromise"),
        ("Rebates", "releaseRebates", (ADA, []), "ZeroAmount"),
        ("Rebates", "sweepPromise", (ADA, 0), "NoPromise"),
    ],
)  # fmt: skip
def test_stored_value_refuses_by_name(
    till: Till, contract: str, name: str, arguments: tuple[Any, ...], error: str
) -> None:
    operator = till.world.operator
    assert refusal(till.world[contract], name, *arguments, sender=operator)[0] == error


@pytest.mark.parametrize(
    ("contract", "name", "arguments"),
    [
        ("StoredValue", "recharge", (ADA, 5, 0)),
        ("StoredValue", "withdrawStartingFund", (5, "0x" + "77" * 20)),
        ("StoredValue", "setLimit", (1, 0, 0, 5, 5)),
        ("StoredValue", "removeLimit", (1, 0, 0)),
        ("StoredValue", "bindAccount", (1, "0x" + "77" * 20, 0, True)),
        ("Rebates", "defineProgramme", (5, 5, 0)),
        ("Rebates", "openProgramme", (1, False)),
        ("Rebates", "chooseProgramme", (0, 0)),
        ("Rebates", "withdrawFund", (1, 5, "0x" + "77" * 20)),
    ],
)
def test_powers_of_operator_and_finance_are_nobody_else_s(
    till: Till, contract: str, name: str, arguments: tuple[Any, ...]
) -> None:
    assert refusal(till.world[contract], name, *arguments, sender=till.world.merchant)[0] == UNAUTHORIZED


def test_recharge_waits_while_the_network_is_paused(till: Till) -> None:
    till.counter(ADA, 1_000)
    till.operate(till.ledger, "pause")
    merchant = till.world.merchant
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 5, 0, sender=merchant)[0] == "NetworkPaused"
    # but what was done is undone
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=merchant)
    assert till.value_of(ADA) == 0


def test_merchant_without_a_limit_may_not_recharge(till: Till) -> None:
    till.operate(till.value, "removeLimit", till.shop, MERCHANT, 0)
    merchant = till.world.merchant
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 5, 0, sender=merchant) == ("NoLimit", (till.shop,))
