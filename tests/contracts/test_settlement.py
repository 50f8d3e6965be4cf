"""Payments in two steps by example: who may, each typed error with its values, and what must be the same in any way."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Reverted
from benchmarks.escrow import CASH, COINS, HOUR, NOBODY, VALUE, payer_of, permitted, signed, terms_now
from benchmarks.escrow import Terms as Agreed
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.conftest import EPOCH
from tests.contracts.twin import Twin, external

pytestmark = pytest.mark.anvil
SHOP, OTHER, UNKNOWN = 1, 2, 3
ANN, BOB = 1, 2
FEE_BPS = 150
DAY = 86_400


class Counter:
    """Two shops with terms, two members with keys, value and coins, a payer with cash and an allowance."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.world: Suite = twin.world  # type: ignore[assignment]
        self.escrow = self.world["SettlementEscrow"]
        self.payer, self.ann = payer_of("payer"), payer_of("ann")
        self.acquirer, self.platform = payer_of("acquirer").address, payer_of("platform").address
        world, operator = self.world, self.world.operator
        for _ in (SHOP, OTHER):
            twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB)  # type: ignore[arg-type]
        twin.recharge(ANN, 50_000)  # type: ignore[arg-type]
        twin.pay(SHOP, ANN, external(10_000_000))  # type: ignore[arg-type]
        shares = [(self.acquirer, 7_000), (self.platform, 3_000)]
        for merchant, at_once in ((SHOP, False), (OTHER, True)):
            self.escrow.send("setMerchantTerms", merchant, FEE_BPS, at_once, shares, sender=operator)
        world.registry.send("setMemberKey", ANN, self.ann.address, sender=operator)
        world.cash.send("transfer", self.payer.address, 10**6, sender=operator)
        self.sender = twin.chain.impersonate(self.payer.address)
        world.cash.send("approve", self.escrow.address, 2**256 - 1, sender=self.sender)

    @property
    def now(self) -> int:
        return self.world.chain.now()

    def terms(self, **fields: Any) -> Agreed:
        """Sound terms of the payer at the shop, or of Ann."""
        by_member = fields.get("tender", CASH) != CASH
        usual: dict[str, Any] = {"payer": NOBODY, "member": ANN} if by_member else {"payer": self.payer.address}
        return terms_now(self.now, **(usual | {"merchant": SHOP} | fields))

    def signature(self, terms: Agreed) -> bytes:
        return signed(self.world, self.payer if terms.tender == CASH else self.ann, terms)

    def authorize(self, terms: Agreed, amount: int | None = None) -> bytes:
        """Done by the merchant, who carries the signature; the id."""
        part = terms.amount if amount is None else amount
        self.escrow.send("authorize", terms.words(), part, self.signature(terms), sender=self.world.merchant)
        return bytes(self.escrow.view("idOf", terms.words()))

    def captured(self, **fields: Any) -> Agreed:
        """Terms of which all is captured."""
        terms = self.terms(**fields)
        self.authorize(terms)
        self.clerk("capture", terms, terms.amount, terms.min_reward)
        return terms

    def clerk(self, name: str, terms: Agreed, *arguments: Any) -> Any:
        return self.escrow.send(name, terms.words(), *arguments, sender=self.world.merchant)

    def balance(self, address: str) -> int:
        return int(self.world.cash.view("balanceOf", address))

    def worth(self) -> dict[str, int]:
        """What everybody has."""
        member = self.world.ledger.view("account", ANN)
        shop = self.world.ledger.view("merchant", SHOP)
        return {
            "payer": self.balance(self.payer.address),
            "escrow": self.balance(self.escrow.address),
            "value": member["value"],
            "coins": member["current"] + member["previous"],
            "prepaid": shop["prepaid"],
            "arrears": self.world.ledger.view("arrears", SHOP, ANN),
        } | self.escrow.view("statementOf", SHOP)


@pytest.fixture(scope="module")
def counter(chain: Chain, terms: Terms) -> Counter:
    return Counter(Twin(chain, terms, Suite))


