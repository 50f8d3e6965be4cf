"""`till verify`: checks a proof with files alone. Wiring; the work is in node/proofs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.domain.errors import Unusable

if TYPE_CHECKING:
    from node.proofs.anchor import Anchor
    from node.proofs.verify import Proven

FILE = click.Path(path_type=Path)
DEFAULT_NETWORK = Path(".till/demo/network")
NOT_ANCHORED = 3
"""What the process ends with when all fits, and nobody said whom to trust."""


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--anchor", "trusted", type=FILE, help="What you trust, as the operator publishes it (till prove anchor)."
)
@click.option(
    "--network",
    type=FILE,
    envvar="TILL_NETWORK",
    help=f"Trust the genesis in this network's folder instead ({DEFAULT_NETWORK}, if it is there).",
)
@click.option("--root", help="Of a liability: the root that the operator published.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def verify(
    context: click.Context, file: Path, trusted: Path | None, network: Path | None, root: str | None, as_json: bool
) -> None:
    """Check the proof in FILE, and show what it proves. Asks nobody: no network, no chain.

    Ends with 0 if it is proved, with 1 if the proof is refused, with 3 if it fits, and there is no anchor.
    """
    from node.explorer.proof_tables import NOT_ANCHORED as CAUTION
    from node.explorer.proof_tables import proof_table
    from node.explorer.tables import wide_console
    from node.proofs.telling import proof_json
    from node.proofs.verify import verify_proof

    proven = verify_proof(file.read_bytes(), _anchor(trusted, network))
    if root is not None:
        _check_root(proven, root)
    if as_json:
        click.echo(json.dumps(proof_json(proven), indent=2))
    else:
        wide_console().print(proof_table(proven))
    if not proven.signed.anchored:
        click.echo(f"{CAUTION} Give --anchor or --network.", err=True)
        context.exit(NOT_ANCHORED)


def _check_root(proven: "Proven", root: str) -> None:
    from node.proofs.liability import ProvenLiability
    from node.proofs.refusal import ProofRefused, Step

    if not isinstance(proven, ProvenLiability):
        raise Unusable("--root is for the proof of a liability, which this is not")
    if root.lower().removeprefix("0x") != proven.root.hash.hex():
        raise ProofRefused(Step.SUMS, f"it leads to the root 0x{proven.root.hash.hex()}, not to the published one")


def _anchor(trusted: Path | None, network: Path | None) -> "Anchor | None":
    from node.proofs.anchor import read_anchor

    if trusted is not None:
        return read_anchor(trusted.read_bytes())
    if network is None:
        if not DEFAULT_NETWORK.is_dir():
            return None
        network = DEFAULT_NETWORK
    return _anchor_of(network)


def _anchor_of(network: Path) -> "Anchor":
    from node.chain.deployment import DEPLOYMENT, load_deployment
    from node.network.ticket import TICKET_FILE, read_ticket
    from node.proofs.anchor import anchor_of_genesis

    genesis = read_ticket(network / TICKET_FILE).comet_genesis
    try:
        return anchor_of_genesis(genesis, load_deployment(network / DEPLOYMENT).ledger)
    except (ValueError, KeyError, TypeError) as failure:
        raise Unusable(f"{network / TICKET_FILE} has no genesis document of CometBFT: {failure}") from None
