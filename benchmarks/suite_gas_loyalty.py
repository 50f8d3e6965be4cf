"""Gas of gifts, certificates, referrals, pending and missing points: whole transactions, known members and merchants.

Acts are measured as the ledger calls them, with 21,000 and calldata of a transaction of their own; in a batch they cost
that much less.
"""

from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import STREAM
from node.domain.batch_format import BatchPayment, encode_batch, gas_limit, make_batch
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    Sequence,
    StreamId,
    TerminalNumber,
)
from node.domain.merkle import keccak
from node.domain.payment import Line, Tender

ANN, BOB = 7, 8
DAY: Final = 86_400
WHOLE: Final = 10**6
RATE: Final = 500_000
CODE: Final[LocalAccount] = Account.from_key(keccak(b"a code of the gas table"))
NOBODY: Final = "0x" + "00" * 20


class Shop:
    """A merchant with points, money and a catalogue; Ann has coins, value and a key, and referred Bob."""

    def __init__(self, chain: Chain) -> None:
        self.suite, self.chain = Suite(chain), chain
        self.gas: dict[str, int] = {}
        self.sequence = 0
        self.merchant = self.suite.onboard()
        self.suite.base(self.merchant)
        self.suite.fund(self.merchant, 10**8)
        self.suite.enrol(ANN, BOB)
        self.operator, self.clerk = self.suite.operator, self.suite.merchant
        self.key = chain.impersonate(self.suite.holder)
        self.suite.give_key(ANN, self.key)
        for name, arguments in (("recharge", (ANN, WHOLE)), ("creditPayable", (self.merchant, WHOLE))):
            self.suite.ledger.send(name, *arguments, sender=self.operator)
        self.suite.cash.send("approve", self.suite["GiftCertificates"].address, 2**255, sender=self.operator)
        for _ in range(2):
            self.pay(ANN, WHOLE)

    def pay(self, member: int, amount: int) -> tuple[Any, ...]:
        """One external line; its proof, which is of one leaf: the root is the leaf."""
        self.sequence += 1
        payment = BatchPayment(
            sequence=Sequence(self.sequence),
            merchant=MerchantId(self.merchant),
            terminal=TerminalNumber(0),
            member=MemberId(member),
            time=self.chain.now(),
            lines=(Line(amount=MinorUnits(amount), rule_version=RuleVersion(1), tender=Tender.EXTERNAL),),
        )
        batch = make_batch(StreamId(STREAM), [payment])
        receipt = self.suite.ledger.send(
            "postBatch", encode_batch(batch), sender=self.suite.poster, gas=gas_limit(batch)
        )
        root = next(e for e in self.suite.ledger.events(receipt) if e.name == "BatchPosted").args["root"]
        epoch = self.suite.ledger.view("currentEpoch")
        rate, points = 100 * 10_000, amount * 100
        head = b"\1" + STREAM.to_bytes(4, "big") + self.sequence.to_bytes(8, "big") + bytes([0, 0]) + bytes(2)
        head += self.merchant.to_bytes(4, "big") + (1).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
        head += epoch.to_bytes(2, "big") + rate.to_bytes(5, "big")
        body = member.to_bytes(8, "big") + amount.to_bytes(6, "big") + payment.time.to_bytes(4, "big")
        body += points.to_bytes(7, "big") + bytes(7)
        assert keccak(head + body + bytes(64)) == root
        return (head, body, bytes(32), bytes(32), root, [])

    def measure(self, name: str, contract: str, function: str, *arguments: Any, sender: str) -> None:
        """Keeps the gas of the last of several calls of a name: the first pays for slots that others find used."""
        self.gas[name] = self.suite[contract].send(function, *arguments, sender=sender).gas

    def act(self, name: str, contract: str, data: bytes, member: int, amount: int = 0) -> None:
        """An act in the ledger's name."""
        self.sequence += 1
        ledger = self.chain.impersonate(self.suite.ledger.address)
        words = (STREAM, self.sequence, self.merchant, 0, member, 0, amount, 0, 10**9, Hash32(b"\1" * 32))
        self.measure(name, contract, "applyAct", words, data, sender=ledger)


def measure(chain: Chain) -> dict[str, int]:
    """Gas by operation."""
    shop = Shop(chain)
    _gifts(shop)
    _certificates(shop)
    _later(shop)
    _missing(shop)
    return shop.gas


