"""Another consensus key for a validator, in its own folder: made, put in place once the chain's set has it, taken back.

The old key and the new one never sign at the same time: the validator is stopped, the files are changed, and it starts
again; and that only once the old key counts no more and the new one does. At each moment of a swap there is a key in
its place and a sign state that is as late as any that was there, so that a swap that was interrupted harms nothing, and
the same command ends it. Before it `till net rotate-key`; after it node/network/supervise.py.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from node.consensus.registry import VALIDATOR_REGISTRY, BadAnswer, call_data, read_validators
from node.domain.errors import Retryable, Unusable
from node.network.governance_acts import Card, read_address
from node.network.hold import held
from node.network.keys import make_signing_key
from node.network.plan import NetworkPlan, ValidatorPlan, changing, peer_url, with_validator, write_plan
from node.network.rpc import NoAnswer, call
from node.network.settings import SIGNER_FILE
from node.network.signer import KEY_FILE, PublicKey, read_public_key
from node.network.signstate import NOTHING_SIGNED, STATE_PATH, SignState, put_sign_state, read_sign_state, state_in

NEXT_KEY_FILE: Final = KEY_FILE.with_name("priv_validator_key.next.json")
OLD_KEY: Final = "old-key-{}.json"
OLD_STATE: Final = "old-state-{}.json"
"""Both beside the key, after the key's address; not in cometbft/data, which a restore replaces."""


class NotInTheSet(Retryable):
    """The chain's validators are not yet those that this key change waits for."""


def next_sets(plan: NetworkPlan) -> tuple[set[str], ...]:
    """Public keys (hex) of those who decide the next block, and the one after it.

    What the registry says at block H counts from H + 2 on. Asks this folder's own validators, and if none runs (a key
    was lost) those elsewhere. Raises NotInTheSet when nobody answers.
    """
    own = [f"http://{plan.host}:{validator.ports.geth}" for validator in plan.validators]
    for url in (*own, *filter(None, map(peer_url, plan.others))):
        try:
            head = int(call(url, "eth_blockNumber", []), 16)
            return tuple(_keys_at(url, number) for number in (max(head - 1, 0), head))
        except (NoAnswer, BadAnswer, ValueError, TypeError):
            continue
    raise NotInTheSet("nobody says who validates; start the validator, or open another's gateway to this machine")


def make_next_key(plan: NetworkPlan, name: str) -> PublicKey:
    """Makes the key that a validator will sign with next, beside its own; the same again if it is there already.

    Raises Unusable when a swap was interrupted, or the key is with a remote signer.
    """
    validator, home = plan.validator(name), plan.home(name)
    if (home / SIGNER_FILE).exists():
        raise Unusable(f"the key of {name} is with a remote signer; rotate it there")
    if _is_swapped(validator, home):
        raise Unusable(
            f"a swap of {name} was interrupted; end it with: till net rotate-key {plan.folder} {name} --switch"
        )
    if not (home / NEXT_KEY_FILE).exists():
        make_signing_key(home / NEXT_KEY_FILE)
    return read_public_key(home / NEXT_KEY_FILE)


def write_next_card(plan: NetworkPlan, name: str) -> Path:
    """Writes what the others need to know of a validator's next key (DIR/NAME.next.json), and returns where."""
    validator, key = plan.validator(name), make_next_key(plan, name)
    card = Card(
        name=name,
        account=read_address(validator.account),
        key=bytes.fromhex(key.public_key),
        node_id=bytes.fromhex(validator.node_id),
    )
    path = _card_file(plan, name)
    path.write_text(card.to_json() + "\n")
    return path


