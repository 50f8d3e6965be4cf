"""What was answered stays true when a card, a merchant or a terminal is no more, or is there after all: on a real
ledger, over ISO 8583 and JSON-RPC.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from coincurve import PrivateKey

from benchmarks.world import terminal_id
from node.bridge.assembly import Running
from node.bridge.intake_rpc import serve_rpc
from node.bridge.journal.claims import Claims
from node.config import RpcSettings
from node.domain.ids import MemberId
from node.iso8583.packager import Message
from node.pos import messages
from node.pos.messages import Request
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import listening
from tests.offchain.bridge_out.conftest import idle, until
from tests.offchain.bridge_out.shop import CARD, Shop, shop_on
from tests.offchain.bridge_out.stand import MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA = MEMBERS[0]
CHAIN_ID = 31_337
STRANGE = "6011000990139432"


async def suspend(stand: Stand, running: Running, what: str) -> None:
    """The Registry says that the shop's merchant, or its terminal, is not active; the bridge has heard of it."""
    merchant, registry = stand.merchants[0], stand.world.registry
    if what == "merchant":
        stand.world.as_operator(registry, "setMerchantActive", merchant, False)
    else:
        registry.send("setTerminalActive", terminal_id(merchant, 0), False, sender=stand.world.merchant)

    async def heard() -> bool:
        now = running.directory.current
        return not (now.merchants[merchant].active and now.terminals[f"{merchant}T0"].active)

    await until(heard, f"the bridge knows that the {what} is suspended")


def with_other_text(request: Request) -> Request:
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128)}
    return messages.seal(request.message.mti, fields | {37: "OTHERWISE   "}, request.terminal)


def advice(shop: Shop, stan: int, card: str) -> Request:
    said = shop.sale(stan, card=card).message.fields
    fields = {number: text for number, text in said.items() if number not in (22, 25, 64, 128)}
    return messages.seal("0220", fields | {39: "00"}, shop.terminal)


@pytest.mark.parametrize(("what", "code"), [("merchant", "03"), ("terminal", "58")])
async def test_repeat_and_reversal_of_a_sale_are_answered_when_its_merchant_or_terminal_is_suspended(
    stand: Stand, what: str, code: str
) -> None:
    async with shop_on(stand) as shop:
        sale = shop.sale(1)
        first = await shop.pos.send(sale)
        assert first.approved
        await suspend(stand, shop.running, what)
        for request in (sale, messages.repeat(sale), shop.sale(1, again=20)):
            again = await shop.pos.send(request)
            assert (again.approved, again.duplicate, again.payment_id) == (True, True, first.payment_id)
        assert (await shop.pos.send(with_other_text(sale))).response_code == "94"
        assert (await shop.pos.send(shop.sale(2))).response_code == code
        assert (await shop.pos.send(shop.undo(sale, 3))).approved
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE


