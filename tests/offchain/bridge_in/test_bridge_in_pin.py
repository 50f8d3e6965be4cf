"""PINs at a till: the right one, wrong ones until the card is locked, and messages that come again; a real journal."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from psec import pinblock

from node.bridge.cards import Cards, import_cards
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.journal.claims import Claims
from node.bridge.journal.pins import Attempt, Verdict, begin, end, unlock
from node.bridge.journal.store import Journal
from node.bridge.people import open_people
from node.bridge.security import pins as judging
from node.bridge.security.gate import Gate, Refusals
from node.bridge.security.pin_hash import is_right
from node.bridge.security.pins import Pins
from node.bridge.security.shown import Shown
from node.bridge.verify.digests import Proof, authorisation
from node.config import JournalSettings, RpcSettings
from node.domain.act import Act, ActKind
from node.domain.errors import WrongPin
from node.domain.ids import TerminalId
from node.domain.payment import Payment
from node.domain.terminal_terms import PaymentTerms, members_of
from node.iso8583.packager import unpack
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from node.security_settings import PinSettings
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, MEMBER, FakeJournal, listening
from tests.offchain.bridge_in.pins import (
    ABOVE,
    AES_KEY,
    BARE_CARD,
    CARD_KEY,
    LOCAL,
    OLD_PIN_KEY,
    OTHER_CARD,
    PIN,
    PIN_KEY,
    WRONG,
    block,
)
from tests.offchain.bridge_out.makers import payment


def sale(terminal: PosTerminal, number: int, *, pin_block: str = "", **changes: Any) -> Request:
    """A purchase paid from stored value, with a PIN block if there is one."""
    said = {"card": CARD, "amount": 1_200, "stored_value": 1_200, "currency": CURRENCY, **changes}
    request = messages.purchase(terminal, stan=f"{number:06d}", local=LOCAL, transmitted=LOCAL, **said)
    fields = {number: value for number, value in request.message.fields.items() if number not in (64, 128)}
    return messages.seal("0200", fields | ({52: pin_block} if pin_block else {}), terminal)


@dataclass(kw_only=True)
class Vault:
    """The journal with its cards and PINs, and the gate before it."""

    journal: Journal
    cards: Cards
    gate: Gate
    pins: Pins

    async def tries(self, card: str = CARD) -> int:
        query = "SELECT tries FROM pins WHERE token = ?"
        return int(await self.journal.run(lambda on: on.exec_driver_sql(query, (self.cards.token_of(card),)).scalar()))


@pytest.fixture
def pin_key_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin.keys"
    path.touch(mode=0o600)
    path.write_text(f"TILL0001 {PIN_KEY.hex()} {OLD_PIN_KEY.hex()}\nTILL2 aes:{AES_KEY.hex()}  # a new one\n")
    return path


@pytest.fixture
def pin_settings(pin_key_file: Path) -> PinSettings:
    return PinSettings(key_file=pin_key_file, above=ABOVE)


@pytest.fixture
async def vault(tmp_path: Path, pin_settings: PinSettings, kept: JournalSettings) -> AsyncIterator[Vault]:
    journal = await Journal.open(kept)
    file = tmp_path / "cards.csv"
    file.write_text(f"card,member,pin\n{CARD},{MEMBER},{PIN}\n{OTHER_CARD},77,{PIN}\n{BARE_CARD},78,\n")
    people = open_people(
        journal.engine, JournalSettings(people_master_key_file=tmp_path / "people-master.key"), CARD_KEY
    )
    assert import_cards(journal.engine, CARD_KEY, people, file) == 3
    cards = Cards(journal.engine, CARD_KEY, people)
    pins = Pins(pin_settings, journal.run, cards.token_of, CARD_KEY, people.open_pin, clock=lambda: 1_000_000)
    yield Vault(
        journal=journal,
        cards=cards,
        pins=pins,
        gate=Gate(cards.member_of, Refusals(CollectorRegistry()), pins=pins),
    )
    pins.close()
    cards.close()
    await journal.close()


@pytest.fixture
def ports(ports: Ports, vault: Vault) -> Ports:
    return replace(ports, member_of=vault.gate.member_of, gate=vault.gate)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the threads that hashed a PIN."""
    names: list[str] = []

    def noted(*arguments: Any) -> bool:
        names.append(threading.current_thread().name)
        return is_right(*arguments)

    monkeypatch.setattr(judging, "is_right", noted)
    yield names


