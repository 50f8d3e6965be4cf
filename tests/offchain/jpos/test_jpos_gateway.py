"""jPOS itself drives the bridge on a real ledger: sign-on, sales, time-outs, store and forward, reversals, totals."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.bridge.assembly import Running
from node.bridge.card_key import key_of_journal
from node.bridge.cards import import_cards
from node.bridge.journal.schema import migrate, open_engine
from node.bridge.people import open_people
from node.config import JournalSettings
from node.iso8583 import binary, packager
from node.iso8583.packager import Message
from node.iso8583.table import TABLE, Kind
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand, stand_on, transfers_to
from tests.offchain.jpos.gateway import Gateway, gateway_on

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
ANNA, BERT, CARL = MEMBERS[0], MEMBERS[1], MEMBERS[2]
AMOUNT = 500
SHORT_MS = 700
"""A gateway without patience, milliseconds."""


@dataclass
class Till:
    """What a terminal sends, as jPOS' fields. Trace numbers count up."""

    terminal: str
    merchant: int
    stans: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def head(self) -> dict[int, str]:
        now = datetime.now(UTC)
        return {7: f"{now:%m%d%H%M%S}", 11: f"{next(self.stans):06d}", 41: self.terminal.ljust(8)}

    def network(self, code: str, **more: str) -> dict[int, str]:
        return self.head() | {70: code} | {int(name[2:]): value for name, value in more.items()}

    def sale(self, member: int, *, amount: int = AMOUNT, code: str = "000000", private: str = "") -> dict[int, str]:
        now = datetime.now(UTC)
        fields = self.head() | {
            2: f"90000{member:05d}",
            3: code,
            4: f"{amount:012d}",
            12: f"{now:%H%M%S}",
            13: f"{now:%m%d}",
            22: "021",
            25: "00",
            42: str(self.merchant).ljust(15),
            49: "840",
        }
        return fields | ({48: private} if private else {})

    def undo(self, mti: str, sale: dict[int, str]) -> dict[int, str]:
        """A reversal after a time-out: it carries the sale's trace number."""
        kept = {number: sale[number] for number in (3, 4, 7, 11, 12, 13, 25, 41, 42)}
        return kept | {90: f"{mti}{sale[11]}{sale[7]}{'0' * 22}"}

    def totals(self, debits: int, amount: int, *, undone: int = 0, undone_amount: int = 0) -> dict[int, str]:
        net = amount - undone_amount
        fields = self.head() | {42: str(self.merchant).ljust(15)}
        fields |= {74: "0", 75: "0", 76: str(debits), 77: str(undone), 86: "0", 87: "0"}
        return fields | {88: str(amount), 89: str(undone_amount), 97: f"{'D' if net > 0 else 'C'}{abs(net):016d}"}


@dataclass(frozen=True)
class Shop:
    """A bridge on a ledger with a jPOS gateway before it, and its till."""

    stand: Stand
    running: Running
    gateway: Gateway
    till: Till


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with stand_on(tmp_path) as made:
        yield made


@asynccontextmanager
async def shop_on(stand: Stand, *, jpos: dict[str, Any], **sections: dict[str, Any]) -> AsyncIterator[Shop]:
    """A bridge with cards and a key, and jPOS connected to it."""
    merchant = stand.merchants[0]
    till = Till(terminal=f"{merchant}T0", merchant=merchant)
    keys = stand.folder / "mac.keys"
    keys.touch(mode=0o600)
    keys.write_text(f"{till.terminal} {KEY.hex()}\n")
    cards = stand.folder / "cards.csv"
    cards.write_text("".join(f"90000{member:05d},{member}\n" for member in MEMBERS))
    engine = open_engine(stand.folder / "journal.sqlite")
    migrate(engine)
    key = key_of_journal(engine, stand.folder / "cards.key")
    people = open_people(engine, JournalSettings(people_master_key_file=stand.folder / "people-master.key"), key)
    import_cards(engine, key, people, cards)
    engine.dispose()
    iso8583 = {"mac_key_file": "mac.keys"} | sections.pop("iso8583", {})
    async with bridge_on(stand, iso8583=iso8583, **sections) as running:
        ready = stand.folder / "bridge.json"

        async def listening() -> bool:
            return ready.is_file()

        await until(listening, "the bridge listens")
        port = json.loads(ready.read_text())["iso8583"]["port"]
        async with gateway_on(stand.folder, KEY, port=port, **jpos) as gateway:
            yield Shop(stand=stand, running=running, gateway=gateway, till=till)