def _gifts(shop: Shop) -> None:
    terms = (250, 0, 1_000, 0, 0, 0, DAY)
    for _ in range(2):
        shop.measure(
            "publish_gift", "Gifts", "publish", shop.merchant, b"mug".ljust(32, b"\0"), terms, sender=shop.clerk
        )
    gift = shop.merchant << 32 | 1
    for number in (1, 3):
        shop.measure("reserve_gift", "Gifts", "reserve", gift, ANN, 0, b"", sender=shop.key)
        shop.measure("confirm_gift", "Gifts", "confirm", number, sender=shop.clerk)
        shop.measure("reserve_gift", "Gifts", "reserve", gift, ANN, 0, b"", sender=shop.key)
        shop.measure("release_gift", "Gifts", "release", number + 1, sender=shop.clerk)
        shop.act("gift_at_till", "Gifts", bytes([6, 0]) + gift.to_bytes(8, "big"), ANN)
        shop.act("undo_gift_at_till", "Gifts", b"\x86" + shop.sequence.to_bytes(8, "big"), ANN)


def _certificates(shop: Shop) -> None:
    contract = shop.suite["GiftCertificates"]
    until = shop.chain.now() + 40 * DAY
    for _ in range(2):
        terms = (50_000, 0, until, ANN, NOBODY)
        shop.measure("buy_certificate", "GiftCertificates", "buy", terms, sender=shop.operator)
        number = contract.view("count")
        data = bytes([7, 0]) + number.to_bytes(8, "big") + (100).to_bytes(6, "big")
        shop.act("certificate_at_till", "GiftCertificates", data, ANN)
        shop.act("undo_certificate_at_till", "GiftCertificates", b"\x87" + shop.sequence.to_bytes(8, "big"), ANN)
        shop.measure("split_certificate_in_two", "GiftCertificates", "split", number, [100], 0, b"", sender=shop.key)
        redeem = (number, shop.merchant, 100, 0, b"")
        shop.measure("redeem_certificate", "GiftCertificates", "redeem", *redeem, sender=shop.key)
        give = (number, BOB, NOBODY, 0, b"")
        shop.measure("give_certificate", "GiftCertificates", "give", *give, sender=shop.key)


def _later(shop: Shop) -> None:
    suite, today = shop.suite, shop.suite.ledger.view("currentDay")
    suite["Referrals"].send("enrolReferred", BOB, ANN, sender=shop.operator)
    programme = (shop.merchant, RATE, today, 0, 0, False, 10**12, 0, 0)
    suite["Referrals"].send("open", programme, sender=shop.clerk)
    suite["PendingRewards"].send("set", shop.merchant, (RATE, today, 0, 0, 10**12), sender=shop.clerk)
    leaves = [shop.pay(BOB, 1_000) for _ in range(12)]
    shop.chain.set_next_time(shop.chain.now() + DAY)
    for some in (leaves[:1], leaves[1:2]):
        shop.measure("claim_pending", "PendingRewards", "claim", shop.merchant, 1, some, sender=shop.key)
        shop.measure("claim_referral", "Referrals", "claim", 1, some, sender=shop.key)
    for name, contract, arguments in (
        ("claim_pending_of_ten_per_line", "PendingRewards", (shop.merchant, 1)),
        ("claim_referrals_of_ten_per_line", "Referrals", (1,)),
    ):
        shop.measure(name, contract, "claim", *arguments, leaves[2:], sender=shop.key)
        shop.gas[name] //= 10


def _missing(shop: Shop) -> None:
    clerk = shop.chain.impersonate(shop.suite.stranger)
    shop.suite.registry.send("setGroups", shop.merchant, clerk, 128, sender=shop.clerk)
    missing = shop.suite["MissingPoints"]
    for number in (b"\1" * 32, b"\2" * 32):
        time = shop.chain.now() - 60
        receipt = (shop.merchant, 0, number, 2_000, time, BOB)
        shop.measure("attest_receipt", "MissingPoints", "attest", receipt, sender=clerk)
        claim = missing.view("idOf", shop.merchant, 0, number, time)
        shop.measure("approve_claim", "MissingPoints", "approve", claim, sender=shop.clerk)
