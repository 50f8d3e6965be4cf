"""A real bridge that met cards, PINs and keys in every way, crashes included, keeps none of them in any form."""

import asyncio
import base64
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from psec import pinblock

from benchmarks.database import Cluster
from node.bridge.keys.key import Purpose
from node.iso8583.retail_mac import RetailMac
from node.pos.messages import PosTerminal
from tests.offchain.bridge_out.kept_journal import DatabaseJournal, FileJournal, KeptJournal
from tests.offchain.bridge_out.needles import forms_of_bytes, forms_of_digits, found_in, found_in_files
from tests.offchain.bridge_out.secured_shop import (
    AMOUNT,
    KEK,
    LOST_PAN,
    MAC_KEY,
    PAN,
    PHONE,
    PIN,
    PIN_KEY,
    PRODUCT,
    START_SECONDS,
    WRONG_PIN,
    Shop,
)
from tests.offchain.bridge_out.stand import KEY, stand_on

TORN = ("after-admit", "after-record", "before-settle")
VERDICTS = {"00": "right", "55": "wrong"}


def needles(card_key: bytes, lines_key: bytes) -> dict[str, bytes]:
    """Every form of every secret."""
    digits = {"PAN": PAN, "lost PAN": LOST_PAN, "phone": PHONE[1:], "PIN": PIN, "wrong PIN": WRONG_PIN}
    keys = {"MAC key": MAC_KEY, "PIN key": PIN_KEY, "key-encrypting key": KEK, "posting key": KEY, "card key": card_key}
    keys |= {"line item": PRODUCT.encode(), "key of line items": lines_key}
    keys |= {f"{name}'s clear block": pinblock.encode_pinblock_iso_0(pin, PAN) for name, pin in (("PIN", PIN),)}
    found = [forms_of(name, forms_of_digits(each)) for name, each in digits.items()]
    found += [forms_of(name, forms_of_bytes(each)) for name, each in keys.items()]
    return {name: needle for each in found for name, needle in each.items()}


def forms_of(name: str, forms: dict[str, bytes]) -> dict[str, bytes]:
    """The forms of one secret, by its name."""
    return {f"{name} as {form}": needle for form, needle in forms.items()}


def keys_of(shop: Shop) -> dict[str, bytes]:
    """Every form of every key that there is by now: those of the terminals, their master keys, the people's."""
    found = {f"{each.purpose.value} {each.held.key.check_value}": each.held.key.value for each in shop.custody.listed()}
    for file in ("master.key", "people-master.key"):
        masters = (shop.folder / file).read_text().split()
        found |= {f"{file} {number}": bytes.fromhex(each) for number, each in enumerate(masters)}
    return {
        name: needle for key, value in found.items() for name, needle in forms_of(key, forms_of_bytes(value)).items()
    }


def test_needles_are_found_wherever_they_lie(tmp_path: Path) -> None:
    wanted = needles(b"\x77\x13" * 16, b"\x5a\x91" * 16)
    assert len(wanted) > 150
    for name, needle in wanted.items():
        assert name in found_in(b"\x00before" + needle + b"behind", wanted), name
    for said, name in (
        (f'{{"card": "{PAN}"}}'.encode(), "PAN as text"),
        (b"x" + bytes.fromhex("6" + PAN + "f"), "PAN as shifted BCD"),
        (b"xx" + base64.b64encode(b"ab" + MAC_KEY + b"c"), "MAC key as base64, shifted by 2"),
        (repr(int.from_bytes(KEY, "big")).encode(), "posting key as number"),
    ):
        assert name in found_in(said, wanted), name
    file = tmp_path / "log"
    file.write_bytes(PAN.encode())
    assert "PAN as text in log" in found_in_files([file], wanted)
    assert not found_in(b"nothing of that kind", wanted)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> KeptJournal:
    """The bridge's journal: a file, or a database."""
    if request.param == "sqlite":
        return FileJournal(tmp_path)
    cluster: Cluster = request.getfixturevalue("cluster")
    return DatabaseJournal(cluster, request.getfixturevalue("database"))


@pytest.mark.anvil
@pytest.mark.slow
async def test_scan_finds_no_secret_after_payments_refusals_and_crashes(tmp_path: Path, journal: KeptJournal) -> None:
    with stand_on(tmp_path) as stand:
        stand.mine_every(1)
        shop = Shop(stand, journal=journal)
        shop.run("cards", "import", str(shop.folder / "cards.csv"))
        shop.run("cards", "import", str(shop.folder / "bad.csv"))
        shop.run("cards", "pin", said=f"{LOST_PAN}\n{PIN}\n")
        shop.run("cards", "unlock", said=f"{PAN}\n")
        wanted: dict[str, bytes] = {}
        with shop.bridge() as process:
            lines_key = (shop.folder / "lines.key").read_text().split()[1]
            wanted |= needles(bytes.fromhex((shop.folder / "cards.key").read_text()), bytes.fromhex(lines_key))
            await _trade(shop)
            wanted |= await _change_keys(shop)
            assert not shop.scan(wanted, process)
            limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
            assert next(line.split() for line in limits if "core file" in line)[4:6] == ["0", "0"], "no dumps"
            process.send_signal(signal.SIGABRT)
            assert await asyncio.to_thread(process.wait, START_SECONDS) == -signal.SIGABRT
        for point in TORN:
            with shop.bridge(point) as process:
                await shop.send(shop.sale(PAN, pin=PIN, value=2 * AMOUNT), shop.sale(PHONE))
                assert await asyncio.to_thread(process.wait, START_SECONDS) == -signal.SIGKILL
            assert any("wal" in str(each) for each in journal.files()) and not shop.scan(wanted), point
        with shop.bridge():
            await _break(shop)
            shop.run("status")
            shop.run("status", "--json")
        assert not shop.scan(wanted)
        _prove_that_there_was_something(shop)


