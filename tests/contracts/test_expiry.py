"""Points end with the epoch after the one they were earned in, are spent first, and go back to who issued them."""

import pytest

from node.domain.ids import MemberId, MerchantId
from tests.contracts.conftest import EPOCH
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
