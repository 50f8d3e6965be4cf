"""The OpenRPC document of this intake (https://spec.open-rpc.org, 1.3), from the tables that the intake goes by.

`rpc.discover` answers with it, `python -m node.bridge.intake_rpc docs/openrpc.json` writes it, a test checks that the
file is current.
"""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from node.bridge.intake_rpc.desk import DESK
from node.bridge.intake_rpc.methods import METHODS
from node.bridge.intake_rpc.params import (
    LINES_NAMES,
    NUMBERS_BELOW,
    PARAMETERS,
    SUBSCRIPTION_NAMES,
    default_of,
    names_of,
)
from node.bridge.intake_rpc.schemas import COMPONENTS, refer
from node.domain import errors
from node.domain.account_terms import LinesTerms
from node.domain.errors import Declined, Retryable, TillnetError
from node.domain.terminal_terms import NAME, VERSION, SubscriptionTerms, Terms

OPENRPC: Final = "1.3.2"
Json = dict[str, Any]
SIGNED_ERRORS: Final = (Declined, Retryable)
"""The branches of the tree that any signed method may answer with."""


def document(chain_id: int = 0, ledger: str = "") -> Json:
    """The document; with the network's chain id and ledger it also says what is signed there."""
    made: Json = {
        "openrpc": OPENRPC,
        "info": {
            "title": "Tillnet bridge",
            "version": version("tillnet"),
            "description": (
                "Payments that terminals sign, as JSON-RPC 2.0 by HTTP POST or in WebSocket messages; docs/rpc.md."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "methods": [
            *(_signed(name, method.summary, method.terms, "Payment") for name, method in METHODS.items()),
            *(_signed(name, method.summary, method.terms, method.result) for name, method in DESK.items()),
            *_others(),
        ],
        "components": {"schemas": COMPONENTS, "errors": {each.__name__: _error(each) for each in failures()}},
    }
    if chain_id:
        made["x-eip712-domain"] = {
            "name": NAME,
            "version": VERSION,
            "chainId": chain_id,
            "verifyingContract": ledger,
        }
    return made


def failures() -> Iterable[type[TillnetError]]:
    """Every failure that a method may answer with, in the order of their codes."""
    found: list[type[TillnetError]] = []
    waiting: list[type[TillnetError]] = list(SIGNED_ERRORS)
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        # refinements in other modules say the same as their parent
        if each.__module__ == errors.__name__ and each not in SIGNED_ERRORS:
            found.append(each)
    return sorted(found, key=lambda each: -each.rpc_code)


def _signed(name: str, summary: str, terms: type[Terms], result: str) -> Json:
    params = [_param(each, default_of(terms, each)) for each in names_of(terms)]
    return {
        **_method(name, summary, params, result[0].lower() + result[1:], refer(result)),
        "errors": [{"$ref": f"#/components/errors/{each.__name__}"} for each in failures()],
        "x-eip712-type": terms.TYPE,
    }


def _others() -> Iterable[Json]:
    payment = _param("paymentId", None)
    yield _method("payment_status", "What the journal knows of a payment.", [payment], "payment", refer("Payment"))
    yield _method(
        "bridge_health",
        "How the bridge is; `ok` is false when the chain stands still or the queue is full.",
        [],
        "health",
        {"type": "object"},
    )
    lines = _method(
        "lines_read",
        "A merchant's sealed line items, a page at a time, for an account in the merchant's owner or check group, which"
        " signs the request.",
        [_param(name, PARAMETERS[name].default) for name in LINES_NAMES],
        "page",
        refer("Lines"),
    )
    yield {**lines, "x-eip712-type": LinesTerms.TYPE}
    subscribe = _method(
        "till_subscribe",
        "Over WebSocket: notifications `till_subscription` of all that becomes of a payment, or, signed by it, of a"
        " terminal's messages. A signature is good for one subscription.",
        [{**payment, "required": False}, *({**_param(name, None), "required": False} for name in SUBSCRIPTION_NAMES)],
        "subscription",
        refer("Subscription"),
    )
    yield {**subscribe, "x-eip712-type": SubscriptionTerms.TYPE, "x-notification": refer("Notification")}
    yield _method(
        "till_unsubscribe",
        "Ends a subscription; false if there was none of that name.",
        [_param("subscription", None)],
        "ended",
        {"type": "boolean"},
    )
    yield _method("rpc.discover", "This document.", [], "document", {"type": "object"})


def _method(name: str, summary: str, params: list[Json], result: str, schema: Mapping[str, Any]) -> Json:
    return {
        "name": name,
        "summary": summary,
        "paramStructure": "by-name",
        "params": params,
        "result": {"name": result, "schema": schema},
    }


def _param(name: str, default: str | int | None) -> Json:
    parameter = PARAMETERS[name]
    schema: Json = {"type": "string", "maxLength": parameter.longest}
    if parameter.longest is None:
        schema = {"type": "integer", "minimum": 0, "exclusiveMaximum": NUMBERS_BELOW}
    if default is not None:
        schema["default"] = default
    return {"name": name, "description": parameter.meaning, "required": default is None, "schema": schema}


def _error(failure: type[TillnetError]) -> Json:
    meaning = (failure.__doc__ or "").strip().splitlines()[0]
    return {"code": failure.rpc_code, "message": meaning, "data": {"responseCode": failure.response_code}}


def page() -> str:
    """The document as docs/openrpc.json has it."""
    return json.dumps(document(), indent=2) + "\n"
