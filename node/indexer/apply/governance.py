"""Validators, their proposals, votes and evidence; permissions: the events of the contracts of block 0."""

from typing import Final

from node.consensus.registry import consensus_address
from node.indexer.apply.handling import Now, on
from node.indexer.apply.people import text_of
from node.indexer.decode import Event
from node.indexer.rows import Rows
from node.indexer.tables import governance

VALIDATORS: Final = "ValidatorRegistry"
KINDS: Final = (
    "AddValidator", "RemoveValidator", "ChangePower", "RotateKey", "AddObserver", "RemoveObserver", "SetAdmin",
)  # fmt: skip
REASONS: Final = ("voted", "left", "double signed")


@on(VALIDATORS, "ValidatorAdded")
def added(now: Now, event: Event) -> None:
    """It validates."""
    args = event.args
    row = now.rows.at(governance.validators, args["account"])
    row.update(
        key=args["key"], node_id=args["nodeId"], power=args["power"], name=text_of(args["name"]), status="active"
    )
    note_key(now.rows, args["account"], args["key"])


@on(VALIDATORS, "ValidatorRemoved")
def removed(now: Now, event: Event) -> None:
    """It validates no more."""
    row = now.rows.at(governance.validators, event.args["account"])
    row.update(power=0, status=_named(REASONS, event.args["reason"]))


@on(VALIDATORS, "PowerChanged")
def power_changed(now: Now, event: Event) -> None:
    """It has more votes, or fewer."""
    now.rows.at(governance.validators, event.args["account"])["power"] = event.args["power"]


@on(VALIDATORS, "KeyRotated")
def key_rotated(now: Now, event: Event) -> None:
    """It signs with another key."""
    args = event.args
    now.rows.at(governance.validators, args["account"]).update(key=args["key"], node_id=args["nodeId"])
    note_key(now.rows, args["account"], args["key"])


@on(VALIDATORS, "ObserverAdded", "ObserverRemoved")
def observer(now: Now, event: Event) -> None:
    """A node may connect without a vote, or not any more."""
    row = now.rows.at(governance.observers, event.args["nodeId"])
    row["active"] = event.name == "ObserverAdded"
    if row["active"]:
        row["name"] = text_of(event.args["name"])


@on(VALIDATORS, "Proposed")
def proposed(now: Now, event: Event) -> None:
    """Somebody proposes."""
    args, action = event.args, event.args["action"]
    now.rows.at(governance.proposals, str(args["id"])).update(
        proposer=args["proposer"], kind=_named(KINDS, action["kind"]), account=action["account"],
        power=action["power"], key=action["key"], node_id=action["nodeId"], name=text_of(action["name"]),
        drastic=args["drastic"], expires=args["expires"], status="open",
    )  # fmt: skip


@on(VALIDATORS, "Voted")
def voted(now: Now, event: Event) -> None:
    """Somebody votes."""
    args = event.args
    row = now.rows.at(governance.votes, str(args["id"]), args["voter"])
    row.update(approves=args["approves"], power=args["power"])


@on(VALIDATORS, "Passed", "Rejected")
def decided(now: Now, event: Event) -> None:
    """It is decided."""
    now.rows.at(governance.proposals, str(event.args["id"]))["status"] = event.name.lower()


@on(VALIDATORS, "EvidenceReported", "EvidenceAccepted")
def evidence(now: Now, event: Event) -> None:
    """Somebody signed twice, it is said, or shown."""
    args = event.args
    now.rows.add(
        governance.evidence, kind=event.name, culprit=args["culprit"],
        account=args.get("reporter", args.get("account")),
        height=args["height"], offence=args["kind"], removed=args.get("removed", False),
    )  # fmt: skip


@on("AccountRegistry", "PermissionsSet")
def permissions_set(now: Now, event: Event) -> None:
    """Who may send."""
    now.rows.at(governance.permissions, event.args["account"])["permissions"] = event.args["permissions"]


@on("AccountRegistry", "DefaultSet")
def default_set(now: Now, event: Event) -> None:
    """What all others may."""
    now.rows.at(governance.permissions, bytes(20))["permissions"] = event.args["permissions"]


def note_key(rows: Rows, account: bytes, key: bytes) -> None:
    """From this block on the key is this account's."""
    rows.at(governance.validator_keys, consensus_address(key), rows.block).update(key=key, account=account)


def _named(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else str(index)