@pytest.fixture(autouse=True)
def forgotten(counter: Counter) -> Any:
    mark = counter.world.chain.snapshot()
    yield
    counter.world.chain.revert(mark)


def refused(call: Callable[[], Any]) -> tuple[Any, ...]:
    """The typed error and its values."""
    with pytest.raises(Reverted) as caught:
        call()
    return (caught.value.error, *caught.value.values)


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


def test_refund_beyond_held_money_is_carried_forward_until_the_deposit_is_whole(counter: Counter) -> None:
    world, operator = counter.world, counter.world.operator
    world.ledger.send("addDeposit", SHOP, 8_000, sender=operator)
    terms = counter.captured(amount=10_000)
    world.chain.set_next_time(counter.now + DAY)
    world.registry.send("setGroups", SHOP, world.merchant, 255, sender=world.merchant)
    world["MerchantPayouts"].send("setPayout", SHOP, world.holder, sender=world.merchant)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert counter.balance(world.holder) == 9_850
    terms = terms_now(counter.now, **{**terms.__dict__, "salt": 9, "capture_by": counter.now + DAY * 9})
    terms = terms.but(authorize_by=counter.now + HOUR, refund_by=counter.now + DAY * 99)
    counter.authorize(terms)
    counter.clerk("capture", terms, 4_000, 0)
    counter.clerk("refund", terms, 4_000)
    # 3,940 were held; the deposit gave the rest
    says = counter.escrow.view("statementOf", SHOP)
    assert (says["refunds"], says["covered"], says["net"], says["carryForward"]) == (4_000, 60, 0, 60)
    assert world.ledger.view("deposits", SHOP) == 7_940
    counter.clerk("capture", terms, 6_000, 0)
    says = counter.escrow.view("statementOf", SHOP)
    assert (says["gross"], says["restored"], says["net"], says["carryForward"]) == (10_000, 60, 5_850, 0)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert world.ledger.view("deposits", SHOP) == 8_000
    assert counter.balance(world.holder) == 9_850 + 5_850


def test_only_the_operator_reaches_for_the_guarantee_fund(counter: Counter) -> None:
    terms = counter.captured(merchant=OTHER, amount=10_000)
    world = counter.world
    assert counter.escrow.view("expectedRefund", terms.words()) == (10_000, terms.refund_by, 0, False)
    call = (terms.words(), 9_851)
    assert refused(lambda: counter.escrow.view("refund", *call, sender=world.merchant)) == (
        "InsufficientFunds", OTHER, 9_851,
    )  # fmt: skip
    operator = world.operator
    assert refused(lambda: counter.escrow.view("chargeBack", *call, "", sender=operator))[0] == "InsufficientFunds"
    # else a merchant that was paid out, and a friend as its payer, could share what is in the fund
    world.ledger.send("addDeposit", 0, 150, sender=operator)
    assert refused(lambda: counter.escrow.view("refund", *call, sender=world.merchant))[0] == "InsufficientFunds"
    counter.escrow.send("chargeBack", terms.words(), 10_000, "", sender=operator)
    assert world.ledger.view("guaranteed", OTHER) == 150


def test_settlement_waits_for_its_day_and_payout_for_its_delay(counter: Counter) -> None:
    world, payouts = counter.world, counter.world["MerchantPayouts"]
    counter.captured(amount=1_000)
    today = world.ledger.view("currentDay")
    assert refused(lambda: counter.escrow.view("settle", SHOP)) == ("NotSettlementDay", SHOP, today, today + 1)
    assert counter.escrow.view("creditProcessing", SHOP) == (985, today + 1, 0)
    assert refused(lambda: counter.escrow.view("settle", UNKNOWN)) == ("NotAdmitted", UNKNOWN)
    assert refused(lambda: payouts.view("payOut", SHOP, 5, sender=world.merchant)) == ("NoPayout", SHOP)
    assert refused(lambda: payouts.view("setPayout", SHOP, world.holder, sender=world.operator))[0] == "NotInGroup"
    payouts.send("setPayout", SHOP, world.holder, sender=world.merchant)
    assert payouts.view("payoutNow", SHOP) == world.holder.lower()
    payouts.send("setPayout", SHOP, world.stranger, sender=world.merchant)
    assert payouts.view("payoutNow", SHOP) == world.holder.lower()
    world.chain.set_next_time(counter.now + 2 * DAY)
    world.cash.send("withdraw", 0, bytes(32), sender=world.operator)
    assert payouts.view("payoutNow", SHOP) == world.stranger.lower()


