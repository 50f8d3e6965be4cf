"""Payments in two steps by example: who may, each typed error with its values, and what must be the same in any way."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.devchain import Chain
from benchmarks.escrow import CASH, COINS, HOUR, NOBODY, VALUE, payer_of, permitted
from benchmarks.escrow import Terms as Agreed
from tests.contracts.conftest import EPOCH
from tests.contracts.suite.settlement_counter import ANN, BOB, DAY, FEE_BPS, OTHER, SHOP, UNKNOWN, Counter, refused

pytestmark = [pytest.mark.anvil, pytest.mark.usefixtures("forgotten")]


def test_payment_goes_to_merchant_and_receivers_of_its_fee(counter: Counter) -> None:
    terms = counter.terms(amount=10_001)
    id_ = counter.authorize(terms)
    assert counter.escrow.view("holdings") == {"authorized": 10_001, "held": 0, "fees": 0, "claimable": 0}
    counter.clerk("capture", terms, 4_000, 0)
    counter.clerk("capture", terms, 6_001, 0)
    says = counter.escrow.view("statementOf", SHOP)
    # 60 and 90.015, each rounded down
    assert (says["gross"], says["fees"], says["net"]) == (10_001, 150, 9_851)
    assert counter.escrow.view("payment", id_)["captured"] == 10_001
    counter.world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=counter.world.stranger)
    assert counter.world.ledger.view("merchant", SHOP)["payable_"] == 9_851
    for receiver, share in ((counter.acquirer, 105), (counter.platform, 45)):
        assert counter.escrow.view("claimable", receiver) == share
        counter.escrow.send("claimFees", receiver, sender=counter.world.chain.impersonate(receiver))
        assert counter.balance(receiver) == share
    assert counter.balance(counter.escrow.address) == 0


def test_merchant_at_once_has_its_net_in_the_ledger(counter: Counter) -> None:
    counter.captured(merchant=OTHER, amount=10_000)
    assert counter.world.ledger.view("merchant", OTHER)["payable_"] == 9_850
    assert counter.escrow.view("holdings") == {"authorized": 0, "held": 0, "fees": 150, "claimable": 0}


def test_fee_receiver_without_code_to_receive_blocks_nothing(counter: Counter) -> None:
    # a contract that takes nothing by itself: the coin's ledger
    shares = [(counter.world.ledger.address, 10_000)]
    counter.escrow.send("setMerchantTerms", SHOP, 500, False, shares, sender=counter.world.operator)
    counter.captured(amount=1_000)
    counter.world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=counter.world.stranger)
    assert counter.escrow.view("claimable", counter.world.ledger.address) == 50


def test_ledger_that_takes_no_more_does_not_block_a_capture(counter: Counter) -> None:
    # all cash that the ledger may hold is there already
    world = counter.world
    held = sum(world.ledger.view("totals").values())
    world.cash.send("deposit", world.operator, 2**56, bytes(32), sender=world.operator)
    world.ledger.send("addDeposit", 0, 2**56 - 1 - held, sender=world.operator)
    terms = counter.terms(merchant=OTHER, amount=10_000)
    counter.authorize(terms)
    receipt = counter.clerk("capture", terms, 10_000, 0)
    assert [event.name for event in counter.escrow.events(receipt)] == ["PaymentCaptured", "HeldInstead"]
    assert counter.escrow.view("statementOf", OTHER)["net"] == 9_850
    assert counter.escrow.view("holdings")["held"] == 9_850


def test_permit_and_terms_in_one_transaction(counter: Counter) -> None:
    world = counter.world
    world.cash.send("approve", counter.escrow.address, 0, sender=counter.sender)
    terms = counter.terms()
    permit = permitted(world, counter.payer, terms.amount, counter.now + HOUR)
    words = (terms.words(), terms.amount, counter.signature(terms), permit)
    counter.escrow.send("authorizeWithPermit", *words, sender=world.merchant)
    again = counter.terms(salt=1)
    words = (again.words(), again.amount, counter.signature(again), permit)
    # the permit is spent
    assert (
        refused(lambda: counter.escrow.view("authorizeWithPermit", *words, sender=world.merchant))[0]
        == "ERC20InsufficientAllowance"
    )


def test_permit_that_somebody_else_carried_first_still_counts(counter: Counter) -> None:
    world = counter.world
    world.cash.send("approve", counter.escrow.address, 0, sender=counter.sender)
    terms = counter.terms()
    permit = permitted(world, counter.payer, terms.amount, counter.now + HOUR)
    carried = (counter.payer.address, counter.escrow.address, terms.amount, *permit)
    world.cash.send("permit", *carried, sender=world.stranger)
    words = (terms.words(), terms.amount, counter.signature(terms), permit)
    counter.escrow.send("authorizeWithPermit", *words, sender=world.merchant)
    assert counter.escrow.view("holdings")["authorized"] == terms.amount


def test_signature_is_used_up_by_no_stranger(counter: Counter) -> None:
    terms = counter.terms()
    words = (terms.words(), 1, counter.signature(terms))
    found = refused(lambda: counter.escrow.view("authorize", *words, sender=counter.world.stranger))
    assert found == ("NotInGroup", SHOP, counter.world.stranger, 16)
    counter.escrow.send("authorize", *words, sender=counter.sender)
    assert counter.escrow.view("holdings")["authorized"] == 1


def test_signature_counts_once(counter: Counter) -> None:
    terms = counter.terms()
    id_ = counter.authorize(terms)
    words = (terms.words(), terms.amount, counter.signature(terms))
    assert refused(lambda: counter.escrow.view("authorize", *words, sender=counter.world.merchant)) == (
        "AlreadyAuthorized",
        id_,
    )
    counter.clerk("void", terms)
    assert refused(lambda: counter.escrow.view("authorize", *words, sender=counter.world.merchant)) == (
        "AlreadyAuthorized",
        id_,
    )


def test_signature_of_another_chain_counts_nothing(counter: Counter, chain: Chain) -> None:
    terms = counter.terms()
    words = terms.words()
    here = bytes(counter.escrow.view("idOf", words))
    elsewhere = counter.signature(terms)
    chain.request("anvil_setChainId", 4_242)
    try:
        there = bytes(counter.escrow.view("idOf", words))
        assert there != here
        call = (words, terms.amount, elsewhere)
        error = refused(lambda: counter.escrow.view("authorize", *call, sender=counter.world.merchant))
    finally:
        chain.request("anvil_setChainId", 31_337)
    assert error == ("NotSigned", there, counter.payer.address.lower())


def test_signature_is_not_needed_when_the_payer_sends(counter: Counter) -> None:
    terms = counter.terms()
    counter.escrow.send("authorize", terms.words(), 10, b"", sender=counter.sender)
    other = counter.terms(tender=VALUE, amount=500)
    ann = counter.world.chain.impersonate(counter.ann.address)
    counter.escrow.send("authorize", other.words(), 500, b"", sender=ann)
    assert counter.escrow.view("holdings")["authorized"] == 510
    # a member without a key signs nothing
    nobody = counter.terms(tender=VALUE, member=BOB)
    assert refused(lambda: counter.escrow.view("authorize", nobody.words(), 5, b"", sender=ann))[0] == "NotSigned"


def _terms(**fields: Any) -> Callable[[Counter], Agreed]:
    return lambda counter: counter.terms(**fields)


@pytest.mark.parametrize(
    ("make", "amount", "error"),
    [
        (_terms(), 0, ("ZeroAmount",)),
        (_terms(amount=2**48), 5, ("AmountTooLarge", 2**48)),
        (_terms(min_reward=2**56), 5, ("AmountTooLarge", 2**56)),
        (_terms(amount=100), 101, ("ExceedsTerms", 101, 100)),
        (_terms(tender=3), 5, ("BadPayer", NOBODY, ANN, 3)),
        (_terms(tender=VALUE, member=0), 5, ("NotSigned", None, NOBODY)),
        (_terms(min_reward=5), 5, ("NoReward", 0)),
        (_terms(min_reward=5, tender=COINS), 5, ("NoReward", ANN)),
        (_terms(min_reward=5, member=9), 5, ("UnknownMember", 9)),
        (_terms(min_fee_bps=7, max_fee_bps=6), 5, ("BadFeeRange", 7, 6)),
        (_terms(max_fee_bps=10_001), 5, ("BadFeeRange", 0, 10_001)),
        (_terms(merchant=UNKNOWN), 5, ("NotAdmitted", UNKNOWN)),
        (_terms(authorize_by=5), 5, ("AuthorizeExpired", 5)),
        (_terms(refund_by=5), 5, ("BadTimes", None, None, 5)),
        (_terms(capture_by=5), 5, ("BadTimes", None, 5, None)),
        (_terms(amount=10**7), 10**7, ("ERC20InsufficientBalance", None, 10**6, 10**7)),
        (_terms(tender=VALUE, amount=10**6), 50_001, ("InsufficientValue", ANN, 50_000, 50_001)),
        (_terms(tender=COINS, amount=10**7), 10**7, ("InsufficientCoins", None, None, None)),
    ],
)
def test_authorize_is_refused_when_terms_cannot_be(
    counter: Counter, make: Callable[[Counter], Agreed], amount: int, error: tuple[Any, ...]
) -> None:
    terms = make(counter)
    call = (terms.words(), amount, counter.signature(terms))
    payer = counter.payer.address if terms.tender == CASH else counter.ann.address
    found = refused(lambda: counter.escrow.view("authorize", *call, sender=payer))
    assert [a for a, b in zip(found, error, strict=True) if b is not None] == [b for b in error if b is not None]


def test_steps_are_refused_when_too_late_too_early_or_too_much(counter: Counter) -> None:
    terms = counter.terms(amount=100)
    id_ = bytes(counter.escrow.view("idOf", terms.words()))
    merchant, view = counter.world.merchant, counter.escrow.view
    for name, extra in (("capture", (1, 0)), ("void", ()), ("refund", (1,)), ("chargeBack", (1, "why"))):
        sender = counter.world.operator if name == "chargeBack" else merchant
        call = (terms.words(), *extra)
        error = refused(lambda name=name, call=call, sender=sender: view(name, *call, sender=sender))
        assert error == ("UnknownPayment", id_)
    counter.authorize(terms)

    def call(name: str, *extra: Any, sender: str = merchant) -> tuple[Any, ...]:
        return refused(lambda: view(name, terms.words(), *extra, sender=sender))

    assert call("capture", 0, 0) == ("ZeroAmount",)
    assert call("capture", 101, 0) == ("ExceedsAuthorized", id_, 100, 101)
    assert call("capture", 5, 7) == ("NoReward", 0)
    assert call("chargeBack", 1, "", sender=counter.world.operator) == ("NoReason",)
    assert call("reclaim") == ("NotReclaimable", terms.capture_by)
    assert call("refund", 1) == ("ExceedsCaptured", id_, 0, 1)
    counter.clerk("capture", terms, 60, 0)
    assert call("refund", 61) == ("ExceedsCaptured", id_, 60, 61)
    assert call("refund", 0) == ("ZeroAmount",)
    counter.world.chain.set_next_time(terms.capture_by)
    counter.escrow.send("reclaim", terms.words(), sender=counter.world.stranger)
    assert call("void") == ("NothingAuthorized", id_)
    assert call("reclaim") == ("NothingAuthorized", id_)
    assert call("capture", 1, 0) == ("CaptureExpired", terms.capture_by)
    counter.world.chain.set_next_time(terms.refund_by)
    counter.world.cash.send("withdraw", 0, bytes(32), sender=counter.world.operator)
    assert call("refund", 1) == ("RefundExpired", terms.refund_by)
    counter.escrow.send("chargeBack", terms.words(), 1, "not delivered", sender=counter.world.operator)
    counter.world.chain.set_next_time(terms.refund_by + 121 * DAY)
    counter.world.cash.send("withdraw", 0, bytes(32), sender=counter.world.operator)
    assert call("chargeBack", 1, "late", sender=counter.world.operator)[0] == "ChargebackExpired"


def test_closed_merchant_is_paid_nothing_new_and_what_was_agreed_goes_on(counter: Counter) -> None:
    terms = counter.terms(amount=100)
    counter.authorize(terms)
    counter.world.registry.send("setMerchantActive", SHOP, False, sender=counter.world.operator)
    other = counter.terms(amount=100, salt=1)
    words = (other.words(), 100, counter.signature(other))
    for name, call in (("authorize", words), ("charge", (*words[:2], 0, words[2]))):
        found = refused(lambda name=name, call=call: counter.escrow.view(name, *call, sender=counter.world.merchant))
        assert found == ("MerchantClosed", SHOP)
    counter.clerk("capture", terms, 60, 0)
    counter.clerk("void", terms)
    counter.world.ledger.send("addDeposit", SHOP, 100, sender=counter.world.operator)  # for the fee of what goes back
    counter.clerk("refund", terms, 60)
    assert counter.balance(counter.payer.address) == 10**6


def test_nobody_else_takes_a_merchant_s_steps(counter: Counter) -> None:
    terms = counter.terms()
    counter.authorize(terms)
    registry, merchant = counter.world.registry, counter.world.merchant
    for name, extra, group in (("capture", (1, 0), 16), ("void", (), 32), ("refund", (1,), 32)):
        clerk = payer_of(name).address
        # all groups but the one that may
        registry.send("setGroups", SHOP, clerk, 255 - group, sender=merchant)
        own, others = (terms.words(), *extra), (terms.but(merchant=OTHER).words(), *extra)
        error = refused(lambda n=name, a=own, c=clerk: counter.escrow.view(n, *a, sender=c))
        assert error == ("NotInGroup", SHOP, clerk.lower(), group)
        registry.send("setGroups", SHOP, clerk, 255, sender=merchant)
        # of one merchant, not of the other
        error = refused(lambda n=name, a=others, c=clerk: counter.escrow.view(n, *a, sender=c))
        assert error[:2] == ("NotInGroup", OTHER)
    for name, arguments in (
        ("chargeBack", (terms.words(), 1, "")),
        ("setMerchantTerms", (SHOP, 0, False, [])),
    ):
        error = refused(lambda name=name, a=arguments: counter.escrow.view(name, *a, sender=merchant))
        assert error[0] == "AccessManagedUnauthorized"
    act = (1, 1, SHOP, 0, ANN, counter.now, 0, 0, 10**6, b"\1" * 32)
    assert refused(lambda: counter.escrow.view("applyAct", act, b"\5", sender=merchant))[0] == "NotLedger"


def test_fee_that_the_payer_did_not_sign_is_refused(counter: Counter) -> None:
    for low, high in ((0, 149), (151, 200)):
        terms = counter.terms(min_fee_bps=low, max_fee_bps=high)
        counter.authorize(terms)
        call = (terms.words(), 5, 0)
        error = refused(lambda call=call: counter.escrow.view("capture", *call, sender=counter.world.merchant))
        assert error == ("FeeOutOfRange", FEE_BPS, low, high)


def test_capture_is_refused_when_the_reward_is_below_what_was_signed(counter: Counter) -> None:
    counter.world.ledger.send("addDeposit", SHOP, 100, sender=counter.world.operator)  # for the fee of what goes back
    terms = counter.terms(tender=VALUE, amount=3_000, min_reward=1_000_000)
    counter.authorize(terms)

    def capture(amount: int, reward: int) -> tuple[Any, ...]:
        return refused(
            lambda: counter.escrow.view("capture", terms.words(), amount, reward, sender=counter.world.merchant)
        )

    # a third of it, rounded up in favour of the payer
    assert capture(1_000, 333_333) == ("RewardBelow", 333_333, 333_334)
    counter.clerk("capture", terms, 1_000, 333_334)
    prepaid = counter.world.ledger.view("merchant", SHOP)["prepaid"]
    assert capture(2_000, prepaid + 1) == ("RewardBelow", prepaid, prepaid + 1)
    counter.world.ledger.send("pause", sender=counter.world.operator)
    assert capture(2_000, 666_667) == ("EarningPaused",)
    # what was given goes back in a pause too
    counter.clerk("refund", terms, 1_000)
    assert counter.world.ledger.view("merchant", SHOP)["prepaid"] == prepaid + 333_334


def test_coins_are_held_with_their_age_and_go_back_as_they_were(counter: Counter) -> None:
    counter.world.ledger.send("addDeposit", SHOP, 100, sender=counter.world.operator)  # for the fee of what goes back
    before = counter.world.ledger.view("account", ANN)
    terms = counter.terms(tender=COINS, amount=3_000)
    id_ = counter.authorize(terms)
    assert counter.escrow.view("coinsOf", id_) == (30_000_000, 0)
    counter.clerk("capture", terms, 1_000, 0)
    assert counter.escrow.view("coinsOf", id_) == (20_000_000, 0)
    counter.clerk("void", terms)
    counter.clerk("refund", terms, 1_000)
    # the coins came back; that they were spent and came back is no earning
    assert counter.world.ledger.view("account", ANN) == before


def test_coins_expire_in_escrow_as_with_their_owner(counter: Counter) -> None:
    start = counter.now
    long = counter.terms(tender=COINS, amount=500, capture_by=start + 2 * EPOCH + 1, refund_by=start + 3 * EPOCH)
    call = (long.words(), 500, counter.signature(long))
    assert (
        refused(lambda: counter.escrow.view("authorize", *call, sender=counter.world.merchant))[0]
        == "CoinsExpireBefore"
    )
    terms = counter.terms(tender=COINS, amount=500)
    counter.authorize(terms)
    counter.world.chain.set_next_time(start + 2 * EPOCH)
    receipt = counter.escrow.send("reclaim", terms.words(), sender=counter.world.stranger)
    assert counter.escrow.events(receipt)[0].args == {
        "id": counter.escrow.view("idOf", terms.words()), "amount": 500, "expired": 5_000_000,
    }  # fmt: skip
    assert counter.world.ledger.view("balanceOf", counter.escrow.address) == 0
