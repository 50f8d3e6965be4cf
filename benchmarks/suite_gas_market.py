"""Gas of payments in other assets, of trade among members, and of goods sold on.

Whole transactions, of actors and slots that have something already, unless the name says `first`.
"""

from typing import Any, Final

from benchmarks.devchain import Chain, Contract, Receipt, deploy
from benchmarks.suite import Suite
from benchmarks.suite_gas_ledger import RULE
from benchmarks.world import STREAM, Terms
from node.domain.assignment import Item
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import MemberId, MerchantId, MinorUnits, RuleVersion, StreamId, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.leaf import BatchLogs, Leaf, rebuild_leaves
from node.domain.merkle import item_leaves, items_root, proof_of
from node.domain.payment import Line, Tender

REPORTER: Final = 7
COIN_PRICE: Final = 6_500_000 * 10**6
EPOCH: Final = 30 * 86_400
FOREVER: Final = 2**256 - 1
NOBODY: Final = "0x" + "00" * 20
MEMBER: Final = 7
SALT: Final = bytes(16)
ITEMS: Final = tuple(Item(product=f"{place:013d}", quantity=1, amount=MinorUnits(1_000)) for place in range(8))


class Market:
    """A shop that takes a wrapped bitcoin, three reporters, a payer and a buyer with plenty."""

    def __init__(self, chain: Chain) -> None:
        start = chain.now()
        self.suite = Suite(chain, Terms(epoch_start=start - EPOCH // 2, epoch_length=EPOCH))
        self.oracle, self.gateway = self.suite["PriceOracle"], self.suite["AssetGateway"]
        self.exchange, self.receipts = self.suite["PeerExchange"], self.suite["ReceiptMarket"]
        self.operator = self.suite.operator
        self.payer, self.buyer, *self.reporters = chain.accounts[4:9]
        self.token = deploy(chain, "TestToken", "Wrapped Bitcoin", "WBTC", 8, sender=self.operator)
        self.shop = self.suite.onboard()
        self.suite.base(self.shop)
        self.suite.fund(self.shop, 10**8)
        self.suite.enrol(MEMBER)
        self.suite.give_key(MEMBER, self.payer)
        self._supply()

    def _supply(self) -> None:
        suite, asset = self.suite, self.token.address
        for holder in (self.payer, self.buyer):
            self.token.send("mint", holder, 10**18, sender=self.operator)
            suite.cash.send("transfer", holder, 10**9, sender=self.operator)
            for contract in (self.gateway, self.exchange, self.receipts):
                for token in (self.token, suite.cash, suite.ledger):
                    token.send("approve", contract.address, FOREVER, sender=holder)
        for reporter in self.reporters:
            suite.access.send("grantRole", REPORTER, reporter, 0, sender=self.operator)
        self.oracle.send("setFeed", asset, COIN_PRICE, 3, 86_400, 1_000, sender=self.operator)
        suite.cash.send("approve", self.gateway.address, FOREVER, sender=self.operator)
        self.gateway.send("fund", 10**10, sender=self.operator)
        self.gateway.send("setAsset", asset, 8, 10**9, 10**10, sender=self.operator)
        self.gateway.send("setMerchantTerms", self.shop, asset, 1, sender=suite.merchant)
        self.exchange.send("setToken", asset, True, sender=self.operator)

    def purchase(self, sequence: int) -> tuple[Leaf, bytes]:
        """A payment of the member with eight items on one line; its leaf and root."""
        payment = BatchPayment(
            sequence=SequenceNumber(sequence),
            merchant=MerchantId(self.shop),
            terminal=TerminalNumber(0),
            member=MemberId(MEMBER),
            time=self.suite.chain.now(),
            lines=(Line(amount=MinorUnits(10**6), rule_version=RuleVersion(1), tender=Tender.EXTERNAL),),
            items_root=items_root(ITEMS, SALT),
        )
        batch = make_batch(StreamId(STREAM), [payment])
        receipt = self.suite.post(batch)
        (leaf,) = rebuild_leaves(
            batch,
            BatchLogs(processed=1, leaves=1),
            rules={(MerchantId(self.shop), RuleVersion(1)): RULE},
            tiers={MemberId(MEMBER): 0},
            terms=self.suite.terms.network(),
            block=receipt.block,
            block_time=self.suite.chain.now(),
        )
        return leaf, leaf.hash


def measure(chain: Chain) -> dict[str, int]:
    """Gas by operation."""
    market = Market(chain)
    return {**_prices(market), **_payments(market), **_trade(market), **_resale(market)}


def _prices(market: Market) -> dict[str, int]:
    found = {}
    for name in ("first price report", "price report"):
        for place, reporter in enumerate(market.reporters):
            # of one second, a report writes less anew
            market.suite.chain.set_next_time(market.suite.chain.now() + 20)
            words = ([market.token.address], [COIN_PRICE + place])
            found[name] = market.oracle.send("report", *words, sender=reporter).gas
    return found


def _payments(market: Market) -> dict[str, int]:
    gateway, payer = market.gateway, market.payer
    terms = (payer, market.token.address, market.shop, 65_000, 10**12, bytes(32))
    found = {"first payment in an asset": gateway.send("pay", terms, 0, b"", sender=payer).gas}
    receipt = gateway.send("pay", terms, 0, b"", sender=payer)
    sale = _told(gateway, receipt, "sale")
    found["payment in an asset"] = receipt.gas
    found["refund of a part in the asset"] = gateway.send("refund", sale, 5_000, sender=market.suite.merchant).gas
    found["refund of the rest in the asset"] = gateway.send("refund", sale, 60_000, sender=market.suite.merchant).gas
    gateway.send("lockRate", terms, 0, b"", sender=payer)
    receipt = gateway.send("lockRate", terms, 0, b"", sender=payer)
    found["lock of a rate"] = receipt.gas
    lock = _told(gateway, receipt, "sale")
    found["payment at a locked rate"] = gateway.send("payLocked", lock, 0, b"", sender=payer).gas
    lock = _told(gateway, gateway.send("lockRate", terms, 0, b"", sender=payer), "sale")
    market.suite.chain.set_next_time(lock[8] + 901)
    found["end of a lapsed lock"] = gateway.send("lapse", lock, sender=payer).gas
    return found


def _trade(market: Market) -> dict[str, int]:
    exchange, payer, buyer, suite = market.exchange, market.payer, market.buyer, market.suite
    asset, cash, coin = market.token.address, suite.cash.address, suite.ledger.address
    market.purchase(1)
    member = suite.chain.impersonate(suite.ledger.view("memberAccount", MEMBER))
    for holder in (payer, buyer):
        suite.ledger.send("transfer", holder, 10**7, sender=member)
    until = suite.chain.now() + EPOCH
    found: dict[str, int] = {}
    for what, sell, buy in (("asset for cash", asset, cash), ("coins for cash", coin, cash)):
        words = (sell, buy, 10**6, 10**4, until, NOBODY)
        exchange.send("make", *words, sender=payer)
        receipt = exchange.send("make", *words, sender=payer)
        found[f"offer of {what}"] = receipt.gas
        offer = _told(exchange, receipt, "offer")
        exchange.send("take", offer, 1_000, 0, buyer, sender=buyer)
        found[f"part of an offer of {what} taken"] = exchange.send("take", offer, 5 * 10**5, 0, buyer, sender=buyer).gas
        found[f"offer of {what} cancelled"] = exchange.send("cancel", offer, sender=payer).gas
    words = (MEMBER, cash, 10**6, 10**4, until, NOBODY, 0, b"")
    exchange.send("makeForMember", *words, sender=payer)
    found["offer of a member's coins"] = exchange.send("makeForMember", *words, sender=payer).gas
    return found


def _resale(market: Market) -> dict[str, int]:
    receipts, payer, buyer = market.receipts, market.payer, market.buyer
    leaf, root = market.purchase(257)
    proven = (*leaf.words(), root, ())
    until = market.suite.chain.now() + EPOCH
    found: dict[str, int] = {}
    for place in range(2):  # the second one of the same seller and buyer
        item = ITEMS[place]
        proof = proof_of(item_leaves(ITEMS, SALT), place)
        words = (SALT, place, item.amount, item.quantity, item.product.encode(), proof)
        offered = receipts.send("offer", MEMBER, proven, words, 900, until, 0, b"", sender=payer)
        token = receipts.view("tokenOf", words, leaf.stream, leaf.sequence)
        found["item offered for resale"] = offered.gas
        found["item paid for"] = receipts.send("buy", token, 900, sender=buyer).gas
        found["item handed over, points settled"] = receipts.send("handOver", token, proven, sender=buyer).gas
    return found


def _told(contract: Contract, receipt: Receipt, name: str) -> tuple[Any, ...]:
    """The struct that an event of the contract tells."""
    event = next(event for event in contract.events(receipt) if name in event.args)
    return tuple(event.args[name].values())
