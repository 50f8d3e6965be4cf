"""Gas of sales offline that overdraw: whole transactions, each a batch of one payment; known members and merchants."""

from typing import Final

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import STREAM, terminal_id
from node.domain.act import Act, ActKind, undoing
from node.domain.acts.advice import BookAdvice
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, Sequence, StreamId, TerminalNumber
from node.domain.payment import Line, Tender

ANN: Final = MemberId(7)
SALE, HAS, FLOOR, FUND = MinorUnits(9_000), 3_000, 5_000, 10**6
PAID_IN: Final = 500


class Shop:
    """A till with a floor limit, a guarantee with a fund, and a member whose value is recharged before each sale."""

    def __init__(self, chain: Chain) -> None:
        self.suite, self.chain, self.sequence = Suite(chain), chain, 0
        self.merchant = MerchantId(self.suite.onboard())
        self.suite.base(self.merchant)
        self.suite.fund(self.merchant, 10**8)
        self.suite.enrol(ANN)
        self.advices = self.suite["Advices"]
        self.suite.as_operator(self.suite.cash, "approve", self.advices.address, 2**255)
        self.suite.as_operator(self.suite.registry, "setFloorLimit", terminal_id(self.merchant, 0), FLOOR)
        self.pay_in(FUND)

    def pay_in(self, amount: int) -> int:
        """Pays into the guarantee; gas."""
        return int(self.suite.as_operator(self.advices, "payIntoGuarantee", amount).gas)

    def recharge(self, amount: int) -> None:
        """Gives the member value."""
        self.suite.as_operator(self.suite.ledger, "recharge", ANN, amount)

    def collect(self) -> int:
        """Takes what the member owes from its value; gas."""
        return int(self.suite.as_operator(self.advices, "collect", self.merchant, ANN).gas)

    def post(self, *lines: Line, act: Act | None = None) -> tuple[int, bool]:
        """Posts one payment; gas, and whether it was skipped."""
        self.sequence += 1
        payment = BatchPayment(
            sequence=Sequence(self.sequence),
            merchant=self.merchant,
            terminal=TerminalNumber(0),
            member=ANN,
            time=self.chain.now(),
            lines=lines,
            authorisation=Hash32(b"\1" * 32),
            act=None if act is None else act.data,
        )
        receipt = self.suite.post(make_batch(StreamId(STREAM), [payment]))
        return int(receipt.gas), any(event.name == "Skipped" for event in self.suite.ledger.events(receipt))

    def done(self, act: Act) -> int:
        """Posts an act that must not be skipped; gas."""
        gas, skipped = self.post(act=act)
        assert not skipped
        return gas

    def sold(self) -> tuple[int, int]:
        """A sale that overdraws, and its booking; gas of both."""
        self.recharge(HAS)
        line = Line(amount=SALE, rule_version=RuleVersion(1), tender=Tender.STORED_VALUE)
        skipping, skipped = self.post(line)
        assert skipped
        booking = BookAdvice(original=Sequence(self.sequence), value=SALE, coins=MinorUnits(0))
        return skipping, self.done(booking.act())


def measure(chain: Chain) -> dict[str, int]:
    """Gas by operation."""
    shop = Shop(chain)
    shop.sold()
    gas: dict[str, int] = {}
    gas["sale_that_overdraws_skipped"], gas["advice_booked_known"] = shop.sold()
    gas["advice_undone"] = shop.done(undoing(ActKind.ADVICE, Sequence(shop.sequence)))
    gas["pay_into_guarantee"] = shop.pay_in(PAID_IN)
    shop.recharge(PAID_IN)
    gas["collect_advice_arrears"] = shop.collect()
    return gas
