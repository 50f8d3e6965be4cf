"""What the checks ask CometBFT and geth over loopback: status, peers, commits, the Engine API's door."""

import json
import urllib.error
import urllib.request
from typing import Any, Final

from node.consensus.engine import make_token
from node.consensus.registry import MOST_VALIDATORS, VALIDATOR_REGISTRY, NodeStatus, call_data, read_number
from node.network.doctor.finding import Patient
from node.network.plan import ValidatorPlan
from node.network.rpc import CALL_SECONDS, OPENER, NoAnswer, call

UNAUTHORISED: Final = 401
ABSENT: Final = 1
"""BlockIDFlag of a validator that is not in a commit (CometBFT, types/block.go)."""


def ask_comet(patient: Patient, validator: ValidatorPlan, path: str) -> dict[str, Any]:
    """The result of one of CometBFT's own RPC calls (`status`, `net_info`, `commit?height=9`). Raises NoAnswer."""
    url = f"http://{patient.plan.host}:{validator.ports.comet_rpc}/{path}"
    try:
        with OPENER.open(url, timeout=CALL_SECONDS) as response:
            result: dict[str, Any] = json.loads(response.read())["result"]
            return result
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise NoAnswer(f"{url}: {failure}") from None


def commits(patient: Patient) -> dict[int, set[str]]:
    """Of the newest commits, by height, the addresses of those that signed; empty when nobody answers."""
    for validator in patient.plan.validators:
        try:
            newest = newest_height(patient, validator)
            heights = range(max(newest - patient.limits.commits, 0) + 1, newest + 1)
            found = [ask_comet(patient, validator, f"commit?height={height}") for height in heights]
        except NoAnswer:
            continue
        each = [answer["signed_header"]["commit"] for answer in found]
        return {
            int(commit["height"]): {
                signature["validator_address"]
                for signature in commit["signatures"]
                if signature["block_id_flag"] != ABSENT
            }
            for commit in each
        }
    return {}


def newest_height(patient: Patient, validator: ValidatorPlan) -> int:
    """The height of a validator's CometBFT. Raises NoAnswer."""
    return int(ask_comet(patient, validator, "status")["sync_info"]["latest_block_height"])


def members(patient: Patient) -> set[str]:
    """The addresses of those who validate, as the first who answers has it; empty when nobody answers."""
    for validator in patient.plan.validators:
        try:
            answer = ask_comet(patient, validator, f"validators?per_page={MOST_VALIDATORS}")
        except NoAnswer:
            continue
        return {str(member["address"]) for member in answer["validators"]}
    return set()


def follows_only(patient: Patient, validator: ValidatorPlan) -> bool:
    """Whether the registry lists this node as an observer; not, when its geth does not answer."""
    data = call_data("nodeStatus(bytes20)", bytes.fromhex(validator.node_id))
    message = {"to": "0x" + VALIDATOR_REGISTRY.hex(), "data": "0x" + data.hex()}
    try:
        answer = str(call(f"http://{patient.plan.host}:{validator.ports.geth}", "eth_call", [message, "latest"]))
    except NoAnswer:
        return False
    return read_number(bytes.fromhex(answer[2:])) == NodeStatus.OF_OBSERVER


def last_signed(patient: Patient, validator: ValidatorPlan) -> int | None:
    """The highest of the newest blocks that a validator signed, None when it signed none or nobody can be asked."""
    return max((height for height, by in commits(patient).items() if validator.address in by), default=None)


def geth_takes(patient: Patient, validator: ValidatorPlan, secret: str) -> bool:
    """Whether geth's Engine API lets in who knows this secret (hex). Raises OSError when it does not answer."""
    request = urllib.request.Request(
        f"http://{patient.plan.host}:{validator.ports.engine}",
        data=b'{"jsonrpc":"2.0","id":1,"method":"engine_exchangeCapabilities","params":[[]]}',
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {make_token(bytes.fromhex(secret), int(patient.clock()))}",
        },
    )
    try:
        with OPENER.open(request, timeout=CALL_SECONDS):
            return True
    except urllib.error.HTTPError as refusal:
        if refusal.code == UNAUTHORISED:
            return False
        raise
