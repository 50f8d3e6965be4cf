"""PINs at a till: the right one, wrong ones, payments that need none, keys that open none; a real journal."""

from dataclasses import replace
from typing import Any

import pytest

from node.bridge.security.shown import Shown
from node.bridge.verify.digests import Proof, authorisation
from node.domain.act import Act, ActKind
from node.domain.errors import WrongPin
from node.domain.ids import TerminalId
from node.domain.payment import Payment
from node.iso8583.packager import unpack
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, FakeJournal
from tests.offchain.bridge_in.pin.conftest import Vault, sale
from tests.offchain.bridge_in.pins import (
    ABOVE,
    BARE_CARD,
    LOCAL,
    OLD_PIN_KEY,
    OTHER_CARD,
    PIN,
    WRONG,
    block,
)
from tests.offchain.bridge_out.makers import payment


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
