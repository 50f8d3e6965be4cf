"""What each kind of act needs on the chain, set up by whoever runs the network and its first merchant.

For a development chain (suite_stand.py) and for a real one (tests/e2e): all of it is transactions, in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coincurve import PrivateKey

from benchmarks.devchain import Chain, Contract
from node.domain.merkle import keccak, product_set_root

FUND: Final = 10**7
DAY: Final = 86_400
PRODUCTS: Final = ("1000001", "1000007")
SECRET: Final = PrivateKey(b"\x5e" * 32)
"""What the code of a certificate stands for."""
NOBODY: Final = "0x" + "00" * 20
TENTH_OFF, EURO_OFF = 1 << 32, 2 << 32
"""The first coupon of the campaign that takes a tenth off, and of the one that takes 1.00 off PRODUCTS."""
GIFT_PRICE: Final = 300
DISCOUNT_BPS: Final = 500


@dataclass(frozen=True, kw_only=True)
class Offers:
    """`shop` sells, discounts, recharges and gives gifts; `other` may do nothing. `holder` and `buyer` have coupons."""

    chain: Chain
    parts: Mapping[str, Contract]
    ledger: Contract
    cash: Contract
    operator: str
    admin: str
    shop: int
    other: int
    holder: int
    buyer: int
    product_sets: Path

    def make(self) -> None:
        """Sends everything."""
        self._cash()
        self._settlement()
        self._gifts()
        self._certificates()
        self._recharges()
        self._coupons()

    @property
    def gift(self) -> int:
        """The first gift of the shop."""
        return self.shop << 32 | 1

    def redeem_by_code(self, certificate: int, amount: int) -> bytes:
        """What whoever has a certificate's code signs: r, s, v."""
        contract = self.parts["GiftCertificates"]
        domain = keccak(
            keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
            + keccak(str(contract.view("eip712Domain")[1]).encode())
            + keccak(b"1")
            + int(self.chain.request("eth_chainId"), 16).to_bytes(32, "big")
            + bytes.fromhex(contract.address[2:]).rjust(32, b"\0")
        )
        words = [certificate, self.shop, amount, int(contract.view("certificate", certificate)["uses"])]
        struct = keccak(
            keccak(b"Redeem(uint64 certificate,uint32 merchant,uint64 amount,uint32 uses)")
            + b"".join(word.to_bytes(32, "big") for word in words)
        )
        signature = SECRET.sign_recoverable(keccak(b"\x19\x01" + domain + struct), hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def _as_operator(self, contract: str, function: str, *arguments: object) -> None:
        self.parts[contract].send(function, *arguments, sender=self.operator)

    def _as_merchant(self, contract: str, function: str, *arguments: object) -> None:
        self.parts[contract].send(function, *arguments, sender=self.admin)

    def _cash(self) -> None:
        for spender in (self.ledger, self.parts["GiftCertificates"]):
            self.cash.send("approve", spender.address, 2**256 - 1, sender=self.operator)
        for merchant in (self.shop, self.other):
            self.ledger.send("creditPayable", merchant, FUND, sender=self.operator)

    def _settlement(self) -> None:
        self._as_operator("SettlementEscrow", "setMerchantTerms", self.shop, 0, True, [])
        self._as_merchant("CoinDiscount", "setBearer", self.shop, 1)

    def _gifts(self) -> None:
        terms = (GIFT_PRICE, 0, 2, 0, 0, 1, 3_600)  # price, cash part, stock, starts, until, one a member, hold
        self._as_merchant("Gifts", "publish", self.shop, b"mug".ljust(32, b"\0"), terms)

    def _certificates(self) -> None:
        code = "0x" + keccak(SECRET.public_key.format(compressed=False)[1:])[12:].hex()
        until = self.chain.now() + 100 * DAY
        for terms in ((1_000, 0, until, self.holder, NOBODY), (1_000, self.shop, until, 0, code)):
            self._as_operator("GiftCertificates", "buy", terms)

    def _recharges(self) -> None:
        self._as_operator("StoredValue", "setLimit", self.shop, 0, 0, 10**6, 10**6)

    def _coupons(self) -> None:
        any_product, these = b"\0" * 32, product_set_root(PRODUCTS)
        self.product_sets.mkdir(exist_ok=True)
        (self.product_sets / f"{these.hex()}.txt").write_text("".join(f"{code}\n" for code in PRODUCTS))
        for campaign, (face, value, products) in enumerate(((0, 1_000, any_product), (1, 100, these)), start=1):
            terms = (0, 0, 0, face, value, 1, True, False, False, 0, 0, 0, 0, 0, 0, 0, products)
            self._as_operator("Coupons", "defineCampaign", terms, "")
            self._as_operator("Coupons", "issue", campaign, 8)
            self._as_operator("Coupons", "handLot", campaign, 0, self.shop)
            given = [campaign << 32 | serial for serial in range(4)]
            members = [self.holder, self.holder, self.buyer, self.buyer]
            self._as_merchant("Coupons", "give", self.shop, given, members)
