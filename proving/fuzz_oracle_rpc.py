"""Which JSON-RPC requests may be approved; the other half of fuzz_oracle.py."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data

from node.bridge.intake_rpc.methods import METHODS
from node.domain.payment import Entry
from proving.fuzz_intake import Seen
from proving.fuzz_misread import SAYS_YES, WE_SAY_YES, Misread
from proving.fuzz_world import CHAIN_ID, GOOD, LEDGER, NOW, SIGNER, SUSPENDED

MOST_REPLY: Final = 1_048_576
"""Bytes of a reply: ten times the published document, with room."""
INTERNAL_ERROR: Final = -32603
"""What is said of an exception that the intake does not know."""
REPLAY_SECONDS, AHEAD_SECONDS = 300, 60
_SIGNER: Final = Account.from_key(SIGNER).address


def check_rpc(seen: Seen) -> None:
    """Raises Misread with the first thing that is wrong."""
    if sum(map(len, seen.told)) > MOST_REPLY:
        raise Misread("a reply without bounds")
    effects = list(seen.effects)
    for told in seen.told:
        replies = json.loads(told)
        asked = _asked(seen)
        for reply in replies if isinstance(replies, list) else [replies]:
            if (reply.get("jsonrpc"), "result" in reply) != ("2.0", "error" not in reply):
                raise Misread(f"neither a result nor an error: {reply}")
            result = reply.get("result")
            if isinstance(result, dict) and (result.get("approved") or result.get("responseCode") in SAYS_YES):
                _check_result(reply["id"], result, asked, effects)
            error = reply.get("error")
            if error is not None and error["code"] == INTERNAL_ERROR:
                raise Misread(f"an exception that it does not know: {error}")
            if error is not None and (error.get("data") or {}).get("responseCode") in SAYS_YES:
                raise Misread(f"an error with the code of an approval: {error}")


def _asked(seen: Seen) -> list[dict[str, Any]]:
    body = seen.came.decode("utf-8", "replace") if seen.door.socket else seen.came
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [each for each in (document if isinstance(document, list) else [document]) if isinstance(each, dict)]


def _check_result(
    number: object, result: Mapping[str, Any], asked: list[dict[str, Any]], effects: list[tuple[Entry, str]]
) -> None:
    if result.get("approved") != (result.get("responseCode") in WE_SAY_YES):
        raise Misread(f"approved and responseCode differ: {result}")
    same = [each for each in asked if each.get("id") == number]
    if any(each.get("method") == "payment_status" for each in same):
        return
    if not any(_is_signed(each) for each in same):
        raise Misread(f"approved what no terminal signed: {result}")
    terms = [each["params"] for each in same if _is_signed(each)]
    if any(each["method"] == "advice_submit" and _says_nothing(each["params"]) for each in same if _is_signed(each)):
        return
    found = next(
        (
            each
            for each in effects
            if each[1] == result["responseCode"]
            and any((each[0].key.terminal, each[0].key.stan) == (said["terminal"], said["stan"]) for said in terms)
        ),
        None,
    )
    if found is None:
        raise Misread(f"approved without an effect: {result}")
    effects.remove(found)


def _says_nothing(params: Mapping[str, Any]) -> bool:
    """Whether an advice tells of a sale that did not take place."""
    return params.get("outcome", "00") not in ("00", "08", "10", "11", "16", "Y1", "Y3")


def _is_signed(request: Mapping[str, Any]) -> bool:
    """Whether the request's terms are signed by a good terminal's key, and of now."""
    method, params = METHODS.get(str(request.get("method"))), request.get("params")
    if method is None or not isinstance(params, dict):
        return False
    if params.get("terminal") not in (*GOOD, *(SUSPENDED if method.undoes else ())):
        return False
    name, members = re.fullmatch(r"(\w+)\((.*)\)", method.terms.TYPE).groups()  # type: ignore[union-attr]
    fields = [dict(zip(("type", "name"), each.split(" "), strict=True)) for each in members.split(",")]
    domain = {"name": "Tillnet", "version": "1", "chainId": CHAIN_ID, "verifyingContract": "0x" + LEDGER.hex()}
    try:
        message = {each["name"]: params[each["name"]] for each in fields}
        signable = encode_typed_data(domain, {name: fields}, message)
        by = Account.recover_message(signable, signature=params["signature"])
    except Exception:
        # eth_account has no one class for what cannot be signed, or is no signature
        return False
    return by == _SIGNER and NOW - REPLAY_SECONDS <= int(params["time"]) <= NOW + AHEAD_SECONDS
