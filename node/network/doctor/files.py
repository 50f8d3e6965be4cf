"""What `till net doctor` asks of a network's files: genesis documents, settings, keys, sign state, run state."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.consensus.access_files import ACCESS_FILE, COOKIE_FILE
from node.consensus.rules import ChainRules
from node.network.doctor.comet import geth_takes, last_signed
from node.network.doctor.finding import Finding, Patient, ok, warning, wrong
from node.network.fork import geth_schedule, was_told
from node.network.init import GETH_GENESIS
from node.network.plan import ValidatorPlan
from node.network.processes import is_alive
from node.network.rpc import call
from node.network.settings import SIGNER_FILE
from node.network.signer import KEY_FILE, read_public_key
from node.network.signstate import STATE_PATH, read_sign_state
from node.network.ticket import TICKET_FILE, read_ticket

NODE_KEY: Final = Path("cometbft/config/node_key.json")
COMET_GENESIS: Final = Path("cometbft/config/genesis.json")
RESTORE: Final = "restore it from a backup, or from another validator's folder"
JWT_DIGITS: Final = 64


def check_genesis_of_cometbft(patient: Patient) -> Iterator[Finding]:
    """Every validator has the same genesis document, and it names the rules of network.json."""
    plan, digests = patient.plan, {}
    for validator in plan.validators:
        path = plan.home(validator.name) / COMET_GENESIS
        text = path.read_bytes()
        digests[validator.name] = hashlib.sha256(text).hexdigest()
        document = json.loads(text)
        rules = ChainRules.from_json(document["app_state"]["rules"])
        # a fork that was scheduled later stands in the plan only
        if replace(rules, prague_time=plan.rules.prague_time) != plan.rules:
            yield wrong("genesis", f"{path} has other rules than network.json", RESTORE)
        elif document["app_hash"].lower() != plan.rules.genesis_hash.hex():
            yield wrong("genesis", f"{path} names another block 0 than network.json", RESTORE)
    if len(set(digests.values())) > 1:
        several = ", ".join(f"{name} {digest[:8]}" for name, digest in digests.items())
        yield wrong("genesis", f"the validators have different genesis documents ({several})", RESTORE)
    else:
        yield ok("genesis", f"the same for {len(digests)} validators")


def check_join_ticket(patient: Patient) -> Iterator[Finding]:
    """Newcomers are given the genesis documents that this folder runs by."""
    plan = patient.plan
    path = plan.folder / TICKET_FILE
    ticket = read_ticket(path)
    unlike = [plan.folder / GETH_GENESIS] * (
        json.loads((plan.folder / GETH_GENESIS).read_text()) != ticket.geth_genesis
    )
    documents = [plan.home(validator.name) / COMET_GENESIS for validator in plan.validators]
    unlike += [each for each in documents if json.loads(each.read_text()) != ticket.comet_genesis]
    for each in unlike:
        yield wrong("join ticket", f"{path} has another genesis document than {each}", f"{RESTORE}; see which is right")
    if not unlike:
        yield ok("join ticket", f"{path} has the genesis documents of this folder")


def check_genesis_of_geth(patient: Patient) -> Iterator[Finding]:
    """genesis.json has the chain's id and forks, and a running geth the right block 0."""
    plan = patient.plan
    path = plan.folder / "genesis.json"
    config = json.loads(path.read_text())["config"]
    if config["chainId"] != plan.chain_id or config.get("pragueTime") != plan.rules.prague_time:
        yield wrong("geth's genesis", f"{path} has another chain id or schedule of forks than network.json", RESTORE)
    for validator in plan.validators:
        if "geth" not in patient.processes(validator):
            continue
        block = call(f"http://{plan.host}:{validator.ports.geth}", "eth_getBlockByNumber", ["0x0", False])
        if block["hash"] != "0x" + plan.rules.genesis_hash.hex():
            text = f"geth of {validator.name} has block 0 {block['hash']}, not network.json's"
            yield wrong("geth's genesis", text, f"till net restore FILE {plan.folder} {validator.name}")
        else:
            yield ok("geth's genesis", f"{validator.name} has block 0 {block['hash'][:10]}")


def check_forks(patient: Patient) -> Iterator[Finding]:
    """Every validator was told of the scheduled fork."""
    plan = patient.plan
    wanted = plan.rules.prague_time
    for validator in plan.validators:
        home = plan.home(validator.name)
        settings = json.loads((home / "app.json").read_text()).get("prague_time")
        runs = "geth" in patient.processes(validator)
        # a geth that was made after the fork was set had it from its first start
        told = wanted is None or (wanted in geth_schedule(plan, validator) if runs else was_told(plan, validator))
        if settings == wanted and told:
            yield ok("forks", f"{validator.name} has {'none' if wanted is None else f'Prague at {wanted}'}")
        else:
            text = f"{validator.name} has Prague at {settings} ({'so' if told else 'not so'} its geth), not at {wanted}"
            remedy = f"till net fork {plan.folder} prague --at {wanted}" if wanted else "give all the same time"
            yield wrong("forks", text, remedy)


