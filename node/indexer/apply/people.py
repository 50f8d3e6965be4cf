"""Merchants, stores, terminals, members' keys and consents, groups: the Registry's events, and Consents'."""

from typing import Any

from node.indexer.apply.handling import Now, on
from node.indexer.decode import Event
from node.indexer.tables import ledger


@on("Registry", "MerchantOnboarded")
def onboarded(now: Now, event: Event) -> None:
    """A merchant is there."""
    args = event.args
    row = now.rows.at(ledger.merchants, args["merchant"])
    row.update(name=text_of(args["name"]), admin=args["admin"], active=True)


@on("Registry", "MerchantActivated")
def activated(now: Now, event: Event) -> None:
    """It may take payments, or not any more."""
    now.rows.at(ledger.merchants, event.args["merchant"])["active"] = event.args["active"]


@on("Registry", "StoreAdded")
def store_added(now: Now, event: Event) -> None:
    """A store of it."""
    args = event.args
    now.rows.at(ledger.stores, args["merchant"], args["store"])["name"] = text_of(args["name"])


@on("Registry", "TerminalAdded")
def terminal_added(now: Now, event: Event) -> None:
    """A terminal of it."""
    args = event.args
    row = now.rows.at(ledger.terminals, text_of(args["id"]))
    row.update({name: args[name] for name in ("merchant", "store", "number", "stream", "signer")})
    row.update(floor_limit=args["floorLimit"], active=True)


@on("Registry", "TerminalActivated", "TerminalHandedOver", "TerminalKeyRotated", "TerminalKeyRetired", "FloorLimitSet")
def terminal_changed(now: Now, event: Event) -> None:
    """What is told of a terminal later."""
    args = event.args
    row = now.rows.at(ledger.terminals, text_of(args["id"]))
    changes: dict[str, dict[str, Any]] = {
        "TerminalActivated": {"active": args.get("active")},
        "TerminalHandedOver": {"stream": args.get("toStream")},
        "TerminalKeyRotated": {"signer": args.get("signer"), "previous_signer": args.get("previousSigner")},
        "TerminalKeyRetired": {"previous_signer": None},
        "FloorLimitSet": {"floor_limit": args.get("floorLimit")},
    }
    row.update(changes[event.name])


@on("Registry", "GroupsSet")
def groups_set(now: Now, event: Event) -> None:
    """Who may do what for a merchant."""
    args = event.args
    now.rows.at(ledger.groups, args["merchant"], args["account"])["groups"] = args["groups"]


@on("Registry", "MemberKeySet")
def member_key_set(now: Now, event: Event) -> None:
    """A member signs with this key; none with the address of nobody."""
    key = event.args["key"]
    now.rows.at(ledger.members, event.args["member"])["signer"] = key if any(key) else None


@on("Consents", "ConsentSet")
def consent_set(now: Now, event: Event) -> None:
    """A member allows that its data choose what it is offered, or takes that back."""
    now.rows.at(ledger.members, event.args["member"])["consents"] = event.args["given"]


def text_of(name: bytes) -> str:
    """A name of fixed length in words; bytes that are no text as U+FFFD, and none that a database refuses."""
    return name.rstrip(b"\x00").decode("utf-8", "replace").replace("\x00", "\ufffd")
