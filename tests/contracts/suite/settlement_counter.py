"""The shops, members and payer of the escrow's examples."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.devchain import Reverted
from benchmarks.escrow import CASH, NOBODY, payer_of, signed, terms_now
from benchmarks.escrow import Terms as Agreed
from benchmarks.suite import Suite
from tests.contracts.twin import Twin, external

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
        world.give_key(ANN, self.ann.address)
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


def refused(call: Callable[[], Any]) -> tuple[Any, ...]:
    """The typed error and its values."""
    with pytest.raises(Reverted) as caught:
        call()
    return (caught.value.error, *caught.value.values)
