"""Proofs of what four real validators signed, made and checked by the commands; and whatever is changed in them.

The tests build on each other, in their order: the validators change, and change back, and are stopped at the end.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.chain.deployment import load_deployment
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.demo.plan import Plan
from node.demo.stand import PROJECT, TILL, BridgePorts, Stand
from node.domain.ids import MemberId, PaymentId
from node.explorer.prove import Consensus, NotProvable, prove_payment
from node.iso8583.retail_mac import RetailMac
from node.network.headers import ValidatorHeaders
from node.network.plan import NetworkPlan
from node.network.proofs import ask_comet
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.proofs.anchor import read_anchor
from node.proofs.refusal import ProofRefused, Step
from node.proofs.verify import verify_proof
from tests.e2e.test_payment_over_tcp import AMOUNT, ANNA, BASKET, BERT, CURRENCY, POINTS, small_plan
from tests.network.chain import wait_until

pytestmark = [pytest.mark.chain, pytest.mark.slow]
NOT_ANCHORED = 3
NOBODY = 12_345
THREE = ("--as", "v1", "--as", "v2", "--as", "v3")


@dataclass(frozen=True)
class World:
    """A network with a bridge, and a folder for files."""

    stand: Stand
    plan: Plan
    ports: BridgePorts
    network: NetworkPlan
    files: Path

    def till(self, *arguments: str | Path, code: int = 0) -> str:
        """What a command prints; on stderr if it is expected to fail. Run where no demonstration's network is."""
        done = self._run([*TILL, *map(str, arguments)])
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.files,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def pay(self, who: int) -> str:
        """Buys the basket, waits until it is final, and returns the payment's name."""
        name = asyncio.run(self._pay(who))
        wait_until(lambda: self._is_final(name), seconds=30, what=f"{name} final")
        return name

    async def _pay(self, who: int) -> str:
        own = self.plan.shops[0].tills[0]
        assert own.mac_key is not None
        till = PosTerminal(id=own.id, merchant=1, mac=RetailMac(own.mac_key))
        pos = await PosConnection.open("127.0.0.1", self.ports.iso8583)
        try:
            assert (await pos.sign_on(till)).approved
            card = self.plan.cards[who]
            reply = await pos.purchase(till, card=card, amount=AMOUNT, currency=CURRENCY, items=BASKET)
        finally:
            await pos.close()
        assert reply.approved and reply.payment_id is not None, reply.text
        return reply.payment_id

    def _is_final(self, name: str) -> bool:
        done = self._run([*TILL, "payment", name, "--network", str(self.stand.network_folder), "--json"])
        return done.returncode == 0 and json.loads(done.stdout)["outcome"] == "final"

    def prove(self, name: str, *options: str | Path) -> Path:
        """The proof of a payment with its items."""
        receipt, proof = self.files / f"{name}.json", self.files / f"{name}.proof.json"
        shown = self.till("lines", "show", name, "--config", self.stand.bridge_config, "--json")
        receipt.write_text(shown)
        network = self.stand.network_folder
        self.till("prove", "payment", name, "--items", receipt, "-o", proof, "--network", network, *options)
        return proof

    def verify(self, proof: Path, *options: str | Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.till("verify", proof, "--json", *options))
        return found

    def validators(self) -> set[int]:
        """The powers that sign now, by CometBFT."""
        found = ask_comet(self.network, self.network.validators[0], "validators")
        return {int(each["voting_power"]) for each in found["validators"]}

    def give(self, power: int) -> None:
        """Votes another power for the fourth validator, and waits until its set signs."""
        folder = self.stand.network_folder
        self.till("validator", "propose", "power", folder, "v4", str(power), *THREE)
        wait_until(lambda: self.validators() == {10, power}, seconds=30, what=f"a set with {power}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stand, plan = Stand(tmp_path_factory.mktemp("proofs")), small_plan()
    try:
        network = stand.start_network(4)
        stand.deploy()
        stand.onboard(plan)
        ports = stand.start_bridge(network, plan)
        files = tmp_path_factory.mktemp("files")
        yield World(stand=stand, plan=plan, ports=ports, network=network, files=files)
    finally:
        stand.stop()


@pytest.fixture(scope="module")
def anchor(world: World) -> Path:
    """What the operator publishes."""
    file = world.files / "network.anchor.json"
    world.till("prove", "anchor", "-o", file, "--network", world.stand.network_folder)
    return file


@pytest.fixture(scope="module")
def bought(world: World) -> tuple[str, Path]:
    """A payment and its proof."""
    name = world.pay(ANNA)
    return name, world.prove(name)


def test_payment_is_proved_and_checked(world: World, anchor: Path, bought: tuple[str, Path]) -> None:
    name, proof = bought
    found = world.verify(proof, "--anchor", anchor)
    network = world.stand.network_folder
    asked = json.loads(world.till("payment", name, "--network", network, "--json"))
    assert found["anchored"] and found["payment"] == name
    for mine, theirs in (("block", "block"), ("block_hash", "block_hash"), ("block_time", "block_time")):
        assert found[mine] == asked[theirs]
    assert [(line["amount"], line["points"], line["rule_version"]) for line in found["lines"]] == [
        (line["amount"], line["points"], line["rule_version"]) for line in asked["lines"]
    ]
    assert sum(line["points"] for line in found["lines"]) == POINTS
    assert {line["member"] for line in found["lines"]} == {world.plan.members[ANNA]}
    assert [(each["product"], each["quantity"], each["amount"]) for each in found["items"]] == [
        (item.product, item.quantity, item.amount) for item in BASKET
    ]
    assert found["power_total"] == 40 and found["power_signed"] in (30, 40)
    # the genesis in the network's folder says the same as what was published
    assert world.verify(proof, "--network", network) == found
    shown = " ".join(world.till("verify", proof, "--anchor", anchor).split())
    assert f"Payment {name}, proved" in shown and found["block_hash"] in shown and BASKET[0].product in shown


def test_proof_that_nobody_anchors_says_so(world: World, bought: tuple[str, Path]) -> None:
    assert "Nobody has said" in world.till("verify", bought[1], code=NOT_ANCHORED)


def test_proof_is_small_and_quick_to_check(bought: tuple[str, Path], anchor: Path) -> None:
    data = bought[1].read_bytes()
    assert len(data) < 60_000
    assert verify_proof(data, read_anchor(anchor.read_bytes())).signed.changes == 0


def test_every_change_of_a_real_proof_is_refused(anchor: Path, bought: tuple[str, Path]) -> None:
    original, trusted = bought[1].read_bytes(), read_anchor(anchor.read_bytes())

    @settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, len(original) - 1), st.integers(1, 255))
    def check(place: int, difference: int) -> None:
        tampered = original[:place] + bytes([original[place] ^ difference]) + original[place + 1 :]
        try:
            if json.dumps(json.loads(tampered)) == json.dumps(json.loads(original)):
                return  # white space for white space
        except ValueError:
            pass
        with pytest.raises(ProofRefused):
            verify_proof(tampered, trusted)

    check()