async def test_payment_is_taken_once_and_hashed_once_when_its_pin_is_right(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, vault: Vault, hashed: list[str]
) -> None:
    paid = await pos.send(sale(terminal, 1, pin_block=block(PIN)))
    again = await pos.repeat(paid.request, same_mti=True)
    folded = await pos.repeat(paid.request)
    assert [each.response_code for each in (paid, again, folded)] == ["00"] * 3
    assert again.duplicate and folded.duplicate and len(journal.entries) == 1
    assert len(hashed) == 1 and hashed[0].startswith("pin"), "a repeat is no second try, and the loop never hashes"
    entry = journal.entries[0]
    mac = bytes.fromhex(unpack(paid.request.content).fields[64])
    assert isinstance(entry, Payment)
    assert entry.authorisation == authorisation(Proof.MAC, "2", entry.body, mac), "the chain's line says: a PIN block"
    assert await vault.tries() == 0


async def test_card_is_locked_when_its_tries_are_used_up_until_it_is_unlocked(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, vault: Vault
) -> None:
    wrong = [sale(terminal, number, pin_block=block(WRONG)) for number in (1, 2, 3)]
    assert [(await pos.send(each)).response_code for each in wrong] == ["55", "55", "75"]
    assert [(await pos.send(each)).response_code for each in wrong] == ["55", "55", "75"], "each has its answer"
    right = sale(terminal, 4, pin_block=block(PIN))
    assert (await pos.send(right)).response_code == "75"
    other = await pos.send(sale(terminal, 5, card=OTHER_CARD, pin_block=block(PIN, OTHER_CARD)))
    assert other.approved, "another card is not locked"
    token = vault.cards.token_of(CARD)
    assert await vault.journal.run(lambda connection: unlock(connection, [token, b"nobody's"])) == 1
    assert (await pos.send(right)).response_code == "75", "a message that was answered stays answered"
    assert (await pos.send(sale(terminal, 6, pin_block=block(PIN)))).approved
    assert len(journal.entries) == 2


async def test_right_pin_gives_the_tries_back(pos: PosConnection, terminal: PosTerminal, vault: Vault) -> None:
    codes = []
    for number, pin in enumerate((WRONG, WRONG, PIN, WRONG, WRONG), start=1):
        codes.append((await pos.send(sale(terminal, number, pin_block=block(pin)))).response_code)
    assert codes == ["55", "55", "00", "55", "55"] and await vault.tries() == 2