def swap_key(
    plan: NetworkPlan, name: str, *, sets: Callable[[NetworkPlan], Sequence[set[str]]] = next_sets
) -> NetworkPlan:
    """Has a validator sign with its next key. Its old key and sign state stay beside, named after its address.

    Ends a swap that was interrupted. Raises NotInTheSet while the chain's set has the old key or lacks the new one,
    Unusable without a next key.
    """
    validator, home = plan.validator(name), plan.home(name)
    if (home / SIGNER_FILE).exists():
        raise Unusable(f"the key of {name} is with a remote signer; rotate it there")
    if _is_swapped(validator, home):
        with held(plan, name):
            return _note_key(plan, validator)
    if not (home / NEXT_KEY_FILE).exists():
        raise Unusable(f"{name} has no next key; make one with: till net rotate-key {plan.folder} {name}")
    fresh = read_public_key(home / NEXT_KEY_FILE)
    if fresh.public_key == validator.public_key:
        raise Unusable(f"the next key of {name} is the one it has")
    # asked while it still runs: where it is the only one, nobody else can be asked
    if any(fresh.public_key not in known or validator.public_key in known for known in sets(plan)):
        raise NotInTheSet(f"{fresh.address} has to be in it and {validator.address} not; vote first")
    with held(plan, name):
        _keep_present_key(home, fresh)
        put_sign_state(home / STATE_PATH, _latest_state(home, fresh))
        (home / NEXT_KEY_FILE).replace(home / KEY_FILE)
        return _note_key(plan, validator)


def take_back_old_key(plan: NetworkPlan, name: str, address: str) -> None:
    """Makes an old key of a validator its next one. Raises Unusable without it, or without the sign state it had."""
    home = plan.home(name)
    old = _old(home, OLD_KEY, address)
    if not old.exists() or (home / NEXT_KEY_FILE).exists():
        raise Unusable(f"{name} has no old key {address}, or has a next one already")
    if not _old(home, OLD_STATE, address).exists():
        raise Unusable(f"what {address} has signed is not known, and without that {name} could vote twice")
    old.rename(home / NEXT_KEY_FILE)


def copy_secret(source: Path, target: Path) -> None:
    """Copies a file to one that only its owner reads, whole or not at all."""
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(source.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)


def _keys_at(url: str, number: int) -> set[str]:
    message = {"to": "0x" + VALIDATOR_REGISTRY.hex(), "data": "0x" + call_data("validators()").hex()}
    answer = call(url, "eth_call", [message, hex(number)])
    return {each.key.hex() for each in read_validators(bytes.fromhex(answer.removeprefix("0x")))}


def _is_swapped(validator: ValidatorPlan, home: Path) -> bool:
    """Whether the files are those of another key already, and only the plan still has the old one."""
    if (home / NEXT_KEY_FILE).exists() or not (home / KEY_FILE).exists():
        return False
    kept = _old(home, OLD_KEY, validator.address).exists()
    return kept and read_public_key(home / KEY_FILE).public_key != validator.public_key


def _keep_present_key(home: Path, fresh: PublicKey) -> None:
    """Copies key and sign state as they are to names of their own; a key that was lost is out of the set for good."""
    if not (home / KEY_FILE).exists():
        return
    present = read_public_key(home / KEY_FILE).address
    if present == fresh.address:
        return
    copy_secret(home / KEY_FILE, _old(home, OLD_KEY, present))
    state = read_sign_state(home)
    if state is not None:
        before = state_in(_old(home, OLD_STATE, present))
        put_sign_state(_old(home, OLD_STATE, present), max(state, before or NOTHING_SIGNED))


def _latest_state(home: Path, fresh: PublicKey) -> SignState:
    """What the new key must be taken to have signed: never less than the one before it, nor than itself earlier."""
    known = (read_sign_state(home), state_in(_old(home, OLD_STATE, fresh.address)))
    return max((state for state in known if state is not None), default=NOTHING_SIGNED)


def _note_key(plan: NetworkPlan, validator: ValidatorPlan) -> NetworkPlan:
    """Has the plan name the key that is there now."""
    home = plan.home(validator.name)
    now = read_public_key(home / KEY_FILE)
    with changing(plan.folder) as present:
        swapped = with_validator(present, validator.name, public_key=now.public_key, address=now.address)
        write_plan(swapped)
    _old(home, OLD_STATE, now.address).unlink(missing_ok=True)
    _card_file(plan, validator.name).unlink(missing_ok=True)
    return swapped


def _old(home: Path, name: str, address: str) -> Path:
    return (home / KEY_FILE).with_name(name.format(address))


def _card_file(plan: NetworkPlan, name: str) -> Path:
    return plan.folder / f"{name}.next.json"