def check_keys(patient: Patient) -> Iterator[Finding]:
    """A validator's keys are those of network.json, and nobody else can read them."""
    for validator in patient.plan.validators:
        home = patient.plan.home(validator.name)
        findings = [*_open_files(home), *_wrong_keys(home, validator)]
        yield from findings
        if not findings:
            yield ok("keys", f"{validator.name} has its own, for its owner only")


def check_jwt(patient: Patient) -> Iterator[Finding]:
    """The secret between application and geth is one, and a running geth takes it."""
    for validator in patient.plan.validators:
        path = patient.plan.home(validator.name) / "jwt.hex"
        secret = path.read_text().strip()
        if len(secret) != JWT_DIGITS or not all(digit in "0123456789abcdef" for digit in secret.lower()):
            yield wrong("jwt", f"{path} is no secret of 32 bytes in hex", "remove it, then till net restore or init")
        elif "geth" in patient.processes(validator) and not geth_takes(patient, validator, secret):
            text = f"geth of {validator.name} refuses the secret in {path}"
            yield wrong("jwt", text, f"it was changed while geth ran; till net down {patient.plan.folder}, then up")
        else:
            yield ok("jwt", f"{validator.name} has one")


def check_sign_state(patient: Patient) -> Iterator[Finding]:
    """No validator's sign state is older than what the chain shows that it has signed: it could sign that again."""
    for validator in patient.plan.validators:
        home = patient.plan.home(validator.name)
        if (home / SIGNER_FILE).exists():
            yield ok("sign state", f"that of {validator.name} is with its remote signer")
            continue
        state = read_sign_state(home)
        signed = last_signed(patient, validator)
        if state is None:
            text, remedy = f"{home / STATE_PATH} is missing", "do not start it; see docs/operate.md, restore"
            yield wrong("sign state", text, remedy)
        elif signed is None:
            yield ok("sign state", f"{validator.name} signed {state} (no chain to compare with)")
        elif signed > state.height:
            text = f"{validator.name} signed block {signed} on the chain, its sign state ends at height {state.height}"
            remedy = f"stop it at once, it could vote twice: till net down {patient.plan.folder}; docs/runbook.md"
            yield wrong("sign state", text, remedy)
        else:
            yield ok("sign state", f"{validator.name} signed {state}")


def check_run_state(patient: Patient) -> Iterator[Finding]:
    """run/state.json tells the truth."""
    state, folder = patient.state, patient.plan.folder
    if state is None:
        yield ok("run state", "it was never started")
    elif patient.runs:
        dead = [validator.name for validator in patient.plan.validators if len(patient.processes(validator)) < 3]
        if dead:
            text = f"{', '.join(dead)} lacks processes"
            yield warning("run state", text, f"the supervisor starts them again; till net logs {folder} says why not")
        else:
            yield ok("run state", f"supervisor {state.supervisor.pid} runs")
    elif left := [running.pid for running in state.all() if is_alive(running)]:
        text = f"the supervisor is gone, and {len(left)} processes run without it"
        yield wrong("run state", text, f"till net up {folder} ends them and starts anew")
    else:
        yield warning("run state", "it does not run", f"till net up {folder}")


def _open_files(home: Path) -> Iterator[Finding]:
    paths = [KEY_FILE, NODE_KEY, STATE_PATH, Path("jwt.hex"), Path(ACCESS_FILE), Path(COOKIE_FILE)]
    for path in (home / name for name in paths):
        if path.exists() and path.stat().st_mode & 0o077:
            text = f"{path} can be read by others (mode {path.stat().st_mode & 0o777:o})"
            yield wrong("keys", text, f"chmod 600 {path}; a key that others have read is no longer secret")


def _wrong_keys(home: Path, validator: ValidatorPlan) -> Iterator[Finding]:
    if (home / SIGNER_FILE).exists():
        # CometBFT makes one that counts for nothing where it finds none
        if (home / KEY_FILE).exists() and read_public_key(home / KEY_FILE).address == validator.address:
            text = f"the key of {validator.name} is in its folder, and with a remote signer"
            yield wrong("keys", text, "two could sign: remove this one once you are sure that the signer has it")
    elif not (home / KEY_FILE).exists():
        yield wrong("keys", f"{home / KEY_FILE} is missing", RESTORE)
    else:
        key = read_public_key(home / KEY_FILE)
        if (key.public_key, key.address) != (validator.public_key, validator.address):
            text = f"{validator.name} signs with key {key.address}, network.json says {validator.address}"
            yield wrong("keys", text, "put the right key back, or rotate it: till net rotate-key")
    if (found := _node_id(home / NODE_KEY)) != validator.node_id:
        yield wrong("keys", f"{validator.name} has node id {found}, network.json says {validator.node_id}", RESTORE)


def _node_id(path: Path) -> str:
    text: dict[str, Any] = json.loads(path.read_text())
    seed = base64.b64decode(text["priv_key"]["value"])[:32]
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return hashlib.sha256(public).digest()[:20].hex()


CHECKS: Final = (
    check_genesis_of_cometbft,
    check_join_ticket,
    check_genesis_of_geth,
    check_forks,
    check_keys,
    check_jwt,
    check_sign_state,
    check_run_state,
)