PROFILES = {
    "ascii": ({"packager": "iso87ascii.xml"}, {}),
    "binary": ({"packager": "iso87binary.xml"}, {"fields": "bcd"}),
}


@pytest.mark.parametrize(("jpos", "profile"), PROFILES.values(), ids=PROFILES)
async def test_jpos_signs_on_sells_asks_reverses_and_reconciles(
    stand: Stand, jpos: dict[str, Any], profile: dict[str, Any]
) -> None:
    async with shop_on(stand, jpos=jpos, iso8583={**profile, "sign_on": True}) as shop:
        gateway, till = shop.gateway, shop.till
        early = await gateway.request("0200", till.sale(ANNA))
        assert (early.mti, early.code, early.mac_right) == ("0210", "58", True)
        signed = await gateway.request("0800", till.network("001"))
        assert (signed.mti, signed.code, signed.fields[70]) == ("0810", "00", "001")
        assert (await gateway.request("0800", till.network("301"))).code == "00"

        earned = till.sale(ANNA, private=f"LI00131000001,,{AMOUNT};")
        sold = await gateway.request("0200", earned)
        assert (sold.code, sold.mac_right, len(sold.fields[38])) == ("00", True, 6)
        debited = till.sale(BERT, code="006000")
        paid = await gateway.request("0200", debited)
        assert paid.code == "00" and "POINTS EARNED" in paid.fields[63]
        asked = await gateway.request("0100", till.sale(BERT, code="310000"))
        assert asked.fields[54].startswith(f"6002840C{VALUE - AMOUNT:012d}9002840C")

        undone = await gateway.request("0400", till.undo("0200", debited))
        assert (undone.mti, undone.code) == ("0410", "00")
        again = await gateway.request("0401", till.undo("0200", debited))
        assert (again.mti, again.code) == ("0410", "00")
        told = till.sale(CARL, amount=300) | {38: "OFF001", 39: "00"}
        assert (await gateway.request("0220", told)).mti == "0230"
        await idle(shop.running)

        today = f"{datetime.now(UTC):%m%d}"
        assert (await gateway.request("0800", till.network("201", DE15=today))).code == "00"
        good = till.totals(3, 2 * AMOUNT + 300, undone=1, undone_amount=AMOUNT) | {15: today}
        closed = await gateway.request("0520", good)
        assert (closed.mti, closed.code, closed.fields[66]) == ("0530", "00", "1")
        bad = await gateway.request("0500", till.totals(1, 1))
        assert (bad.mti, bad.code, bad.fields[66], bad.fields[88].lstrip("0")) == ("0510", "95", "2", "")
        assert (await gateway.request("0800", till.network("002"))).code == "00"
        assert (await gateway.request("0200", till.sale(ANNA))).code == "58"
    assert (stand.points(ANNA), stand.value(BERT)) == (AMOUNT * COEFFICIENT, VALUE)
    assert stand.points(CARL) == 300 * COEFFICIENT


async def test_a_sale_that_jpos_repeats_after_time_outs_has_one_effect(stand: Stand) -> None:
    async with shop_on(stand, jpos={}, answers={"deadline_ms": 60_000}) as shop:
        stand.stop_mining()
        sale = shop.till.sale(ANNA, code="006000")
        assert (await shop.gateway.request("0200", sale, patience_ms=SHORT_MS)).timeout
        assert (await shop.gateway.request("0200", sale, patience_ms=SHORT_MS)).timeout
        stand.mine_every(1)
        answered = await shop.gateway.forward("0200", sale, patience_ms=SHORT_MS)
        # QMUX may take the late answer to the first one for its own
        assert answered.code == "00" and "PI00031-1" in answered.fields[48]
        await idle(shop.running)
        again = await shop.gateway.request("0200", sale)
        assert again.code == "00" and "DU00011" in again.fields[48]
    assert (stand.value(ANNA), transfers_to(stand, ANNA)) == (VALUE - AMOUNT, 1)