def test_items_of_another_payment_are_no_proof(world: World, anchor: Path, bought: tuple[str, Path]) -> None:
    name, proof = bought
    second = world.prove(world.pay(BERT))
    mixed = json.loads(proof.read_text())
    mixed["items"] = json.loads(second.read_text())["items"]
    file = world.files / "mixed.json"
    file.write_text(json.dumps(mixed))
    assert "line items" in world.till("verify", file, "--anchor", anchor, code=1)
    receipt = world.files / f"{name}.json"
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "seed": "0x" + "00" * 16}))
    network = world.stand.network_folder
    options = ("--items", receipt, "-o", file, "--network", network)
    assert "another root" in world.till("prove", "payment", name, *options, code=1)


class Lying(Rpc):
    """A gateway that alters one value of an answer."""

    lie: tuple[str, str] = ("", "")

    async def call(self, method: str, *params: Any) -> Any:
        answer = await super().call(method, *params)
        asked, name = self.lie
        if method == asked and isinstance(answer, list):
            answer[0]["logs"][0][name] = _altered(answer[0]["logs"][0][name])
        elif method == asked:
            answer[name] = _altered(answer[name])
        return answer


def _altered(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (("eth_getBlockReceipts", "data"), "receipts"),
        (("eth_getBlockByHash", "stateRoot"), "block"),
        (("eth_getBlockByHash", "receiptsRoot"), "receipts"),
    ],
)
async def test_gateway_that_lies_is_found_out(
    world: World, bought: tuple[str, Path], lie: tuple[str, str], words: str
) -> None:
    deployment = load_deployment(world.stand.network_folder / "deployment.json")
    consensus = Consensus(headers=ValidatorHeaders(world.network))
    async with Lying([world.network.rpc_url(world.network.validators[0])]) as rpc:
        rpc.lie = lie
        with pytest.raises(NotProvable, match=words):
            await prove_payment(rpc, deployment, PaymentId(bought[0]), consensus)


def test_payment_that_is_none_has_no_proof(world: World) -> None:
    output = world.files / "none.json"
    network = world.stand.network_folder
    said = world.till("prove", "payment", "1-999999", "-o", output, "--network", network, code=1)
    assert "no such payment" in said and not output.exists()


