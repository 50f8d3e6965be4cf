"""Where a crowd meets a bridge: a real bridge process over four validators, or over a development chain."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.batches import bench_plan
from node.chain.deployment import load_deployment
from node.demo.stand import PROJECT, READY
from node.demo.stand import Stand as Network
from node.domain.ids import Address
from node.iso8583.retail_mac import RetailMac
from node.pos.messages import PosTerminal
from proving.kill_bridges import Process
from proving.kill_stand import import_members
from proving.kill_tills import MAC_KEY, card_of
from tests.offchain.bridge_out.stand import MEMBERS, stand_on

FOLDER: Final = PROJECT / ".till" / "crowd"
VALIDATORS: Final = 4
LISTENER: Final = {"max_in_flight": 32}
"""As for many small gateways (docs/iso8583.md): with the default of 512 one that floods holds up all others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A bridge that listens, its process, its chain, and who may pay there."""

    port: int
    pid: int
    rpc: list[str]
    websocket: str
    ledger: Address
    terminals: list[PosTerminal]
    cards: list[str]


@contextmanager
def on_validators(say: Callable[[str], None]) -> Iterator[Place]:
    """A network, contracts and a bridge of its own, as `make bench` has them; ended on the way out."""
    stand = Network(FOLDER, tell=say)
    try:
        stand.clear()
        network = stand.start_network(VALIDATORS)
        say("deploying and onboarding")
        stand.deploy()
        plan = bench_plan()
        stand.onboard(plan)
        ports = stand.start_bridge(network, plan, iso8583=LISTENER)
        urls = [network.rpc_url(validator) for validator in network.validators]
        yield Place(
            port=ports.iso8583,
            pid=int(json.loads((stand.bridge_folder / READY).read_text())["pid"]),
            rpc=urls,
            websocket=urls[0].replace("http", "ws", 1),
            ledger=load_deployment(stand.network_folder / "deployment.json").ledger,
            terminals=[
                PosTerminal(id=till.id, merchant=merchant, mac=RetailMac(till.mac_key))
                for merchant, shop in enumerate(plan.shops, start=1)
                for till in shop.tills
                if till.mac_key is not None
            ],
            cards=list(plan.cards.values()),
        )
    finally:
        stand.stop()


@contextmanager
def on_anvil(say: Callable[[str], None]) -> Iterator[Place]:
    """A bridge on a chain of its own with a block a second."""
    with tempfile.TemporaryDirectory() as folder, stand_on(Path(folder)) as stand:
        terminals = [f"{merchant}T{number}" for merchant in stand.merchants for number in (0, 1)]
        keys = stand.folder / "mac.keys"
        keys.touch(mode=0o600)
        keys.write_text("".join(f"{terminal} {MAC_KEY.hex()}\n" for terminal in terminals))
        config = stand.write(iso8583={"mac_key_file": "mac.keys", **LISTENER})
        import_members(stand, config, MEMBERS)
        stand.mine_every(1)
        process = Process(stand.folder, config, "bridge", "")
        try:
            process.listens()
            say("a bridge on anvil listens")
            yield Place(
                port=process.port,
                pid=process.pid,
                rpc=[stand.url],
                websocket=stand.url.replace("http", "ws", 1),
                ledger=Address(bytes.fromhex(stand.world.ledger.address[2:])),
                terminals=[
                    PosTerminal(id=each, merchant=int(each.partition("T")[0]), mac=RetailMac(MAC_KEY))
                    for each in terminals
                ],
                cards=[card_of(member) for member in MEMBERS],
            )
            process.stop()
        finally:
            process.kill()
