"""Offers: terms, windows, tiers, budgets, caps, vetoes; each line earns what its version says."""

import pytest

from benchmarks.devchain import Reverted
from node.domain.batch_format import encode_batch, make_batch
from node.domain.ids import MemberId, MerchantId, RuleVersion
from tests.contracts.twin import ONE, Twin, external
from tests.contracts.worlds import veto

pytestmark = pytest.mark.anvil
SHOP = MerchantId(1)
SHOPPER, OTHER = MemberId(81), MemberId(82)
SET = b"\1" * 32


@pytest.fixture
def shop(twin: Twin) -> Twin:
    """A merchant whose base gives 100 units for a cent: 1 %."""
    twin.base(twin.onboard(prepaid=10**8))
    twin.enrol(SHOPPER, OTHER)
    return twin


def earn(shop: Twin, amount: int, version: int, **fields: object) -> int:
    """Points of one line."""
    return shop.pay(SHOP, SHOPPER, external(amount, version), **fields)[0].points


def test_offer_carries_the_base_of_its_time(shop: Twin) -> None:
    offer = shop.offer(SHOP)
    shop.base(SHOP, 300)
    assert shop.world.rules.view("baseVersion", SHOP) == 3
    assert [earn(shop, 1_000, version) for version in (1, offer, 3)] == [100_000, 500_000, 300_000]
    terms = shop.world.rules.view("version", SHOP, offer)
    assert terms == {"coefficient": 100, "multiplierBps": 50_000, "productSet": SET}


def test_offer_earns_base_outside_its_window(shop: Twin) -> None:
    now = shop.now
    offer = shop.offer(SHOP, starts=now + 1_000, until=now + 2_000)
    earned = [earn(shop, 100, offer, time=time) for time in (now + 999, now + 1_000, now + 1_999, now + 2_000)]
    assert earned == [10_000, 50_000, 50_000, 10_000]
    # a clock that is off by more than 72 h does not count: the block's does
    assert earn(shop, 100, offer, time=now + 1_000 + 10**7) == 10_000


def test_budget_clamps_the_bonus_and_can_be_raised(shop: Twin) -> None:
    offer = shop.offer(SHOP, budget=90_000)
    assert [earn(shop, 100, offer) for _ in range(4)] == [50_000, 50_000, 20_000, 10_000]
    rules, model = shop.world.rules, shop.model
    shop.act(
        rules, "raiseBudget", SHOP, offer, 40_000, sender=shop.world.merchant,
        model=lambda: model.raise_budget(SHOP, offer, 40_000),
    )  # fmt: skip
    assert [earn(shop, 100, offer) for _ in range(2)] == [50_000, 10_000]
    shop.compare()


def test_day_cap_clamps_each_member_until_the_next_day(shop: Twin) -> None:
    offer = shop.offer(SHOP, day_cap=60_000)
    assert [earn(shop, 100, offer) for _ in range(3)] == [50_000, 30_000, 10_000]
    assert shop.pay(SHOP, OTHER, external(100, offer))[0].points == 50_000
    assert shop.ledger.view("usedOfCap", SHOP, offer, SHOPPER) == 60_000
    shop.tick(86_400)
    assert earn(shop, 100, offer) == 50_000
    shop.compare()


def test_tier_table_multiplies_base_and_offer(shop: Twin) -> None:
    base = shop.base(SHOP, 100, tiers=(20_000, 5_000))
    offer = shop.offer(SHOP, tiers=(20_000, 0), multiplier_bps=30_000)
    earned = []
    for tier in (0, 1, 2, 3):
        shop.set_tier(SHOPPER, tier)
        earned.append((earn(shop, 100, base), earn(shop, 100, offer)))
    assert earned == [(10_000, 30_000), (20_000, 60_000), (5_000, 0), (10_000, 30_000)]


def test_discount_offer_earns_less_than_base(shop: Twin) -> None:
    offer = shop.offer(SHOP, multiplier_bps=2_500, budget=5)
    assert earn(shop, 1_000, offer) == 25_000


def test_veto_ends_the_offer_from_the_next_block(shop: Twin) -> None:
    offer = shop.offer(SHOP)
    assert earn(shop, 100, offer) == 50_000
    veto(shop, SHOP, offer)
    assert shop.ledger.view("rule", SHOP, offer)["vetoBlock"] == shop.model.block.number
    assert earn(shop, 100, offer) == 10_000


def test_veto_leaves_the_block_that_carries_it_as_it_was(shop: Twin) -> None:
    offer = shop.offer(SHOP)
    chain, world = shop.chain, shop.world
    payment = shop.payment(SHOP, SHOPPER, external(100, offer))
    chain.request("evm_setAutomine", False)
    try:
        calls = [
            (world.operator, world.rules, "vetoVersion", (SHOP, offer, "now")),
            (world.poster, world.ledger, "postBatch", (encode_batch(make_batch(ONE, [payment])),)),
        ]
        for sender, contract, name, arguments in calls:
            data = contract.interface.encode(name, *arguments)
            chain.request(
                "eth_sendTransaction",
                {"from": sender, "to": contract.address, "data": data, "gas": hex(3_000_000), "gasPrice": "0x0"},
            )
        chain.request("evm_mine")
    finally:
        chain.request("evm_setAutomine", True)
    assert world.ledger.view("account", SHOPPER)["current"] == 50_000


def test_product_set_veto_ends_its_offers_bit_by_bit_and_forbids_new_ones(shop: Twin) -> None:
    offers = [shop.offer(SHOP) for _ in range(3)]
    other = shop.offer(SHOP, product_set=b"\2" * 32)
    rules, operator = shop.world.rules, shop.world.operator
    for left in (1, 0, 0):
        assert rules.view("vetoProductSet", SET, 2, "recalled", sender=operator) == left
        shop.tick()
        rules.send("vetoProductSet", SET, 2, "recalled", sender=operator)
    flags = [shop.ledger.view("rule", SHOP, version)["flags"] & 16 for version in (*offers, other)]
    assert flags == [16, 16, 16, 0]
    with pytest.raises(Reverted) as caught:
        shop.world.offer(SHOP)
    assert caught.value.error == "ProductSetNotAllowed"


def test_offer_needs_a_base(shop: Twin) -> None:
    shop.onboard()
    with pytest.raises(Reverted) as caught:
        shop.world.offer(2)
    assert caught.value.error == "NoBase"


def test_rule_events_carry_all_terms(shop: Twin) -> None:
    shop.tick()
    terms = (70_000, SET, 5, 6, 7, 8, (9,), "ipfs://x")
    receipt = shop.world.rules.send("defineRule", SHOP, terms, sender=shop.world.merchant)
    event = shop.world.rules.events(receipt)[0]
    assert event.name == "RuleDefined"
    assert (event.args["rate"], event.args["baseRate"]) == (7_000_000, 1_000_000)
    assert tuple(event.args["offer"].values()) == terms
    assert RuleVersion(event.args["version"]) == 2


def test_rate_of_an_offer_fits_forty_bits_and_no_more(shop: Twin) -> None:
    most, multiplier = 2**40 - 1, 61_681
    shop.base(SHOP, most // multiplier)
    offer = shop.offer(SHOP, coefficient=most // multiplier, multiplier_bps=multiplier)
    assert earn(shop, 1, offer) == most // 10_000
    with pytest.raises(Reverted) as caught:
        shop.world.offer(SHOP, multiplier_bps=multiplier + 1)
    assert (caught.value.error, caught.value.values) == ("BadRate", (most // multiplier * (multiplier + 1),))