async def _trade(shop: Shop) -> None:
    """Payments and refusals of every kind."""
    good = shop.sale(PAN, pin=PIN, value=2 * AMOUNT)
    assert await shop.send(good, shop.sale(PAN), shop.sale(PHONE)) == ["00", "00", "00"]
    assert await shop.send(good, shop.sale(PAN, value=2 * AMOUNT)) == ["00", "55"]
    assert await shop.send(shop.sale(PAN, pin=WRONG_PIN, value=2 * AMOUNT), shop.sale(LOST_PAN)) == ["55", "14"]
    thief = PosTerminal(id=shop.till.id, merchant=shop.till.merchant, mac=RetailMac(b"\x66" * 16))
    refused = [shop.sale(PAN, pin=PIN, terminal=thief), shop.sale(PAN, fields={41: "OTHER"})]
    refused += [shop.sale(PAN, fields={3: "770000"}), shop.sale(PAN, fields={48: f"XX{PAN}"})]
    assert await shop.send(*refused) == ["97", "58", "12", "30"]
    await shop.send_garbage()


async def _change_keys(shop: Shop) -> dict[str, bytes]:
    """The terminal's key by message and by command, the master key by commands, beside the bridge; all these keys."""
    wanted = keys_of(shop)
    (master,) = shop.custody.master.check_values()
    assert await shop.change_key() == "00"
    wanted |= keys_of(shop)
    components = [bytes.fromhex("3C5A6978871E2D4BF0E1D2C3B4A59687"), bytes.fromhex("C0FFEE1234567890ABCDEF9876543210")]
    said = "".join([each.hex() + "\n" for each in components])
    for command in (("list",), ("list", "--json"), ("block", shop.till.id), ("rotate", shop.till.id, "--now")):
        shop.run("keys", *command)
    shop.run("keys", "import", "SPARE", said=said)
    shop.run("keys", "import", "SPARE", "--check-value", "000000", said=said)
    wanted |= keys_of(shop)
    for command in (("new",), ("list",)):
        shop.run("keys", "master", *command)
    wanted |= keys_of(shop)
    shop.run("keys", "rewrap")
    shop.run("keys", "master", "retire", master)
    assert b"is destroyed" in shop.said and b"component 2: check value" in shop.said and b"M3TC" in shop.said
    ours = [each for each in shop.custody.listed() if (each.terminal, each.purpose) == (shop.till.id, Purpose.MAC)]
    old, shop.till = shop.till, replace(shop.till, mac=ours[0].held.key.for_mac())
    deadline = time.monotonic() + START_SECONDS
    while await shop.send(shop.sale(PAN)) != ["00"]:
        assert time.monotonic() < deadline, "the bridge reads what the commands wrote"
    assert await shop.send(shop.sale(PAN, terminal=old)) == ["97"], "--now"
    for number, each in enumerate(components, start=1):
        wanted |= forms_of(f"component {number}", forms_of_bytes(each))
    return wanted


async def _break(shop: Shop) -> None:
    """Faults inside: the tables of PINs and of cards are gone for a while."""
    engine = shop.journal.engine()

    def rename(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    rename("pins", "hidden")
    assert await shop.send(shop.sale(PAN, pin=PIN, value=2 * AMOUNT)) == ["96"]
    rename("hidden", "pins")
    rename("entries", "hidden")
    assert await shop.send(shop.sale(PAN)) == ["96"]
    rename("hidden", "entries")
    assert await shop.send(shop.sale(PAN, pin=PIN, value=2 * AMOUNT)) == ["00"]


def _prove_that_there_was_something(shop: Shop) -> None:
    log = (shop.folder / "bridge.log").read_text()
    for said in (
        '"event": "journaled"',
        '"event": "message.refused"',
        "message.unreadable",
        "Fatal Python error: Aborted",
    ):
        assert said in log, said
    assert "WrongPin" in log and "JournalUnwritable" in log
    with shop.journal.engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar_one() >= 5
        sealed = connection.exec_driver_sql("SELECT count(*) FROM entries WHERE length(sealed) > 80").scalar_one()
        assert sealed >= 5, "baskets are kept"
        rows = connection.exec_driver_sql("SELECT key, verdict FROM pin_attempts").all()
    # of messages that the crash left without an answer, a try is there if it came before the crash
    judged = {key.split("|")[1]: verdict for key, verdict in rows}
    answered = {stan: VERDICTS[code] for stan, code in shop.tried.items() if code in VERDICTS}
    assert answered.items() <= judged.items() and judged.keys() <= shop.tried.keys()
    assert sorted(answered.values()) == ["right", "right", "wrong"], "before, between and after the crashes"
    assert not list(shop.folder.glob("core*")) and b"schema" not in shop.said
