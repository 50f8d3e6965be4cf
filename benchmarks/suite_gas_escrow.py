"""Gas of the escrow's steps, beside base/commerce-payments, measured as its published figures are.

Those are of Foundry tests (`test/gas/gasBenchmark.t.sol` there): a payer of an ERC-20 whose signature somebody carries,
a fee of 1 %, everything touched once before, and of the step itself one call, whose terms the caller reads from its
own storage; the 21,000 and the calldata of a transaction do not count. contracts/testing/EscrowMeter.sol is such a
caller. `..._transaction` is the same step as a transaction of a person, with all that it costs.
"""

from collections.abc import Callable
from typing import Any, Final

from benchmarks.devchain import Chain, Contract, anvil, deploy
from benchmarks.escrow import Terms, payer_of, permitted, signed, terms_now
from benchmarks.suite import Suite

ANCHOR: Final = {
    "authorize": 155_657,
    "capture": 69_915,
    "charge": 165_167,
    "void": 55_079,
    "refund": 80_064,
    "reclaim": 55_217,
    # what they do besides, the published ones do not
    "capture_at_once": 69_915,
    "refund_from_payable": 80_064,
    "charge_at_once": 165_167,
}
INTRINSIC: Final = 21_000 + 4 * 16  # a call without arguments
AMOUNT: Final = 100_000_000
FEE_BPS: Final = 100
CONSUME, CANCEL = 16, 32
DAY: Final = 86_400


class Till:
    """A merchant, its meter and its clerk, a payer with plenty of cash, and one payment behind them."""

    def __init__(self, chain: Chain, *, at_once: bool) -> None:
        self.suite = Suite(chain)
        self.escrow = self.suite["SettlementEscrow"]
        self.payer = payer_of("payer")
        self.merchant = self.suite.onboard()
        operator = self.suite.operator
        shares = [(self.suite.holder, 10_000)]
        self.escrow.send("setMerchantTerms", self.merchant, FEE_BPS, at_once, shares, sender=operator)
        self.suite.cash.send("transfer", self.payer.address, 10**12, sender=operator)
        self.suite.cash.send("transfer", self.suite.holder, 1, sender=operator)
        self.meter = deploy(chain, "EscrowMeter", sender=operator)
        for clerk in (self.meter.address, self.suite.stranger):
            self.suite.registry.send("setGroups", self.merchant, clerk, CONSUME | CANCEL, sender=self.suite.merchant)
        self.salt = 0
        # the first payment pays for slots that others find used
        self.prepare()
        self.step("authorizeWithPermit")
        self.step("capture")
        if at_once:
            self.suite.ledger.send("recharge", self.member(), 1, sender=operator)

    def member(self) -> int:
        """A member, so that the ledger's totals are in use."""
        self.suite.enrol(7)
        return 7

    def prepare(self, *, allowance: bool = False) -> Terms:
        """New terms in the meter, signed; with a permit in it, or an allowance that stands."""
        self.salt += 0x1234_5678_9ABC_DEF0_1234_5678_9ABC_DEF0_1234_5678_9ABC_DEF0_1234_5678_9ABC_DEF0
        self.salt %= 2**256
        now = self.suite.chain.now()
        terms = terms_now(
            now, payer=self.payer.address, merchant=self.merchant, amount=AMOUNT, max_fee_bps=500, salt=self.salt
        )
        permit = permitted(self.suite, self.payer, AMOUNT, now + DAY)
        if allowance:
            sender = self.suite.chain.impersonate(self.payer.address)
            self.suite.cash.send("approve", self.escrow.address, 2**256 - 1, sender=sender)
        words = (self.escrow.address, terms.words(), signed(self.suite, self.payer, terms), permit)
        self.meter.send("prepare", *words, sender=self.suite.operator)
        self.terms = terms
        return terms

    def step(self, name: str) -> int:
        """Gas of one step as the anchor counts it."""
        return int(self.meter.send(name, sender=self.suite.operator).gas) - INTRINSIC

    def transaction(self, name: str, *arguments: Any, contract: Contract | None = None) -> int:
        """Gas of one step as a clerk's transaction, all of it."""
        sender = self.suite.stranger
        return int((contract or self.escrow).send(name, self.terms.words(), *arguments, sender=sender).gas)


def measure() -> dict[str, int]:
    """Gas of every step; merchants that are settled by batch, unless the name says otherwise."""
    with anvil() as chain:
        found = _steps(Till(chain, at_once=False))
        at_once = Till(chain, at_once=True)
        at_once.prepare()
        at_once.step("authorizeWithPermit")
        found["capture_at_once"] = at_once.step("capture")
        found["refund_from_payable"] = at_once.step("refund")
        at_once.prepare(allowance=True)
        found["charge_at_once"] = at_once.step("charge")
    return found


def _steps(till: Till) -> dict[str, int]:
    found: dict[str, int] = {}

    def after(*steps: str, allowance: bool = False) -> Callable[[str], int]:
        till.prepare(allowance=allowance)
        for name in steps:
            till.step(name)
        return till.step

    found["authorize"] = after()("authorizeWithPermit")
    found["capture"] = till.step("capture")
    found["refund"] = till.step("refund")
    found["void"] = after("authorizeWithPermit")("void")
    after("authorizeWithPermit")
    till.suite.chain.set_next_time(till.terms.capture_by)
    found["reclaim"] = till.step("reclaim")
    found["charge"] = after(allowance=True)("charge")
    found["authorize_by_allowance"] = after(allowance=True)("authorize")
    till.prepare(allowance=True)
    signature = signed(till.suite, till.payer, till.terms)
    found["authorize_transaction"] = till.transaction("authorize", AMOUNT, signature)
    found["capture_transaction"] = till.transaction("capture", AMOUNT, 0)
    found["refund_transaction"] = till.transaction("refund", AMOUNT)
    till.prepare(allowance=True)
    till.step("authorize")
    found["void_transaction"] = till.transaction("void")
    till.prepare(allowance=True)
    found["charge_transaction"] = till.transaction("charge", AMOUNT, 0, signed(till.suite, till.payer, till.terms))
    return found


if __name__ == "__main__":
    for step, gas in measure().items():
        print(f"{step:28}{gas:>10,}{ANCHOR.get(step, 0):>10,}")