def test_balance_is_proved_and_that_there_is_none(world: World, anchor: Path) -> None:
    member, network = world.plan.members[ANNA], world.stand.network_folder

    async def on_chain() -> int:
        async with Rpc([world.network.rpc_url(world.network.validators[0])]) as rpc:
            return (await Ledger(rpc, load_deployment(network / "deployment.json").ledger).account(member)).coins

    proof = world.files / "balance.json"
    world.till("prove", "balance", str(member), "-o", proof, "--network", network)
    found = world.verify(proof, "--anchor", anchor)
    assert found["enrolled"] and found["coins"] == asyncio.run(on_chain()) == POINTS
    world.till("prove", "balance", str(NOBODY), "-o", proof, "--network", network)
    nothing = world.verify(proof, "--anchor", anchor)
    assert not nothing["enrolled"] and nothing["coins"] == 0
    assert "has nothing" in world.till("verify", proof, "--anchor", anchor)
    # nobody's nodes do not show that Anna has nothing
    forged = {**json.loads(proof.read_text()), "member": int(MemberId(member))}
    proof.write_text(json.dumps(forged))
    assert "state" in world.till("verify", proof, "--anchor", anchor, code=1)
    said = world.till("prove", "balance", "7", "--block", "999999", "-o", proof, "--network", network, code=1)
    assert "no block 999999 yet" in said


def test_member_is_counted_among_all_that_is_owed(world: World, anchor: Path) -> None:
    network, listing, proof = world.stand.network_folder, world.files / "liabilities.json", world.files / "part.json"
    said = world.till("audit", "liabilities", "-o", listing, "--network", network)
    assert said.startswith("2 accounts are owed ") and listing.stat().st_mode & 0o777 == 0o600
    root = said.split()[-1]
    member = world.plan.members[BERT]
    world.till("prove", "liability", str(member), "--from", listing, "-o", proof)
    found = world.verify(proof, "--anchor", anchor, "--root", root)
    assert found["points"] == POINTS and found["all_points"] == 2 * POINTS and found["root"] == root
    assert found["account"].endswith(f"{member:016x}")
    shown = world.till("verify", proof, "--anchor", anchor)
    assert "Counted among what is owed" in shown
    other = "0x" + "00" * 32
    assert "published" in world.till("verify", proof, "--anchor", anchor, "--root", other, code=1)
    assert "owed nothing" in world.till("prove", "liability", "99", "--from", listing, "-o", proof, code=1)


@pytest.mark.long
def test_proof_leads_through_changes_of_validators(world: World, anchor: Path, bought: tuple[str, Path]) -> None:
    world.give(12)
    changed = world.prove(world.pay(ANNA))
    found = world.verify(changed, "--anchor", anchor)
    assert (found["changes_of_validators"], found["power_total"]) == (1, 42)
    # from the new validators on it needs no change
    late = world.files / "late.anchor.json"
    height, network = str(found["height"]), world.stand.network_folder
    world.till("prove", "anchor", "--height", height, "-o", late, "--network", network)
    assert world.verify(changed, "--anchor", late)["changes_of_validators"] == 0
    short = world.prove(found["payment"], "--since", height)
    assert world.verify(short, "--anchor", late)["changes_of_validators"] == 0
    assert "anchor" in world.till("verify", short, "--anchor", anchor, code=1)
    # what they signed before is not theirs
    assert "anchor" in world.till("verify", bought[1], "--anchor", late, code=1)
    # a proof without the step between is connected to nothing
    document = json.loads(world.prove(found["payment"]).read_text())
    first = json.loads(bought[1].read_text())["headers"][-1]
    document["headers"][0] = first
    with pytest.raises(ProofRefused) as refused:
        verify_proof(json.dumps(document).encode(), read_anchor(anchor.read_bytes()))
    assert refused.value.step is Step.CHANGES


@pytest.mark.long
def test_proof_skips_changes_that_were_taken_back_and_reads_the_archive(world: World, anchor: Path) -> None:
    world.give(11)
    world.give(10)
    name = world.pay(BERT)
    proof = world.prove(name)
    found = world.verify(proof, "--anchor", anchor)
    assert (found["changes_of_validators"], found["power_total"]) == (0, 40)
    archive, network = world.files / "archive", world.stand.network_folder
    wait_until(
        lambda: (
            int(ask_comet(world.network, world.network.validators[0], "status")["sync_info"]["latest_block_height"])
            > found["height"] + 1
        ),
        seconds=30,
        what="the block after it",
    )
    world.till("net", "archive", network, "-o", archive)
    again = world.files / "again.json"
    world.till("prove", "payment", name, "-o", again, "--network", network, "--archive", archive)
    from_archive = world.verify(again, "--anchor", anchor)
    assert from_archive["block_hash"] == found["block_hash"] and from_archive["items"] == []


def test_proof_is_checked_when_nothing_runs_any_more(world: World, anchor: Path, bought: tuple[str, Path]) -> None:
    world.stand.stop()
    assert world.verify(bought[1], "--anchor", anchor)["payment"] == bought[0]
    network, output = world.stand.network_folder, world.files / "late.json"
    world.till("prove", "payment", bought[0], "-o", output, "--network", network, code=1)