async def test_payment_needs_a_pin_only_when_it_takes_more_than_the_setting(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    async def code(number: int, **changes: Any) -> str:
        return (await pos.send(sale(terminal, number, **changes))).response_code

    assert await code(1) == "55"
    assert await code(2, pin_result="1") == "55", "the terminal's word is not a PIN"
    assert await code(3, stored_value=ABOVE) == "00"
    assert await code(4, stored_value=ABOVE, coin=1) == "55"
    assert await code(5, stored_value=0) == "00", "what only earns needs none"
    assert await code(6, stored_value=0, pin_block=block(WRONG)) == "55", "one that came is looked at"
    assert await code(7, card=BARE_CARD, pin_block=block(PIN, BARE_CARD)) == "55", "that card has no PIN"
    put_aside = {"stan": "000008", "local": LOCAL, "transmitted": LOCAL, "amount": ABOVE + 1, "currency": CURRENCY}
    assert (await pos.send(messages.act(terminal, "0100", "006000", card=CARD, **put_aside))).response_code == "55"
    gift = {"stan": "000009", "local": LOCAL, "transmitted": LOCAL, "objects": {"GF": "3"}}
    assert (await pos.send(messages.act(terminal, "0200", "920000", card=CARD, **gift))).response_code == "55"
    assert len(journal.entries) == 2


async def test_advice_is_never_asked_for_a_pin(vault: Vault) -> None:
    shown = Shown(terminal=TerminalId("TILL0001"), card=CARD)
    gift = replace(payment(1), act=Act(data=bytes([ActKind.GIFT]) + bytes(8)))
    advice = replace(gift, key=replace(gift.key, mti_class="022"))
    with pytest.raises(WrongPin):
        await vault.gate.admit(gift, shown)
    await vault.gate.admit(advice, shown)
    await vault.gate.admit(advice, replace(shown, pin_block=b"x"))


async def test_many_wrong_pins_at_once_are_no_more_tries_than_one_after_another(
    pos: PosConnection, terminal: PosTerminal, hashed: list[str], vault: Vault
) -> None:
    requests = [sale(terminal, number, pin_block=block(f"{number:04d}")) for number in range(2, 42)]
    replies = await asyncio.gather(*[pos.send(each) for each in requests])
    assert sorted(each.response_code for each in replies) == ["55", "55"] + ["75"] * 38
    assert len(hashed) == 3 and await vault.tries() == 3
    assert (await pos.send(sale(terminal, 50, pin_block=block(PIN)))).response_code == "75"


async def test_right_pins_at_once_do_not_lock_each_other_out(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    requests = [sale(terminal, number, pin_block=block(PIN)) for number in range(1, 11)]
    replies = await asyncio.gather(*[pos.send(each) for each in requests])
    assert {each.response_code for each in replies} == {"00"} and len(journal.entries) == 10


async def test_same_message_at_once_is_one_try(pos: PosConnection, terminal: PosTerminal, vault: Vault, listen) -> None:
    request = sale(terminal, 1, pin_block=block(WRONG))
    async with listen() as listener:
        others = [await listener.connect() for _ in range(5)]
        replies = await asyncio.gather(*[each.send(request) for each in (pos, *others)])
    assert [each.response_code for each in replies] == ["55"] * 6 and await vault.tries() == 1


async def test_try_that_a_crash_left_open_is_judged_without_counting_again(
    pos: PosConnection, terminal: PosTerminal, vault: Vault, directory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Attempt] = []

    async def die(attempt: Attempt, shown: Shown) -> Verdict:
        seen.append(attempt)
        await vault.journal.run(lambda connection: begin(connection, attempt, tries=3, now=0))
        raise OSError("the process is gone")

    with monkeypatch.context() as patched:
        patched.setattr(vault.pins, "_judge", die)
        assert (await pos.send(sale(terminal, 1, pin_block=block(WRONG)))).response_code == "96"
    assert await vault.tries() == 1 and seen
    assert (await pos.send(sale(terminal, 1, pin_block=block(PIN)))).response_code == "94", "no second guess under it"
    assert (await pos.send(sale(terminal, 1, pin_block=block(WRONG)))).response_code == "55"
    assert await vault.tries() == 1


async def test_verdict_belongs_to_its_card_and_content(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.failure = OSError("the journal refuses what the gate let through")
    own = sale(terminal, 1, card=OTHER_CARD, pin_block=block(PIN, OTHER_CARD))
    assert (await pos.send(own)).response_code == "96"
    journal.failure = None
    theft = sale(terminal, 1, card=CARD, pin_block=block(PIN, OTHER_CARD))
    assert (await pos.send(theft)).response_code == "94", "a right PIN of one card opens no other under the same key"
    stolen = sale(terminal, 2, card=CARD, pin_block=block(PIN, OTHER_CARD))
    assert (await pos.send(stolen)).response_code == "55", "a block is for its card's number"
    assert (await pos.send(own)).approved


async def test_key_before_still_opens_and_garbage_is_a_wrong_pin(
    pos: PosConnection, terminal: PosTerminal, vault: Vault
) -> None:
    assert (await pos.send(sale(terminal, 1, pin_block=block(PIN, key=OLD_PIN_KEY)))).approved
    foreign = sale(terminal, 2, pin_block=block(PIN, key=b"\x11" * 8 + b"\x22" * 8))
    assert (await pos.send(foreign)).response_code == "55" and await vault.tries() == 1


async def test_terminal_without_a_pin_key_is_answered_30(pos: PosConnection, terminal: PosTerminal) -> None:
    without = replace(terminal, id="MACONLY")
    assert (await pos.send(sale(without, 1, pin_block=block(PIN)))).response_code == "30"
    aes = replace(terminal, id="TILL2")
    assert (await pos.send(sale(aes, 2, pin_block=block(PIN)))).response_code == "55", "8 bytes are no AES block"


async def test_too_many_pins_at_once_are_answered_96_and_cost_no_try(
    pos: PosConnection, terminal: PosTerminal, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> bool:
        held.set()
        assert go.wait(10)
        return is_right(*arguments)

    monkeypatch.setattr(judging, "is_right", slow)
    monkeypatch.setattr(vault.pins, "_settings", replace(vault.pins._settings, waiting=1))
    first = asyncio.create_task(pos.send(sale(terminal, 1, pin_block=block(PIN))))
    assert await asyncio.to_thread(held.wait, 10)
    refused = await pos.send(sale(terminal, 2, card=OTHER_CARD, pin_block=block(WRONG, OTHER_CARD)))
    go.set()
    assert refused.response_code == "96" and (await first).approved
    assert await vault.tries(OTHER_CARD) == 0


def signed_sale(rpc: RpcConnection, terminal: RpcTerminal, stan: str) -> dict[str, Any]:
    """The parameters of a purchase paid from stored value."""
    terms = PaymentTerms(
        terminal=terminal.id,
        stan=stan,
        time=int(time.time()),
        card=CARD,
        currency=CURRENCY,
        amount=1_200,
        coin=0,
        stored_value=1_200,
        pin_result="2",
        items="",
    )
    said = {member.name: getattr(terms, member.attribute) for member in members_of(PaymentTerms)}
    return {**said, "signature": "0x" + rpc.sign(terminal, terms).hex()}


async def test_rpc_takes_a_pin_block_beside_what_is_signed(listen_rpc, rpc_terminal, vault: Vault) -> None:
    aes = replace(rpc_terminal, id="TILL2")
    sealed = pinblock.encipher_pinblock_iso_4(AES_KEY, PIN, CARD).hex()
    async with listen_rpc() as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:

        async def pay(stan: str, **beside: str) -> RpcReply:
            return await rpc.call("payment_submit", signed_sale(rpc, aes, stan) | beside)

        replies = [await pay("000001"), await pay("000002", pinBlock="zz"), await pay("000003", pinBlock=sealed)]
        assert [(each.error or {}).get("code") for each in replies] == [-32055, -32602, None]
        assert replies[2].approved and replies[0].response_code == "55"


async def test_rpc_copy_with_another_pin_block_changes_no_answer(
    rpc_settings: RpcSettings, ports: Ports, rpc_terminal: RpcTerminal, vault: Vault
) -> None:
    remembering = replace(ports, claims=Claims(vault.journal, limit=100, clock=lambda: 1_000_000))
    async with (
        listening(serve_rpc, rpc_settings, remembering) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=LEDGER) as rpc,
    ):
        sales = {pin: signed_sale(rpc, rpc_terminal, stan) for pin, stan in ((PIN, "000001"), (WRONG, "000002"))}

        async def pay(sale: str, pin: str) -> RpcReply:
            return await rpc.call("payment_submit", sales[sale] | {"pinBlock": block(pin)})

        paid, copy, again = await pay(PIN, PIN), await pay(PIN, WRONG), await pay(PIN, PIN)
        assert paid.approved and copy.response_code == "94" and again.approved and again.duplicate
        assert [(await pay(WRONG, pin)).response_code for pin in (WRONG, PIN, WRONG)] == ["55"] * 3
    assert await vault.tries() == 1


async def test_old_tries_are_swept_and_end_is_locked_without_a_pin(vault: Vault) -> None:
    token = vault.cards.token_of(CARD)

    def work(connection: Any) -> tuple[int, Verdict]:
        for number in range(5):
            begin(connection, Attempt(key=f"k{number}", token=token, said=b"s"), tries=9, now=number)
        week = 8 * 86_400_000
        begin(connection, Attempt(key="new", token=token, said=b"s"), tries=9, now=week)
        left = connection.exec_driver_sql("SELECT count(*) FROM pin_attempts").scalar_one()
        return left, end(connection, Attempt(key="new", token=token, said=b"s"), right=False, tries=6)

    assert await vault.journal.run(work) == (1, Verdict.LOCKED)