async def test_a_sale_that_jpos_gives_up_and_reverses_has_no_effect(stand: Stand) -> None:
    async with shop_on(stand, jpos={}, answers={"deadline_ms": 60_000}) as shop:
        stand.stop_mining()
        sale = shop.till.sale(ANNA, code="006000")
        assert (await shop.gateway.request("0200", sale, patience_ms=SHORT_MS)).timeout
        undone = await shop.gateway.forward("0420", shop.till.undo("0200", sale), patience_ms=SHORT_MS)
        assert (undone.mti, undone.code, undone.mac_right) == ("0430", "00", True)
        stand.mine_every(1)
        await idle(shop.running)
        late = await shop.gateway.request("0200", sale)
        assert (late.code, late.mac_right) == ("91", True)
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)


async def test_jpos_reads_what_a_part_is_and_what_the_member_has_left(stand: Stand) -> None:
    async with shop_on(stand, jpos={}, iso8583={"balances": True}) as shop:
        stand.mine_every(1)
        asked = shop.till.sale(ANNA, code="006000", amount=VALUE + AMOUNT, private="PA00011")
        part = await shop.gateway.request("0200", asked)
        assert (part.mti, part.code, part.mac_right) == ("0210", "10", True)
        assert part.fields[4] == f"{VALUE:012d}" and f"ONLY {VALUE // 100}.00 APPROVED" in part.fields[63]
        # account 60 is empty, account 90 has the coins that the part earned, at par
        earned = VALUE * COEFFICIENT // 10_000
        assert part.fields[54] == f"6002840C{0:012d}9002840C{earned:012d}"
        undone = await shop.gateway.request("0400", shop.till.undo("0200", asked))
        assert undone.code == "00"
        await idle(shop.running)
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)


async def test_jpos_forwards_an_advice_while_the_chain_stands(stand: Stand) -> None:
    async with shop_on(stand, jpos={"tpdu": ""}, iso8583={"tpdu": "never"}) as shop:
        stand.stop_mining()
        told = shop.till.sale(ANNA, code="006000", amount=VALUE + 1) | {38: "OFF001", 39: "Y1"}
        first = await shop.gateway.forward("0220", told, patience_ms=SHORT_MS)
        assert (first.mti, first.code, first.tries) == ("0230", "00", 1)
        again = await shop.gateway.forward("0221", told, patience_ms=SHORT_MS)
        assert (again.mti, again.code) == ("0230", "00")
        stand.mine_every(1)
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE


@pytest.mark.parametrize(
    ("config", "pack", "unpack"),
    [("iso87ascii.xml", packager.pack, packager.unpack), ("iso87binary.xml", binary.pack, binary.unpack)],
)
async def test_jpos_packs_every_element_as_we_do(tmp_path: Path, config: str, pack: Any, unpack: Any) -> None:
    fields = {number: example(number) for number in TABLE if number != 65}
    async with gateway_on(tmp_path, KEY, packager=config) as gateway:
        data = await gateway.pack("0200", fields)
        few = await gateway.pack("0800", {11: "1", 70: "301"})
    assert pack(Message(mti="0200", fields=fields)) == data
    assert pack(unpack(data)) == data
    assert pack(Message(mti="0800", fields={11: "1", 70: "301"})) == few


def example(number: int) -> str:
    """A short value, so that everything that is filled up is seen; an odd number of digits."""
    element = TABLE[number]
    match element.kind:
        case Kind.NUMERIC:
            return "7" * min(element.length, 5)
        case Kind.BINARY:
            return "A5" * element.length
        case Kind.SIGNED:
            return "D" + f"{number:0{element.length - 1}d}"
        case Kind.TRACK:
            return "6011=2512"
    return "x" if element.length < 4 else "x\xe9 y"[: element.length]
