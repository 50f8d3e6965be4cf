"""What `till net doctor` compares between hosts: block 0 and engines of validators elsewhere, by what they say.

Their gateways answer both to anybody who may read at all, and CometBFTs tell each other their versions. What is in this
folder only: files.py.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from node.network.doctor.chain import MOST_AT_ONCE, ON_ITS_HOST
from node.network.doctor.comet import ask_comet
from node.network.doctor.finding import Finding, Patient, ok, warning, wrong
from node.network.doctor.machine import ENGINES, PINS, pinned_version
from node.network.plan import PeerPlan, peer_url
from node.network.rpc import NoAnswer, call

OTHER_CHAIN: Final = "another network answers there: see till net peer list here, and till net doctor on its host"
UPGRADE: Final = "mix versions only for as long as an upgrade takes (docs/runbook.md)"


def check_genesis_elsewhere(patient: Patient) -> Iterator[Finding]:
    """The validators on other hosts have this network's block 0."""
    wanted = "0x" + patient.plan.rules.genesis_hash.hex()
    for peer, found in _ask_others(patient, lambda url: str(call(url, "eth_getBlockByNumber", ["0x0", False])["hash"])):
        if found == wanted:
            yield ok("genesis", f"{peer.name} at {peer.host} has block 0 {found[:10]}")
        else:
            text = f"{peer.name} at {peer.host} has block 0 {found[:66]}, network.json says {wanted}"
            yield wrong("genesis", text, OTHER_CHAIN)


def check_versions_of_geth(patient: Patient) -> Iterator[Finding]:
    """Every geth that runs, here and elsewhere, is of the version that is pinned here."""
    plan, pinned = patient.plan, pinned_version(PINS / "geth" / "go.mod", ENGINES["geth"])
    running = [each for each in plan.validators if "geth" in patient.processes(each)]
    said = [(each.name, _client(f"http://{plan.host}:{each.ports.geth}"), False) for each in running]
    said += [(f"{peer.name} at {peer.host}", found, True) for peer, found in _ask_others(patient, _client)]
    for who, version, is_elsewhere in said:
        if version == pinned:
            yield ok("versions", f"geth of {who} is {version}")
        else:
            there = ON_ITS_HOST if is_elsewhere else f"till net down {plan.folder}, then up"
            yield warning("versions", f"geth of {who} is {version}, pinned here is {pinned}", f"{there}; {UPGRADE}")


def check_versions_of_cometbft(patient: Patient) -> Iterator[Finding]:
    """The peers' CometBFT is of the same version as the one here, by what they call themselves (0.40.0 says 0.39.0)."""
    for validator in patient.plan.validators:
        if "cometbft" not in patient.processes(validator):
            continue
        own = str(ask_comet(patient, validator, "status")["node_info"]["version"])
        names = {peer.node_id: f"{peer.name} at {peer.host}" for peer in patient.plan.peers_of(validator)}
        said = {
            str(peer["node_info"]["id"]): str(peer["node_info"]["version"])
            for peer in ask_comet(patient, validator, "net_info")["peers"]
        }
        unlike = {node_id: version for node_id, version in said.items() if version != own}
        for node_id, version in unlike.items():
            text = (
                f"CometBFT of {names.get(node_id, node_id)} calls itself {version[:32]}, that of {validator.name} {own}"
            )
            yield warning("versions", text, f"{ON_ITS_HOST}; {UPGRADE}")
        if not unlike:
            yield ok("versions", f"CometBFT of {validator.name} and its {len(said)} peers calls itself {own}")


def _ask_others(patient: Patient, ask: Callable[[str], str]) -> list[tuple[PeerPlan, str]]:
    """What those elsewhere answer; who does not is left out, since check_heights names it."""

    def answer(peer: PeerPlan) -> str | None:
        url = peer_url(peer)
        try:
            return ask(url) if url is not None else None
        except (NoAnswer, KeyError, TypeError):
            return None

    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        answers = pool.map(answer, patient.plan.others)
        return [(peer, said) for peer, said in zip(patient.plan.others, answers, strict=True) if said is not None]


def _client(url: str) -> str:
    """The version in `Geth/v1.17.8-stable/linux-amd64/go1.26.8`; all of it when it is no geth. Raises NoAnswer."""
    said = str(call(url, "web3_clientVersion", []))
    parts = said.split("/")
    return parts[1].removesuffix("-stable") if len(parts) > 1 and parts[0] == "Geth" else said[:64]


CHECKS: Final = (check_genesis_elsewhere, check_versions_of_geth, check_versions_of_cometbft)
