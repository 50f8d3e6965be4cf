"""`till net fork`: schedules an EVM fork by timestamp on a network that exists, one validator after another.

geth v1.17.8 has no --override flag for Prague, but `geth init` with the same genesis block and another `config` writes
the new schedule into an existing data folder (core/genesis.go, SetupGenesisBlockWithOverride), as long as the fork is
later than its head. The application reads its own copy in app.json, and each validator's geth has to agree with it.
Whoever is not told stops at the fork; a third of them or more, and the chain stands until they are.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Retryable, Unusable
from node.network.genesis import NO_REQUESTS, SYSTEM_CONTRACTS
from node.network.hold import held, wait_until_it_follows
from node.network.init import GETH_GENESIS, init_geth
from node.network.plan import NetworkPlan, ValidatorPlan, changing, write_plan
from node.network.processes import is_alive, read_state
from node.network.rpc import NoAnswer, call
from node.network.ticket import TICKET_FILE, read_ticket, with_prague, write_ticket

PRAGUE: Final = "prague"
FORKS: Final = (PRAGUE,)
LEAD_SECONDS_EACH: Final = 10
"""What one validator takes to be stopped, told and to follow again; 3 to 5 s measured."""
FOLLOW_SECONDS: Final = 90.0
TOLD_FILE: Final = "forks.json"
"""In a validator's folder: which forks its geth was told of. app.json may be written anew from the plan at any time."""


class NotForked(Retryable):
    """Not every validator has the fork yet; give the same command again."""


def schedule_fork(
    plan: NetworkPlan,
    *,
    at: int,
    clock: Callable[[], float] = time.time,
    tell: Callable[[str], None] = lambda _: None,
) -> NetworkPlan:
    """Gives every validator of the folder Prague's rules from timestamp `at` (seconds since 1970) on.

    May be given again with the same time, to end what was interrupted; and afterwards, to a folder whose validators
    stand before the fork because they were not told. Raises Unusable when the time is too near, this folder's chain
    went beyond it, another one is set, or the genesis has contracts that Prague would wake up; NotForked when a
    validator does not follow.
    """
    running = (state := read_state(plan.run_folder)) is not None and is_alive(state.supervisor)
    known = plan.rules.prague_time
    if known is not None and known != at:
        raise Unusable(f"Prague is set for {known} here, and a fork that validators know of is not moved")
    check_contracts(json.loads((plan.folder / GETH_GENESIS).read_text()))
    if known is None and running:
        _check_time(plan, at, clock())
    forked = _write_down(plan.folder, at)
    for validator in forked.validators:
        if was_told(forked, validator):
            tell(f"{validator.name} has it already")
            continue
        height = _newest(forked)
        with held(forked, validator.name):
            try:
                tell_validator(forked, validator)
            except Unusable:
                if known is None and not any(was_told(forked, each) for each in forked.validators):
                    # nobody knows of it, so it may have been a wrong time
                    _write_down(plan.folder, known)
                raise
        # the next one only when this one votes again: with two away at a time the chain would stand
        if running and not wait_until_it_follows(forked, validator, height=height + 1, seconds=FOLLOW_SECONDS):
            raise NotForked(
                f"{validator.name} has it, and has no new block after {FOLLOW_SECONDS:.0f} s: more than two thirds of "
                "the power have to have it; give this again, here and on the other hosts"
            )
        tell(f"{validator.name} has it")
    return forked


def tell_validator(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Writes the fork into a stopped validator's geth and application. Raises Unusable when geth refuses."""
    home = plan.home(validator.name)
    if init_geth(home / "geth", plan.folder / GETH_GENESIS) != plan.rules.genesis_hash:
        raise Unusable(f"geth of {validator.name} has another genesis block")
    settings = json.loads((home / "app.json").read_text())
    _write(home / "app.json", {**settings, "prague_time": plan.rules.prague_time})
    note_told(plan, validator)


def note_told(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Notes that a validator's geth was initialized with the plan's fork."""
    _write(plan.home(validator.name) / TOLD_FILE, {PRAGUE: plan.rules.prague_time})


def geth_schedule(plan: NetworkPlan, validator: ValidatorPlan) -> set[int]:
    """The activation times of the forks that a running geth has now and next (EIP-7910). Raises NoAnswer."""
    answer = call(f"http://{plan.host}:{validator.ports.geth}", "eth_config", [])
    return {int(part["activationTime"]) for part in (answer["current"], answer["next"]) if part}


def check_contracts(genesis: dict[str, Any]) -> None:
    """Raises Unusable when whoever pays 1 wei could make execution requests, which no validator accepts."""
    codes = {address.lower().removeprefix("0x"): entry.get("code") for address, entry in genesis["alloc"].items()}
    for address, code in SYSTEM_CONTRACTS.items():
        if code == NO_REQUESTS and codes.get(address.lower().removeprefix("0x")) != NO_REQUESTS:
            raise Unusable(f"this network's genesis has another contract at {address}; with Prague it would stand")


def was_told(plan: NetworkPlan, validator: ValidatorPlan) -> bool:
    """Whether a validator got the plan's fork by `tell_validator`."""
    try:
        told = json.loads((plan.home(validator.name) / TOLD_FILE).read_text())
    except FileNotFoundError:
        return False
    return bool(told.get(PRAGUE) == plan.rules.prague_time)


def _check_time(plan: NetworkPlan, at: int, now: float) -> None:
    """Raises Unusable when a running network could go beyond `at` before all of it is told, or has."""
    lead = LEAD_SECONDS_EACH * len(plan.validators)
    if at >= now + lead:
        return
    if at > now - lead:
        raise Unusable(
            f"{at} is too near; {len(plan.validators)} validators need {lead} s until they all have it. If the others "
            f"have it, give this again {lead} s after that time: these stand there until then"
        )
    # the engine itself: the gateway of a validator that stands at the fork does not answer
    for validator in plan.validators:
        head = call(f"http://{plan.host}:{validator.ports.geth}", "eth_getBlockByNumber", ["latest", False])
        if int(head["timestamp"], 16) >= at:
            raise Unusable(f"the chain went beyond {at} without Prague: {validator.name} has a block that is later")


def _write_down(folder: Path, at: int | None) -> NetworkPlan:
    """Has the folder's documents name the fork's time, or none: also what newcomers get."""
    with changing(folder) as now:
        genesis = now.folder / GETH_GENESIS
        _write(genesis, with_prague(json.loads(genesis.read_text()), at))
        if (now.folder / TICKET_FILE).exists():
            ticket = read_ticket(now.folder / TICKET_FILE)
            write_ticket(now.folder, replace(ticket, geth_genesis=with_prague(ticket.geth_genesis, at)))
        plan = replace(now, rules=replace(now.rules, prague_time=at))
        write_plan(plan)
    return plan


def _newest(plan: NetworkPlan) -> int:
    heights = [0]
    for validator in plan.validators:
        try:
            heights.append(
                int(call(plan.rpc_url(validator), "eth_blockNumber", [], home=plan.home(validator.name)), 16)
            )
        except (NoAnswer, ValueError, TypeError):
            continue
    return max(heights)


def _write(path: Path, value: dict[str, Any]) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(value, indent=2) + "\n")
    fresh.replace(path)