async def test_repeat_of_a_sale_is_answered_when_its_card_is_nobodys_any_more(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        sale = shop.sale(1)
        assert (await shop.pos.send(sale)).approved
        shop.cards.clear()
        again = await shop.pos.send(sale)
        assert (again.approved, again.duplicate) == (True, True)
        assert (await shop.pos.send(shop.sale(2))).response_code == "14"
    assert stand.value(ANNA) == VALUE - 500


async def test_repeat_waits_with_the_first_one_when_that_is_not_final_yet(stand: Stand) -> None:
    stand.stop_mining()
    async with shop_on(stand) as shop:
        first = asyncio.create_task(shop.pos.send(shop.sale(1)))

        async def sent() -> bool:
            return bool(shop.running.stages.sender.pending)

        await until(sent, "the batch is on its way")
        shop.cards.clear()
        second = await shop.connect()
        again = asyncio.create_task(second.send(shop.sale(1)))
        refused = await second.send(shop.sale(2))
        assert (refused.response_code, again.done()) == ("14", False)
        stand.mine_every(0)
        stand.mine()
        assert ((await first).approved, (await again).approved, (await again).duplicate) == (True, True, True)


async def test_a_copy_of_a_refused_sale_stays_refused_when_the_card_is_there_after_all(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        sale = shop.sale(1, card=STRANGE)
        first = await shop.pos.send(sale)
        assert first.response_code == "14"
        shop.cards[STRANGE] = MemberId(ANNA)
        for request in (sale, shop.sale(1, card=STRANGE, again=20)):
            again = await shop.pos.send(request)
            assert (again.response_code, again.text) == ("14", first.text)
        assert (await shop.pos.send(shop.sale(2, card=STRANGE))).approved
        opened = shop.opened
    async with shop_on(stand) as shop:  # started anew
        shop.cards[STRANGE] = MemberId(ANNA)
        shop = replace(shop, opened=opened)
        assert (await shop.pos.send(shop.sale(1, card=STRANGE))).response_code == "14"
        # another content is another message: nothing was told of it
        assert (await shop.pos.send(with_other_text(shop.sale(1, card=STRANGE)))).approved
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE - 1_000


async def test_an_advice_is_taken_after_it_was_refused_and_repeated_when_its_card_has_become_known(
    stand: Stand,
) -> None:
    async with shop_on(stand) as shop:
        sale = advice(shop, 1, STRANGE)
        assert (await shop.pos.send(sale)).approved  # nobody's: an exception
        shop.cards[STRANGE] = MemberId(ANNA)
        again = await shop.pos.send(sale)
        assert (again.approved, again.duplicate) == (True, True)
        later = advice(shop, 2, CARD)
        await suspend(stand, shop.running, "terminal")
        assert (await shop.pos.send(later)).response_code == "58"
        stand.world.registry.send(
            "setTerminalActive", terminal_id(stand.merchants[0], 0), True, sender=stand.world.merchant
        )

        async def taken() -> bool:
            return (await shop.pos.send(later)).approved

        await until(taken, "what took place is taken")
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE - 500


async def test_what_a_thief_sends_without_mac_refuses_nothing_and_recalls_no_debit(stand: Stand) -> None:
    async with shop_on(stand, mac_required=False) as shop:
        plain = replace(shop, terminal=replace(shop.terminal, mac=None))
        for stan, card, code in ((1, CARD, "97"), (2, STRANGE, "14")):
            assert (await shop.pos.send(plain.sale(stan, card=card))).response_code == code
            assert (await shop.pos.send(shop.sale(stan))).approved
        assert (await shop.pos.send(plain.sale(1))).response_code == "97"
    assert stand.value(ANNA) == VALUE - 1_000


async def test_repeat_is_answered_when_the_terminal_has_signed_off(stand: Stand) -> None:
    async with shop_on(stand, sign_on=True) as shop:
        assert (await shop.pos.sign_on(shop.terminal)).approved
        sale = shop.sale(1)
        assert (await shop.pos.send(sale)).approved
        assert (await shop.pos.sign_off(shop.terminal)).approved
        assert (await shop.pos.send(sale)).duplicate
        assert (await shop.pos.send(shop.sale(2))).response_code == "58"


async def test_a_thief_learns_nothing_of_what_was_accepted(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        sale = shop.sale(1)
        assert (await shop.pos.send(sale)).approved
        shop.cards.clear()
        forged = Message(mti="0200", fields={**sale.message.fields, 128: "00" * 8})
        if 128 not in sale.message.fields:
            forged = Message(mti="0200", fields={**sale.message.fields, 64: "00" * 8})
        content = shop.terminal.fields.pack(forged)
        assert (await shop.pos.send(replace(sale, message=forged, content=content))).response_code == "97"


@asynccontextmanager
async def rpc_at(stand: Stand, shop: Shop, clock: Callable[[], int]) -> AsyncIterator[RpcConnection]:
    ledger = stand.world.ledger.address
    ports = replace(
        shop.running.ports,
        member_of=shop.cards.get,
        claims=Claims(shop.running.stages.journal, limit=100, clock=clock),
    )
    settings = RpcSettings(chain_id=CHAIN_ID, ledger=ledger.lower())
    async with (
        listening(serve_rpc, settings, ports) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=bytes.fromhex(ledger[2:])) as connection,
    ):
        yield connection


@pytest.mark.parametrize("what", ["merchant", "terminal"])
async def test_signed_repeat_and_reversal_are_answered_when_merchant_or_terminal_is_suspended(
    stand: Stand, what: str
) -> None:
    till = RpcTerminal(id=f"{stand.merchants[0]}T0", key=PrivateKey(b"\x21" * 32))
    signer = "0x" + till.address.hex()
    name = terminal_id(stand.merchants[0], 0)
    stand.world.registry.send("rotateTerminalKey", name, signer, sender=stand.world.merchant)
    good = {"card": CARD, "amount": 500, "currency": "840", "stored_value": 500}
    async with shop_on(stand) as shop, rpc_at(stand, shop, shop.running.stages.clock) as rpc:
        first = await rpc.purchase(till, stan="000001", **good)
        other = await rpc.purchase(till, stan="000002", **good)
        assert first.approved and other.approved
        shop.cards.clear()
        again = await rpc.repeat(first)  # refused now, and no refusal is kept
        assert (again.approved, again.duplicate) == (True, True)
        await suspend(stand, shop.running, what)
        for _ in range(2):
            again = await rpc.repeat(first)
            assert (again.approved, again.duplicate, again.payment_id) == (True, True, first.payment_id)
        refused = await rpc.purchase(till, stan="000003", **good)
        assert refused.error is not None
        assert (await rpc.reverse(till, stan="000004", original=other)).approved
        assert (await rpc.repeat(refused)).error == refused.error
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE - 500
