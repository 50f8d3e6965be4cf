"""Writes the settings of a validator's processes from the plan: CometBFT's config.toml and the application's app.json.

Called when a folder is made and again at each start, so that network.json is the one place to change anything. The
settings of CometBFT were measured; the reason stands beside each.
"""

import json
from typing import Final

from node.consensus.registry import MOST_PEERS
from node.network.plan import NetworkPlan, ValidatorPlan

FAIL_POINTS: Final = "fail_points"
SIGNER_FILE: Final = "signer"
"""In a validator's folder: the address where CometBFT waits for its remote signer."""
COMET_GENESIS: Final = "cometbft/config/genesis.json"


def write_settings(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Writes both files of one validator of this folder."""
    home = plan.home(validator.name)
    (home / "cometbft" / "config" / "config.toml").write_text(comet_config(plan, validator))
    if plan.fail_points:
        (home / FAIL_POINTS).mkdir(exist_ok=True)
    settings = {
        "name": validator.name,
        "host": plan.host,
        "abci_port": validator.ports.abci,
        "gateway_host": validator.gateway_listen,
        "gateway_port": validator.ports.gateway,
        "engine_port": validator.ports.engine,
        "geth_port": validator.ports.geth,
        "geth_metrics_port": validator.ports.geth_metrics,
        "comet_metrics_port": validator.ports.comet_metrics,
        # relative to this file, so that the folder can be moved
        "jwt_file": "jwt.hex",
        "genesis_file": COMET_GENESIS,
        "keep_blocks": validator.keep_blocks,
        "peers": [peer.node_id for peer in plan.peers_of(validator)],
        "prague_time": plan.rules.prague_time,
        "fail_points": FAIL_POINTS if plan.fail_points else None,
    }
    (home / "app.json").write_text(json.dumps(settings, indent=2) + "\n")


def comet_config(plan: NetworkPlan, validator: ValidatorPlan) -> str:
    """CometBFT's config.toml; what is not named in it keeps CometBFT's default."""
    signer = plan.home(validator.name) / SIGNER_FILE
    # a key of the table at the top: before the first [section]
    remote = f'priv_validator_laddr = "{signer.read_text().strip()}"\n' if signer.exists() else ""
    ports = validator.ports
    others = ",".join(peer.node_id for peer in plan.peers_of(validator))
    return f"""\
{remote}proxy_app = "tcp://{plan.host}:{ports.abci}"
abci = "socket"
moniker = "{validator.name}"
log_level = "error"
log_format = "json"
filter_peers = true

[rpc]
laddr = "tcp://{plan.host}:{ports.comet_rpc}"
# dial_peers, on loopback: node/network/links.py has the others dialed, and says why
unsafe = true

[p2p]
laddr = "tcp://{validator.listen}:{ports.p2p}"
external_address = "{validator.host}:{ports.p2p}"
# all that the registry can list; whoever is not in it is refused before it is counted
max_num_inbound_peers = {MOST_PEERS}
unconditional_peer_ids = "{others}"
addr_book_strict = false
allow_duplicate_ip = true
pex = false
# at the default of 5 MB/s sixty 128 KB transactions took 16.8 s to spread
send_rate = 100000000
recv_rate = 100000000
max_packet_msg_payload_size = 16384

[mempool]
type = "app"
max_tx_bytes = 262144
max_batch_bytes = 1048576
# the application holds its answer back until it has something (node/consensus/server.py)
reap_interval = "20ms"

[consensus]
# more than this costs each block of a validator that is down
timeout_propose = "1500ms"
timeout_propose_delta = "500ms"
timeout_prevote = "500ms"
timeout_precommit = "500ms"
# the application paces to one block a second; this only leaves time for the last votes
timeout_commit = "200ms"

[storage]
discard_abci_responses = true

[tx_index]
indexer = "null"

[instrumentation]
prometheus = true
prometheus_listen_addr = "{plan.host}:{ports.comet_metrics}"
"""
