"""Anchors on a second chain: sent once whatever happens, and held against the chain by an audit."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.devchain import Chain, anvil
from benchmarks.world import Terms
from node.anchor_settings import AnchoredChain, AnchorSettings, TargetChain
from node.audit.anchors.post import Anchoring
from node.audit.anchors.record import Anchor, Sent, append_record, read_records
from node.audit.findings import Kind
from node.audit.run import Order
from node.chain.rpc import Rpc
from node.chain.signer import Signer
from node.cli.main import cli
from node.config import load_anchor
from node.domain.errors import Unusable
from node.domain.ids import Hash32
from tests.contracts.auditing import audit_of, busy_world, deployment_of, url_of
from tests.contracts.twin import Twin

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
KEY = bytes(31) + b"\x77"
EVERY = 30


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return busy_world(chain, terms)


@pytest.fixture
def world(busy: Twin) -> Iterator[Twin]:
    with busy.forgotten():
        yield busy


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Chain]:
    """Another chain, on which the anchoring key has something to pay with."""
    with anvil() as running:
        running.request("anvil_setBalance", "0x" + Signer(KEY).address.hex(), hex(10**18))
        yield running


def settings_of(world: Twin, elsewhere: Chain, folder: Path) -> AnchorSettings:
    return AnchorSettings(
        enabled=True,
        state=folder / "anchors.jsonl",
        every_blocks=EVERY,
        chain=AnchoredChain(rpc=(url_of(world.chain),), deployment=folder / "deployment.json"),
        target=TargetChain(
            rpc=(url_of(elsewhere),), chain_id=31337, key_file=folder / "key", confirmations=0, timeout_s=20
        ),
    )


async def anchored(world: Twin, elsewhere: Chain, folder: Path, *, most: int = 100) -> list[Sent]:
    """Anchors all that is due, some times at most; what was written down of it."""
    settings = settings_of(world, elsewhere, folder)
    async with Rpc(settings.chain.rpc, timeout=60) as chain, Rpc(settings.target.rpc, timeout=60) as target:
        anchoring = Anchoring(
            settings=settings,
            deployment=deployment_of(world.world),
            chain=chain,
            target=target,
            signer=Signer(KEY),
            tell=lambda _: None,
        )
        for _ in range(most):
            if await anchoring.once() is None:
                break
    return read_records(settings.state)


def order_of(records: list[Sent], elsewhere: Chain) -> Order:
    return Order(anchors=tuple(records), anchor_rpc=url_of(elsewhere))


async def test_anchors_agree_when_the_chain_is_as_it_was(world: Twin, elsewhere: Chain, tmp_path: Path) -> None:
    records = await anchored(world, elsewhere, tmp_path)
    newest = int(world.chain.request("eth_blockNumber"), 16)
    assert len(records) == newest // EVERY >= 2
    assert [(each.anchor.first, each.anchor.height) for each in records[:2]] == [(1, EVERY), (EVERY + 1, 2 * EVERY)]
    sent = elsewhere.request("eth_getTransactionByHash", "0x" + records[0].transaction.hex())
    assert bytes.fromhex(sent["input"][2:]) == records[0].anchor.pack()
    audit = await asyncio.to_thread(audit_of, world.world, order_of(records, elsewhere))
    assert audit.agrees, list(audit.findings)
    assert audit.checked["anchors"] == len(records)


async def test_anchoring_sends_the_same_bytes_when_it_died_before_it_sent(
    world: Twin, elsewhere: Chain, tmp_path: Path
) -> None:
    (first,) = await anchored(world, elsewhere, tmp_path, most=1)
    other = tmp_path / "again"
    address = "0x" + Signer(KEY).address.hex()
    mark = elsewhere.snapshot()
    (unsent,) = await anchored(world, elsewhere, other, most=1)
    elsewhere.revert(mark)  # as if it had only been written down
    before = int(elsewhere.request("eth_getTransactionCount", address, "latest"), 16)
    records = await anchored(world, elsewhere, other, most=1)
    assert records[0] == unsent
    assert records[0].anchor == first.anchor
    assert int(elsewhere.request("eth_getTransactionCount", address, "latest"), 16) == before + len(records)


async def test_audit_differs_when_the_chain_was_written_anew(world: Twin, elsewhere: Chain, tmp_path: Path) -> None:
    mark = world.chain.snapshot()
    world.chain.request("anvil_mine", hex(EVERY))
    records = await anchored(world, elsewhere, tmp_path)
    height = records[-1].anchor.height
    world.chain.revert(mark)
    assert height > int(world.chain.request("eth_blockNumber"), 16)
    world.chain.set_next_time(world.now + 77)
    world.chain.request("anvil_mine", hex(EVERY))
    audit = await asyncio.to_thread(audit_of, world.world, order_of(records, elsewhere))
    assert not audit.agrees
    assert f"block {height}" in {each.subject for each in audit.findings.kept[Kind.ANCHOR]}


async def test_audit_differs_when_the_other_chain_has_no_such_anchor(
    world: Twin, elsewhere: Chain, tmp_path: Path
) -> None:
    records = await anchored(world, elsewhere, tmp_path, most=1)
    forged = Sent(anchor=records[0].anchor, transaction=Hash32(b"\x11" * 32), raw=b"")
    audit = await asyncio.to_thread(audit_of, world.world, order_of([forged], elsewhere))
    assert [each.text for each in audit.findings.kept[Kind.ANCHOR]] == [f"the other chain has no anchor 0x{'11' * 32}"]


def test_till_anchor_is_off_when_nobody_enabled_it(world: Twin, elsewhere: Chain, tmp_path: Path) -> None:
    file = tmp_path / "anchor.toml"
    file.write_text(
        f'[chain]\nrpc = ["{url_of(world.chain)}"]\ndeployment = "deployment.json"\n'
        f'[target]\nrpc = ["{url_of(elsewhere)}"]\nchain_id = 31337\nkey_file = "key"\n'
    )
    assert load_anchor(file).enabled is False
    refused = CliRunner().invoke(cli, ["anchor", "run", "--config", str(file)])
    assert isinstance(refused.exception, Unusable)
    assert "Anchoring is off" in str(refused.exception)
    shown = CliRunner().invoke(cli, ["anchor", "status", "--config", str(file)])
    assert shown.exit_code == 0, shown.output
    assert "Anchoring is off" in shown.output
    assert "Nothing was anchored yet" in shown.output


def test_records_end_before_a_line_that_was_cut_short(tmp_path: Path) -> None:
    anchor = Anchor(chain_id=7, first=1, height=9, block_hash=Hash32(b"a" * 32), log_root=Hash32(b"b" * 32))
    sent = Sent(anchor=anchor, transaction=Hash32(b"c" * 32), raw=b"raw")
    file = tmp_path / "anchors.jsonl"
    append_record(file, [], sent)
    append_record(file, [sent], sent)
    assert read_records(file) == [sent, sent]
    file.write_text(file.read_text()[:-20])
    assert read_records(file) == [sent]
    file.write_text("no anchor\n" + file.read_text())
    with pytest.raises(Unusable, match="line 1, is no anchor"):
        read_records(file)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: b"x" + d[1:], lambda d: d[:8] + b"\x02" + d[9:]])
def test_anchor_is_refused_when_it_is_none(change: object) -> None:
    anchor = Anchor(chain_id=7, first=1, height=9, block_hash=Hash32(b"a" * 32), log_root=Hash32(b"b" * 32))
    assert Anchor.unpack(anchor.pack()) == anchor
    with pytest.raises(ValueError, match="anchor"):
        Anchor.unpack(change(anchor.pack()))  # type: ignore[operator]
