"""Nonces and idempotency keys over real HTTP, remembered in a real journal: a copy of a message has no effect, ever."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.journal.claims import Claim, Claims
from node.bridge.journal.store import Journal
from node.config import JournalSettings, RpcSettings
from node.domain.errors import DuplicateOtherBody, IdempotencyConflict, JournalUnwritable, Overloaded
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.offchain.bridge_in.conftest import (
    CARD,
    CHAIN_ID,
    CURRENCY,
    LEDGER,
    MEMBER,
    FakeJournal,
    listening,
)

GOOD = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}
NOW = 1_790_000_000
UNKNOWN_CARD = "5551234567"


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Callable[[], object]]:
    """Opens the same journal again, as after a restart; gives its claims."""
    opened: list[Journal] = []

    async def open_(limit: int = 100, clock: Callable[[], int] = lambda: NOW * 1_000) -> Claims:
        for each in opened:
            await each.close()
        opened[:] = [await Journal.open(JournalSettings(path=tmp_path / "journal.sqlite"))]
        return Claims(opened[0], limit=limit, clock=clock)

    yield open_
    for each in opened:
        await each.close()


@pytest.fixture
async def rpc(rpc_settings: RpcSettings, ports: Ports, kept) -> AsyncIterator[RpcConnection]:
    changed = replace(ports, claims=await kept())
    async with (
        listening(serve_rpc, rpc_settings, changed) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=LEDGER) as connection,
    ):
        yield connection


async def with_key(rpc: RpcConnection, of: RpcReply, key: str) -> RpcReply:
    return await rpc.call(of.request["method"], {**of.request["params"], "idempotencyKey": key})


async def test_a_copy_of_a_refused_payment_stays_refused_when_the_card_is_there_after_all(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, ports: Ports, kept, rpc_settings: RpcSettings
) -> None:
    refused = await rpc.purchase(rpc_terminal, **{**GOOD, "card": UNKNOWN_CARD})
    assert refused.error is not None and refused.error["code"] == -32014
    again = replace(ports, member_of=lambda card: MEMBER, claims=await kept())  # the bridge was started anew
    async with (
        listening(serve_rpc, rpc_settings, again) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=LEDGER) as later,
    ):
        assert (await later.repeat(refused)).error == refused.error
        assert journal.entries == []
        accepted = await later.purchase(rpc_terminal, **{**GOOD, "card": UNKNOWN_CARD, "stan": "000002"})
        assert accepted.approved


async def test_what_may_be_tried_again_is_not_remembered_as_refused(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    journal.failure = Overloaded()
    busy = await rpc.purchase(rpc_terminal, **GOOD)
    journal.failure = None
    assert (busy.response_code, (await rpc.repeat(busy)).approved) == ("96", True)


async def test_a_stan_and_time_are_good_for_one_content(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    first = await rpc.purchase(rpc_terminal, **GOOD)
    at = first.request["params"]["time"]
    other = await rpc.purchase(rpc_terminal, **{**GOOD, "amount": 1_300}, at=at)
    assert other.error is not None and other.error["code"] == -32094
    assert (await rpc.repeat(first)).duplicate
    # a reversal may carry its original's STAN and time: another class
    assert (await rpc.reverse(rpc_terminal, stan="000001", original=first, at=at)).approved
    assert len(journal.entries) == 2


async def test_an_idempotency_key_names_one_request_and_stays_out_of_the_journal(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, tmp_path: Path
) -> None:
    plain = await rpc.purchase(rpc_terminal, **GOOD)
    first, again = await with_key(rpc, plain, "order-7"), await with_key(rpc, plain, "order-7")
    assert (first.payment_id, again.payment_id, again.duplicate) == (plain.payment_id, plain.payment_id, True)
    second = await rpc.purchase(rpc_terminal, **{**GOOD, "stan": "000002"})
    clash = await with_key(rpc, second, "order-7")
    assert clash.error is not None and (clash.error["code"], clash.response_code) == (-32093, "94")
    too_long = await with_key(rpc, second, "k" * 65)
    assert too_long.error is not None and too_long.error["code"] == -32602
    await with_key(rpc, plain, f"{CARD}-1")
    with sqlite3.connect(tmp_path / "journal.sqlite") as kept:
        names = [row[0] for row in kept.execute("SELECT name FROM claims")]
    kept.close()
    assert len(names) == 4 and not any("order-7" in name or CARD in name for name in names)
    assert len(journal.entries) == 2


async def test_a_thief_claims_nothing(rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal) -> None:
    thief = RpcTerminal(id="TILL0001", key=type(rpc_terminal.key)(b"\x66" * 32))
    stolen = await rpc.purchase(thief, **GOOD)
    assert stolen.response_code == "63"
    paid = await rpc.purchase(rpc_terminal, **{**GOOD, "amount": 900}, at=stolen.request["params"]["time"])
    assert paid.approved


def claim(nonce: str, *, key: str = "", said: bytes = b"a" * 32, until: int = NOW * 1_000 + 1, **more: bool) -> Claim:
    return Claim(nonce=nonce, key=key, said=said, until=until, **more)


async def test_claims_outlive_a_restart_and_keep_the_refusal(kept) -> None:
    claims = await kept()
    assert await claims.take(claim("n1", key="k1")) is None
    await claims.refuse(claim("n1", key="k1"), '{"code": 1}')
    claims = await kept()
    assert await claims.take(claim("n1", key="k1")) == '{"code": 1}'
    assert await claims.take(claim("n1")) == '{"code": 1}'
    with pytest.raises(IdempotencyConflict):
        await claims.take(claim("n2", key="k1", said=b"b" * 32))
    with pytest.raises(DuplicateOtherBody):
        await claims.take(claim("n1", said=b"b" * 32))


async def test_a_claim_once_is_refused_the_second_time(kept) -> None:
    claims = await kept()
    assert await claims.take(claim("n1", once=True)) is None
    with pytest.raises(DuplicateOtherBody):
        await claims.take(claim("n1", once=True))


async def test_claims_are_bounded_and_the_old_ones_make_room(kept) -> None:
    now = [NOW * 1_000]
    claims = await kept(limit=3, clock=lambda: now[0])
    for number in range(3):
        await claims.take(claim(f"n{number}"))
    with pytest.raises(Overloaded):
        await claims.take(claim("n3"))
    assert await claims.take(claim("n2")) is None  # a repeat needs no room
    now[0] += 10
    assert await claims.take(claim("n3", until=now[0])) is None
    with pytest.raises(DuplicateOtherBody):
        await claims.take(claim("n3", said=b"b" * 32))


async def test_claims_that_come_together_know_of_each_other(kept) -> None:
    claims = await kept(limit=1_000)
    wanted = [claim(f"n{number % 100}", said=bytes([number // 100]) * 32, once=number < 50) for number in range(300)]
    found = await asyncio.gather(*(claims.take(each) for each in wanted), return_exceptions=True)
    assert found[:100] == [None] * 100
    assert {type(each) for each in found[100:]} == {DuplicateOtherBody}


async def test_a_disk_that_is_full_refuses_the_claims_and_the_next_ones_are_taken(kept, tmp_path: Path) -> None:
    claims = await kept()
    await claims.take(claim("n0"))
    with sqlite3.connect(tmp_path / "journal.sqlite") as other:
        pages = other.execute("PRAGMA page_count").fetchone()[0]
    other.close()
    journal = claims._journal
    await journal.run(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}") and None)
    big = [claim(f"{'n' * 4_000}{number}") for number in range(20)]
    failed = await asyncio.gather(*(claims.take(each) for each in big), return_exceptions=True)
    assert {type(each) for each in failed} == {JournalUnwritable}
    await journal.run(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000") and None)
    assert await asyncio.gather(*(claims.take(each) for each in big)) == [None] * 20
