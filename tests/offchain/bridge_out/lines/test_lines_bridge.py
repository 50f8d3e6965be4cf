"""Line items of a whole bridge on a real ledger, by the commands that people type: read, granted, revoked, refused."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey

from benchmarks.world import terminal_id
from node.bridge.lines import files
from node.bridge.lines.desk import CHECK
from node.bridge.lines.keys import load_holder, load_public
from node.bridge.lines.opening import open_lines
from node.domain.assignment import Item
from node.domain.ids import Address, MinorUnits, PaymentId
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.stand import Stand, stand_on

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
CHAIN_ID, CARD = 31_337, "9000000001"
BASKET = (
    Item(product="BRAND-1", quantity=1, amount=MinorUnits(500)),
    Item(product="OTHER-1", quantity=3, amount=MinorUnits(699)),
    Item(product="BRAND-2", quantity=1, amount=MinorUnits(1)),
)


class Office:
    """What merchants, the operator and readers type, in a folder with their keys."""

    def __init__(self, stand: Stand) -> None:
        self.stand, self.folder, self.rpc = (
            stand,
            stand.folder,
            {"port": 0, "chain_id": CHAIN_ID, "ledger": stand.world.ledger.address},
        )
        stand.write(rpc=self.rpc)
        self.shop, self.other = stand.merchants[:2]
        self.tills = [self._till(merchant) for merchant in (self.shop, self.other)]
        self.clerk = PrivateKey(b"\x31" * 32)
        self._allow(self.shop, self.clerk)
        for name, key in (("clerk.account", self.clerk), ("stranger.account", PrivateKey(b"\x32" * 32))):
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(key.secret.hex())
        (self.folder / "cards.csv").write_text(f"{CARD},1\n")
        self.stan = 0
        self.typed("bridge", "cards", "import", "cards.csv", "--config", "bridge.toml")
        for name in ("shop", "auditor", "brand"):
            self.typed("lines", "key", f"{name}.key")

    def _till(self, merchant: int) -> RpcTerminal:
        till = RpcTerminal(id=f"{merchant}T0", key=PrivateKey(merchant.to_bytes(32, "big")))
        world = self.stand.world
        signer = "0x" + till.address.hex()
        world.registry.send("rotateTerminalKey", terminal_id(merchant, 0), signer, sender=world.merchant)
        return till

    def _allow(self, merchant: int, key: PrivateKey) -> None:
        world, account = self.stand.world, RpcTerminal(id="", key=key).address
        world.registry.send("setGroups", merchant, "0x" + account.hex(), CHECK, sender=world.merchant)

    def till(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "node.cli.main", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)

    def typed(self, *arguments: str) -> str:
        done = self.till(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = self.till(*arguments)
        assert done.returncode == 1 and not done.stdout, done.stdout
        return done.stderr

    def show(self, payment: str, *arguments: str) -> list[str]:
        """The products of a payment, as one reader sees them."""
        chain = [] if "--config" in arguments else ["--rpc", self.stand.url, "--deployment", "deployment.json"]
        said: dict[str, Any] = json.loads(self.typed("lines", "show", payment, "--json", *arguments, *chain))
        return [each["product"] for each in said["items"]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{json.loads((self.folder / 'bridge.json').read_text())['rpc']['port']}/"

    async def listens(self) -> bool:
        """Whether a bridge does."""
        return (self.folder / "bridge.json").exists()

    async def pay(self, merchant: int = 0) -> PaymentId:
        """A sale of the basket; its id."""
        self.stan += 1
        ledger = Address(bytes.fromhex(self.stand.world.ledger.address[2:]))
        async with RpcConnection(self.url, chain_id=CHAIN_ID, ledger=ledger) as client:
            reply = await client.purchase(
                self.tills[merchant], stan=f"{self.stan:06d}", card=CARD, amount=1_200, currency="840", items=BASKET
            )
        assert reply.approved and reply.payment_id is not None, reply
        return reply.payment_id

    def fetch(self, account: str, merchant: int, reader: str, output: str) -> list[str]:
        whose = ["--merchant", str(merchant), "--account", account, "--to", f"{reader}.key.pub"]
        return ["lines", "fetch", self.url, *whose, "--deployment", "deployment.json", "-o", output]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with stand_on(tmp_path) as stand:
        yield Office(stand)


async def test_lines_are_read_granted_revoked_and_refused(office: Office) -> None:
    all_products = [item.product for item in BASKET]
    merchant = ["--config", "bridge.toml", "--merchant", str(office.shop)]
    async with bridge_on(office.stand, rpc=office.rpc) as running:

        async def typing(work: Any, *arguments: str) -> Any:
            return await asyncio.to_thread(work, *arguments)

        await until(office.listens, "the bridge listens")
        first, foreign = await office.pay(), await office.pay(1)
        await idle(running)
        # the operator keeps what merchants without a key of their own sold
        assert await typing(office.show, first, "--config", "bridge.toml") == all_products
        assert await typing(office.show, foreign, "--config", "bridge.toml") == all_products
        await typing(office.typed, "lines", "grant", *merchant, "--name", "shop", "--own", "--to", "shop.key.pub")
        second = await office.pay()
        await idle(running)
        assert await typing(office.show, second, "--config", "bridge.toml", "--key", "shop.key") == all_products
        said = await typing(office.refused, "lines", "show", second, "--config", "bridge.toml")
        assert said == "till: The line items are not sealed for this key: 1-3 was sealed without this reader\n"

        # over JSON-RPC: the merchant's account, and no other one, and of no other merchant
        await typing(office.typed, *office.fetch("clerk.account", office.shop, "shop", "shop.lines.json"))
        mine = ["--file", "shop.lines.json", "--key", "shop.key"]
        assert await typing(office.show, second, *mine) == all_products
        for account, of in (("stranger.account", office.shop), ("clerk.account", office.other)):
            said = await typing(office.refused, *office.fetch(account, of, "shop", "stolen.lines.json"))
            assert "no right to this merchant's line items" in said
        assert not (office.folder / "stolen.lines.json").exists()

        # an auditor's view of today, with what was sold before it was granted; the merchant opens that
        grant = ["--name", "auditor", "--to", "auditor.key.pub", "--key", "shop.key", "-o", "auditor.view.json"]
        today = time.strftime("%Y-%m-%d", time.gmtime())
        await typing(office.typed, "lines", "grant", *merchant, *grant, "--from", today)
        viewed = ["--file", "shop.lines.json", "--key", "auditor.key", "--view", "auditor.view.json"]
        assert await typing(office.show, second, *viewed) == all_products
        third = await office.pay()
        assert '"kind": "view"' in await typing(office.typed, "lines", "list", "--json", "--config", "bridge.toml")
        await typing(office.typed, "lines", "revoke", *merchant, "--name", "auditor")
        fourth = await office.pay()
        await idle(running)
        await typing(office.typed, *office.fetch("clerk.account", office.shop, "auditor", "auditor.lines.json"))
        await typing(office.typed, *office.fetch("clerk.account", office.shop, "shop", "shop.lines.json"))
        said = await typing(office.refused, "lines", "show", fourth, *viewed[:4], "--file", "auditor.lines.json")
        assert "1-5 was sealed without this reader" in said
        assert await typing(office.show, third, *mine) == await typing(office.show, fourth, *mine) == all_products
    _show_a_brand(office, second, mine)
    _deceive(office, second, third)
    _erase(office, second, mine)


def _show_a_brand(office: Office, payment: str, mine: list[str]) -> None:
    """A brand sees its own products, proved, and nothing beside them."""
    (office.folder / "brand.txt").write_text("BRAND-1\nBRAND-2\n")
    to = ["--to", "brand.key.pub", "--products", "brand.txt", "-o", "brand.excerpt.json"]
    said = office.typed("lines", "excerpt", *mine, *to).splitlines()
    assert said[0].startswith("6 items of 3 payments") and said[1].startswith("1 payments are left out"), said
    assert office.show(payment, "--file", "brand.excerpt.json", "--key", "brand.key") == ["BRAND-1", "BRAND-2"]
    said = office.refused("lines", "show", payment, "--file", "brand.excerpt.json", "--key", "auditor.key")
    assert "it is for another key" in said


def _deceive(office: Office, payment: PaymentId, other: PaymentId) -> None:
    """A merchant that shows items as another payment's is found out by the chain."""
    found = next(each for each in files.read_lines(office.folder / "shop.lines.json") if each.payment == payment)
    opened = open_lines(found, load_holder(office.folder / "shop.key"), {})
    shown = (files.ShownItem(index=0, item=opened.items[0], salt=opened.salts[0], proof=opened.proof(0)),)
    reader = load_public(office.folder / "brand.key")
    for merchant, name, why in (
        (office.shop, other, "the chain has 0x"),
        (office.other, payment, f"is merchant {office.shop}'s"),
        (office.shop, PaymentId("1-99"), "The chain has no such payment"),
    ):
        files.write_excerpt(office.folder / "lie.json", {name: shown}, merchant=merchant, reader=reader)
        chain = ["--rpc", office.stand.url, "--deployment", "deployment.json"]
        said = office.refused("lines", "show", name, "--file", "lie.json", "--key", "brand.key", *chain)
        assert why in said, said


def _erase(office: Office, payment: PaymentId, mine: list[str]) -> None:
    """The person behind a member is erased; what the chain says, and its proofs, stay as they are."""
    chain = ["--json", "--rpc", office.stand.url, "--deployment", "deployment.json"]
    questions = [["payment", payment, *chain], ["member", "1", *chain]]
    before = [office.typed(*each) for each in questions]
    erase = ["lines", "erase", "--yes", "--config", "bridge.toml", "--merchant", str(office.shop), "--before"]
    assert "a day that is not over" in office.refused(*erase, "2999-01-01").lower()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert office.typed(*erase, today) == f"0 content keys of merchant {office.shop} destroyed\n"
    said = office.typed("member", "erase", "1", "--yes", "--config", "bridge.toml")
    assert said == "member 1 is erased here, with 1 card\n"
    assert [office.typed(*each) for each in questions] == before
    assert office.show(payment, *mine) == [item.product for item in BASKET]
