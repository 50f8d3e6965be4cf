"""Points end with the epoch after the one they were earned in, are spent first, and go back to who issued them."""

import pytest

from node.domain.ids import MemberId, MerchantId
from tests.contracts.conftest import EPOCH
from tests.contracts.doors_model import holder_of
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.people import wait
from tests.contracts.twin import Twin, coins, external, member_address

pytestmark = pytest.mark.anvil
ALICE, BOB = MemberId(51), MemberId(52)


@pytest.fixture
def shops(twin: Twin) -> Twin:
    """Two merchants: one unit of points for each unit of the other's, 3 to 1."""
    for coefficient in (300, 100):
        twin.base(twin.onboard(prepaid=10**7), coefficient=coefficient)
    twin.enrol(ALICE, BOB)
    return twin


def test_balance_knows_the_epoch_without_any_transaction_of_the_holder(shops: Twin) -> None:
    shops.pay(MerchantId(1), ALICE, external(1_000))
    seen = []
    for _ in range(3):
        address = member_address(ALICE)
        seen.append((shops.ledger.view("balanceOf", address), shops.ledger.view("totalSupply")))
        shops.tick(EPOCH)
        shops.world.cash.send("withdraw", 0, bytes(32), sender=shops.world.operator)
        shops.check_invariants()
    assert seen == [(300_000, 300_000), (300_000, 300_000), (0, 0)]


def test_first_touch_logs_what_expired(shops: Twin) -> None:
    shops.pay(MerchantId(1), ALICE, external(1_000))
    shops.tick(2 * EPOCH)
    outcome = shops.post(shops.payment(MerchantId(2), ALICE, external(1_000)))
    transfers = [log.values for log in outcome.logs if log.name == "Transfer"]
    assert transfers == [(ALICE, 0, 300_000), (0, ALICE, 100_000)]
    shops.compare()


def test_aged_coins_are_spent_first_and_keep_their_age_through_transfers(shops: Twin) -> None:
    shops.pay(MerchantId(1), ALICE, external(1_000))
    shops.tick(EPOCH)
    shops.pay(MerchantId(1), ALICE, external(1_000))
    leaf = shops.pay(MerchantId(1), ALICE, coins(20))[0]
    assert leaf.last == 200_000
    sender = shops.chain.impersonate(member_address(ALICE))
    shops.act(
        shops.ledger, "transfer", member_address(BOB), 150_000, sender=sender,
        model=lambda: shops.model.transfer(ALICE, BOB, 150_000),
    )  # fmt: skip
    bob = shops.ledger.view("account", BOB)
    assert (bob["previous"], bob["current"]) == (100_000, 50_000)
    shops.compare()


def test_claim_expired_gives_back_pro_rata_of_what_each_issued(shops: Twin) -> None:
    shops.pay(MerchantId(1), ALICE, external(1_000))
    shops.pay(MerchantId(2), BOB, external(1_000))
    shops.pay(MerchantId(1), ALICE, coins(20))  # 200,000 of the 400,000 are spent
    epoch = shops.model.epoch
    shops.tick(EPOCH)
    for merchant in (1, 2):
        _claim(shops, MerchantId(merchant), epoch)  # too early: refused by name
    shops.tick(EPOCH)
    before = [shops.ledger.view("merchant", m)["prepaid"] for m in (1, 2)]
    for merchant in (1, 2, 1):
        _claim(shops, MerchantId(merchant), epoch)  # the last is refused: nothing due
    gained = [shops.ledger.view("merchant", m)["prepaid"] - b for m, b in zip((1, 2), before, strict=True)]
    assert shops.ledger.view("expiry", epoch) == (400_000, 200_000)
    assert gained == [150_000, 50_000]
    shops.compare()
    shops.check_invariants()


def _claim(shops: Twin, merchant: MerchantId, epoch: int) -> None:
    shops.act(shops.ledger, "claimExpired", merchant, epoch, model=lambda: shops.model.claim_expired(merchant, epoch))


