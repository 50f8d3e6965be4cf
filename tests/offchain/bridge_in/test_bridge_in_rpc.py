"""Payments over JSON-RPC: signed, journaled, repeated, reversed, refused."""

from dataclasses import replace

import pytest
from coincurve import PrivateKey

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.intake_rpc.params import terms_of
from node.bridge.verify.digests import Proof, authorisation
from node.bridge.verify.local_time import local_stamp
from node.config import RpcSettings
from node.domain.assignment import Item
from node.domain.directory import Directory
from node.domain.ids import MinorUnits, TerminalId
from node.domain.payment import OriginalKey, Payment, Reversal, Tender
from node.domain.terminal_terms import PaymentTerms
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, LIMIT, MEMBER, FakeJournal, listening

GOOD = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}


async def test_payment_submit_is_journaled_and_answered(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    reply = await rpc.purchase(rpc_terminal, **GOOD, items=basket, coin=100, pin_result="1")
    assert reply.result == {
        "approved": True,
        "responseCode": "00",
        "paymentId": "1-1",
        "status": "journaled",
        "amount": None,
        "points": "1234000",
        "balance": None,
        "holdings": None,
        "duplicate": False,
        "text": "Thank you, 1.234 POINTS EARNED",
        "facts": {},
    }
    payment = journal.entries[0]
    assert isinstance(payment, Payment)
    assert (payment.member, payment.merchant, payment.key.mti_class) == (MEMBER, 42, "020")
    assert payment.lines[0].tender is Tender.COIN and payment.items_root is not None
    sent = reply.request["params"]
    signature = bytes.fromhex(sent["signature"][2:])
    assert payment.authorisation == authorisation(Proof.SIGNATURE, "1", payment.body, signature)
    assert payment.time == sent["time"]
    assert payment.key.local_time == payment.transmission_time == local_stamp(sent["time"], 0)


async def test_the_same_payment_again_is_a_duplicate(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    first = await rpc.purchase(rpc_terminal, **GOOD)
    again = await rpc.repeat(first)
    assert (first.duplicate, again.duplicate, again.payment_id) == (False, True, first.payment_id)
    assert len(journal.entries) == 1


async def test_payment_reverse_names_its_original(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    original = await rpc.purchase(rpc_terminal, **GOOD)
    reply = await rpc.reverse(rpc_terminal, stan="000002", original=original)
    assert reply.approved
    payment, reversal = journal.entries
    assert isinstance(reversal, Reversal) and isinstance(payment, Payment)
    assert reversal.original == OriginalKey(
        terminal="TILL0001", mti_class="020", stan="000001", transmission_time=payment.transmission_time
    )


async def test_status_and_health(rpc: RpcConnection, rpc_terminal: RpcTerminal) -> None:
    paid = await rpc.purchase(rpc_terminal, **GOOD)
    assert paid.payment_id is not None
    assert (await rpc.status(paid.payment_id)).result == paid.result
    unknown = await rpc.call("payment_status", {"paymentId": "1-999"})
    assert unknown.error is not None and unknown.error["code"] == -32025
    wrong = await rpc.call("payment_status", {"paymentId": "first"})
    assert wrong.error is not None and wrong.error["code"] == -32602
    assert (await rpc.health()).result == {"directoryBlock": 17, "queue": 3}


BAD_PAYMENTS = {
    "zero amount": ({"amount": 0}, -32013, "13"),
    "above the limit": ({"amount": int(LIMIT) + 1}, -32013, "13"),
    "another currency": ({"currency": "978"}, -32013, "13"),
    "items that do not add up": ({"items": (Item(product="p", quantity=1, amount=MinorUnits(1)),)}, -32013, "13"),
    "tenders above the amount": ({"coin": 700, "stored_value": 501}, -32013, "13"),
    "unknown card": ({"card": "1"}, -32014, "14"),
    "no PIN result": ({"pin_result": "9"}, -32602, "30"),
    "STAN of letters": ({"stan": "00000A"}, -32602, "30"),
    "too old": ({"at": 1_500_000_000}, -32063, "63"),
    "from the future": ({"at": 4_000_000_000}, -32063, "63"),
}


@pytest.mark.parametrize(("changes", "rpc_code", "code"), BAD_PAYMENTS.values(), ids=BAD_PAYMENTS)
async def test_payment_submit_gets_its_code_when_it_is_bad(
    rpc: RpcConnection,
    rpc_terminal: RpcTerminal,
    journal: FakeJournal,
    changes: dict[str, object],
    rpc_code: int,
    code: str,
) -> None:
    reply = await rpc.purchase(rpc_terminal, **{**GOOD, **changes})
    assert reply.error is not None and reply.error["code"] == rpc_code, reply.error
    assert reply.response_code == code and CARD not in reply.error["message"]
    assert journal.entries == []


@pytest.mark.parametrize(
    ("name", "rpc_code"), [("NOWHERE", -32058), ("CLOSED", -32058), ("ORPHAN", -32003), ("MACONLY", -32063)]
)
async def test_payment_submit_is_refused_when_the_terminal_may_not(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, name: str, rpc_code: int
) -> None:
    reply = await rpc.purchase(replace(rpc_terminal, id=name), **GOOD)
    assert reply.error is not None and reply.error["code"] == rpc_code


async def test_the_key_before_is_taken_while_a_rotation_is_under_way(
    rpc_settings: RpcSettings, ports: Ports, directory: Directory, rpc_terminal: RpcTerminal
) -> None:
    new = RpcTerminal(id="TILL0001", key=PrivateKey(b"\x77" * 32))
    rotating = replace(
        directory.terminals[TerminalId("TILL0001")], signer=new.address, previous_signer=rpc_terminal.address
    )
    changed = replace(directory, terminals={rotating.id: rotating})
    async with (
        listening(serve_rpc, rpc_settings, replace(ports, directory=lambda: changed)) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=LEDGER) as rpc,
    ):
        assert (await rpc.purchase(new, **GOOD)).approved
        assert (await rpc.purchase(rpc_terminal, **{**GOOD, "stan": "000002"})).approved


async def test_payment_submit_is_refused_when_somebody_else_signed_or_anything_changed(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, listen_rpc
) -> None:
    thief = RpcTerminal(id="TILL0001", key=PrivateKey(b"\x66" * 32))
    good = await rpc.purchase(rpc_terminal, **GOOD)
    terms, signature = terms_of(PaymentTerms, good.request["params"])
    replies = [
        await rpc.purchase(thief, **GOOD),
        await rpc.submit(replace(terms, amount=1_201), signature),
        await rpc.submit(replace(terms, pin_result="1"), signature),
        await rpc.submit(terms, bytes(65)),
    ]
    async with (
        listen_rpc(chain_id=CHAIN_ID + 1) as url,
        RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as other_network,
    ):
        replies.append(await other_network.purchase(rpc_terminal, **GOOD))
    async with (
        listen_rpc(ledger="0x" + "77" * 20) as url,
        RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as other,
    ):
        replies.append(await other.purchase(rpc_terminal, **GOOD))  # another contract on the same chain
    assert [reply.response_code for reply in replies] == ["63"] * 6
    assert len(journal.entries) == 1
