"""PIN blocks over JSON-RPC, beside what is signed."""

import time
from dataclasses import replace
from typing import Any

from psec import pinblock

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.journal.claims import Claims
from node.config import RpcSettings
from node.domain.terminal_terms import PaymentTerms, members_of
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, listening
from tests.offchain.bridge_in.pin.conftest import Vault
from tests.offchain.bridge_in.pins import (
    AES_KEY,
    PIN,
    WRONG,
    block,
)


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