@pytest.mark.parametrize(
    ("fee", "shares", "error"),
    [
        (10_001, [10_000], ("BadFee", 10_001)),
        (5, [], ("BadShares", 0, 0)),
        (5, [9_999], ("BadShares", 1, 9_999)),
        (5, [5_000, 5_001], ("BadShares", 2, 10_001)),
        (5, [1_000] * 10, ("BadShares", 10, 10_000)),
    ],
)
def test_terms_with_a_merchant_are_refused_when_they_do_not_add_up(
    counter: Counter, fee: int, shares: list[int], error: tuple[Any, ...]
) -> None:
    words = (SHOP, fee, False, [(counter.platform, bps) for bps in shares])
    assert refused(lambda: counter.escrow.view("setMerchantTerms", *words, sender=counter.world.operator)) == error
    nobody = (SHOP, 5, False, [(NOBODY, 10_000)])
    assert refused(lambda: counter.escrow.view("setMerchantTerms", *nobody, sender=counter.world.operator)) == (
        "BadShares", 1, 10_000,
    )  # fmt: skip
    unknown = (9, 0, False, [])
    assert refused(lambda: counter.escrow.view("setMerchantTerms", *unknown, sender=counter.world.operator)) == (
        "UnknownMerchant", 9,
    )  # fmt: skip
    assert refused(lambda: counter.escrow.view("claimFees", counter.platform))[0] == "NothingToClaim"


QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(
    parts=st.lists(st.integers(1, 700), min_size=1, max_size=5),
    tender=st.sampled_from([CASH, VALUE, COINS]),
    reward=st.integers(0, 999_999),
)
def test_refund_in_parts_ends_where_refund_at_once_does(
    counter: Counter, parts: list[int], tender: int, reward: int
) -> None:
    ends = []
    for amounts in (parts, [sum(parts)]):
        mark = counter.world.chain.snapshot()
        member = ANN if tender != CASH or reward else 0
        terms = counter.captured(
            tender=tender, amount=4_000, member=member, min_reward=0 if tender == COINS else reward
        )
        for amount in amounts:
            counter.clerk("refund", terms, amount)
        ends.append(counter.worth() | counter.escrow.view("payment", counter.escrow.view("idOf", terms.words())))
        counter.world.chain.revert(mark)
    assert {**ends[0], "capturedAt": 0} == {**ends[1], "capturedAt": 0}


@QUICK
@given(
    captures=st.lists(st.integers(1, 997), min_size=1, max_size=5),
    fee=st.integers(0, 10_000),
    split=st.integers(0, 10_000),
)
def test_fees_and_net_are_gross_and_every_cent_is_claimable(
    counter: Counter, captures: list[int], fee: int, split: int
) -> None:
    world, mark = counter.world, counter.world.chain.snapshot()
    shares = [(counter.acquirer, split), (counter.platform, 10_000 - split)]
    counter.escrow.send("setMerchantTerms", SHOP, fee, False, shares, sender=world.operator)
    terms = counter.terms(amount=5_000, max_fee_bps=10_000)
    counter.authorize(terms)
    for amount in captures:
        counter.clerk("capture", terms, amount, 0)
    says = counter.escrow.view("statementOf", SHOP)
    assert says["fees"] + says["net"] == says["gross"] == sum(captures)
    assert says["fees"] == sum(amount * fee // 10_000 for amount in captures)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    claimable = [counter.escrow.view("claimable", receiver) for receiver in (counter.acquirer, counter.platform)]
    assert claimable == [says["fees"] * split // 10_000, says["fees"] - says["fees"] * split // 10_000]
    world.chain.revert(mark)