def test_points_that_nobody_issued_go_to_the_guarantee_fund(shops: Twin) -> None:
    """Coins that come back from a closed epoch count as current, and no merchant issued them then."""
    shops.pay(MerchantId(1), ALICE, external(1_000))
    leaf = shops.pay(MerchantId(1), ALICE, coins(30))[0]
    shops.tick(2 * EPOCH)
    shops.refund(Refund(sequence=shops.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=30),)))
    epoch = shops.model.epoch
    for merchant in (0, 1):
        _claim(shops, MerchantId(merchant), epoch)  # too early: refused by name
    wait(shops, 2 * EPOCH)
    _claim(shops, MerchantId(1), epoch)  # it issued nothing in that epoch: refused by name
    reserve = shops.ledger.view("totals")["reserve"]
    _claim(shops, MerchantId(0), epoch)
    _claim(shops, MerchantId(0), epoch)  # once
    assert shops.ledger.view("deposits", 0) == 30
    assert shops.ledger.view("totals")["reserve"] == reserve - 30
    assert shops.ledger.view("expiry", epoch) == (0, 0)
    shops.compare()
    shops.check_invariants()


def test_the_fund_takes_whole_minor_units_and_nothing_that_a_merchant_may_claim(shops: Twin) -> None:
    shops.pay(MerchantId(1), ALICE, external(1_000))
    earned_in = shops.model.epoch
    leaf = shops.pay(MerchantId(1), ALICE, coins(30))[0]
    shops.tick(2 * EPOCH)
    shops.refund(Refund(sequence=shops.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=30),)))
    sender, epoch = shops.chain.impersonate(member_address(ALICE)), shops.model.epoch
    # a part of a minor unit is spent: what expires is 29 minor units and a bit
    shops.act(
        shops.ledger, "transfer", member_address(BOB), 5_000, sender=sender,
        model=lambda: shops.model.transfer(ALICE, BOB, 5_000),
    )  # fmt: skip
    shops.ledger.send("setDoors", shops.world.holder, 4, sender=shops.world.operator)
    shops.act(
        shops.ledger, "takeCoins", BOB, 5_000, shops.world.holder, sender=shops.world.holder,
        model=lambda: shops.model.take_coins(BOB, 5_000, holder_of(shops.world.holder)),
    )  # fmt: skip
    shops.act(
        shops.ledger, "returnPoints", 2, 5_000, 0, sender=shops.world.holder,
        model=lambda: shops.model.return_points(holder_of(shops.world.holder), MerchantId(2), 5_000, 0),
    )  # fmt: skip
    shops.tick(2 * EPOCH)
    _claim(shops, MerchantId(0), epoch)
    assert shops.ledger.view("expiry", epoch) == (0, 5_000)
    assert shops.ledger.view("deposits", 0) == 29
    _claim(shops, MerchantId(0), earned_in)  # refused by name: merchant 1 issued those
    shops.compare()
    shops.check_invariants()


def test_restored_coins_expire_with_the_age_that_they_came_with(shops: Twin) -> None:
    world, model = shops.world, shops.model
    shops.ledger.send("setDoors", world.holder, 8, sender=world.operator)
    world.cash.send("transfer", world.holder, 100, sender=world.operator)
    world.cash.send("approve", shops.ledger.address, 100, sender=world.holder)
    shops.now = shops.chain.now()
    for arguments in ((ALICE, 30_000, 10_000), (ALICE, 1, 0), (ALICE, 0, 0), (MemberId(99), 10_000, 0)):
        shops.act(shops.ledger, "restore", *arguments, model=lambda a=arguments: model.restore(*a), sender=world.holder)
    assert shops.ledger.view("account", ALICE)["previous"] == 10_000
    assert shops.ledger.view("account", ALICE)["earnedInWindow"] == 0
    shops.tick(EPOCH)
    world.cash.send("withdraw", 0, bytes(32), sender=world.operator)
    assert shops.ledger.view("totalSupply") == 30_000
    shops.compare()
    shops.check_invariants()


def test_claimed_shares_of_an_epoch_never_exceed_what_expired(shops: Twin) -> None:
    """Rounding favours the reserve: what is left over is less than a unit a merchant."""
    shops.pay(MerchantId(1), ALICE, external(101))
    shops.pay(MerchantId(2), BOB, external(77))
    shops.pay(MerchantId(2), ALICE, coins(1))
    epoch = shops.model.epoch
    shops.tick(2 * EPOCH)
    before = sum(shops.ledger.view("merchant", merchant)["prepaid"] for merchant in (1, 2))
    for merchant in (1, 2):
        _claim(shops, MerchantId(merchant), epoch)
    gained = sum(shops.ledger.view("merchant", merchant)["prepaid"] for merchant in (1, 2)) - before
    issued, expired = shops.ledger.view("expiry", epoch)
    assert expired == 101 * 300 + 77 * 100 - 10_000
    assert issued == 101 * 300 + 77 * 100
    assert expired - 2 < gained <= expired
    _claim(shops, MerchantId(0), epoch)  # refused by name
    shops.check_invariants()
