"""A bridge's stand with the contracts beside the ledger: what each kind of act needs is set up, and told by name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from coincurve import PrivateKey

from benchmarks.devchain import Chain, anvil
from benchmarks.suite import Suite
from node.domain.merkle import keccak, product_set_root
from tests.offchain.bridge_out.stand import MEMBERS, Stand

FUND: Final = 10**7
DAY: Final = 86_400
PRODUCTS: Final = ("1000001", "1000007")
SECRET: Final = PrivateKey(b"\x5e" * 32)
"""What the code of a certificate stands for."""
HOLDER, BUYER = MEMBERS[0], MEMBERS[1]


class SuiteStand(Stand):
    """A stand whose first merchant sells, discounts, recharges and gives gifts; the other one may do nothing."""

    world: Suite

    def __init__(self, chain: Chain, folder: Path) -> None:
        super().__init__(chain, folder, world=Suite(chain))
        self.shop, self.other = self.merchants[:2]
        self._give_cash()
        self._settlement()
        self._gifts()
        self._certificates()
        if "StoredValue" in self.world.parts:
            self._recharges()
        if "Coupons" in self.world.parts:
            self._coupons()
        self.write()

    def part(self, name: str) -> Any:
        """A contract of the suite."""
        return self.world[name]

    def by_merchant(self, name: str, function: str, *arguments: Any) -> None:
        """A transaction of the merchants' account."""
        self.part(name).send(function, *arguments, sender=self.world.merchant)

    def _give_cash(self) -> None:
        for name in self.world.parts:
            self.world.as_operator(self.world.cash, "approve", self.part(name).address, 2**256 - 1)
        for merchant in (self.shop, self.other):
            self.world.as_operator(self.world.ledger, "creditPayable", merchant, FUND)

    def _settlement(self) -> None:
        self.world.as_operator(self.part("SettlementEscrow"), "setMerchantTerms", self.shop, 0, True, [])
        self.by_merchant("CoinDiscount", "setBearer", self.shop, 1)

    def _gifts(self) -> None:
        terms = (300, 0, 2, 0, 0, 1, 3_600)  # price, cash part, stock, starts, until, one a member, hold
        self.by_merchant("Gifts", "publish", self.shop, b"mug".ljust(32, b"\0"), terms)
        self.gift = self.shop << 32 | 1

    def _certificates(self) -> None:
        until = int(self.chain.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 100 * DAY
        nobody, code = "0x" + "00" * 20, keccak(SECRET.public_key.format(compressed=False)[1:])[12:]
        self.world.as_operator(self.part("GiftCertificates"), "buy", (1_000, 0, until, HOLDER, nobody))
        self.world.as_operator(self.part("GiftCertificates"), "buy", (1_000, self.shop, until, 0, "0x" + code.hex()))

    def _recharges(self) -> None:
        self.world.as_operator(self.part("StoredValue"), "setLimit", self.shop, 0, 0, 10**6, 10**6)

    def _coupons(self) -> None:
        coupons = self.part("Coupons")
        any_product, these = b"\0" * 32, product_set_root(PRODUCTS)
        folder = self.folder / "product-sets"
        folder.mkdir(exist_ok=True)
        (folder / f"{these.hex()}.txt").write_text("".join(f"{code}\n" for code in PRODUCTS))
        for face, value, products in ((0, 1_000, any_product), (1, 100, these)):
            terms = (0, 0, 0, face, value, 1, True, False, False, 0, 0, 0, 0, 0, 0, 0, products)
            self.world.as_operator(coupons, "defineCampaign", terms, "")
            campaign = int(coupons.view("campaignCount"))
            self.world.as_operator(coupons, "issue", campaign, 8)
            self.world.as_operator(coupons, "handLot", campaign, 0, self.shop)
            given = [campaign << 32 | serial for serial in range(4)]
            self.by_merchant("Coupons", "give", self.shop, given, [HOLDER] * 2 + [BUYER] * 2)
        self.tenth_off, self.euro_off = 1 << 32, 2 << 32

    def _contracts(self) -> dict[str, Any]:
        return super()._contracts() | self.world.parts

    def redeem_by_code(self, certificate: int, amount: int, left: int) -> bytes:
        """What whoever has a certificate's code signs: r, s, v."""
        domain = keccak(
            keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
            + keccak(str(self.part("GiftCertificates").view("eip712Domain")[1]).encode())
            + keccak(b"1")
            + int(self.chain.request("eth_chainId"), 16).to_bytes(32, "big")
            + bytes.fromhex(self.part("GiftCertificates").address[2:]).rjust(32, b"\0")
        )
        words = [certificate, self.shop, amount, left]
        struct = keccak(
            keccak(b"Redeem(uint64 certificate,uint32 merchant,uint64 amount,uint64 left)")
            + b"".join(word.to_bytes(32, "big") for word in words)
        )
        signature = SECRET.sign_recoverable(keccak(b"\x19\x01" + domain + struct), hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def until_block_time(self) -> int:
        """The terminal's clock and the chain's are one here."""
        return int(time.time())


@contextmanager
def suite_stand_on(folder: Path) -> Iterator[SuiteStand]:
    """A stand with the whole suite, on a chain of its own."""
    with anvil() as chain:
        try:
            yield SuiteStand(chain, folder)
        finally:
            chain.close()
