"""Sending many transactions from one account without waiting for each: the chain makes one block a second.

Nonces are counted here, so each transaction is signed and sent at once; `finish` waits for the last and then looks at
every receipt. A refused one is told with the contract's own error and its values.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import TxParams, TxReceipt

from scripts.missing_role import role_missing
from scripts.revert_reason import as_bytes, explain_revert
from scripts.trouble import Trouble

WINDOW: Final = 48  # transactions on their way at once; geth's pool takes 64 an account without objection
PATIENCE: Final = 90.0  # seconds for a transaction to become final
POLL: Final = 0.1
TIP: Final = 1  # wei a gas; the network asks for no more
HEADROOM: Final = 10**9  # wei a gas above twice the base fee, so that anvil's base fee may rise meanwhile


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sent:
    """A transaction on its way. `what` says in words what it does; `created` is the address that it creates."""

    what: str
    hash: bytes
    request: TxParams
    created: str


class Pipeline:
    """Sends transactions of one account in their order.

        pipeline = Pipeline(web3=w3, account=operator)
        pipeline.call("enrol members", registry.enrolMembers, [ids], gas=2_000_000)
        receipts = pipeline.finish()

    Nobody else may send from the account meanwhile.
    """

    def __init__(self, *, web3: Web3, account: LocalAccount) -> None:
        self.web3 = web3
        self.account = account
        self.gas_used = 0
        self._chain_id = web3.eth.chain_id
        self._nonce = web3.eth.get_transaction_count(account.address, "latest")
        self._waiting: list[Sent] = []
        self._receipts: list[TxReceipt] = []

    def call(self, what: str, method: Any, arguments: Sequence[Any], *, gas: int) -> Sent:
        """Sends a call of a brownie contract's method. `gas` bounds it; what is not used is not paid."""
        return self.send(what, to=method._address, data=encoded(what, method, arguments), gas=gas)

    def check(self, what: str, method: Any, arguments: Sequence[Any]) -> None:
        """Tries a call on the newest state without sending it. Raises Trouble with the contract's reason."""
        request: TxParams = {"from": self.account.address, "to": method._address}
        request["data"] = encoded(what, method, arguments)  # type: ignore[typeddict-item]
        if (reason := self._refusal(request, "latest")) is not None:
            raise Trouble(f"could not {what}: {reason}")

    def checked_call(self, what: str, method: Any, arguments: Sequence[Any], *, gas: int) -> Sent:
        """Sends a call that has been tried first: what the contract refuses costs nothing. Raises Trouble."""
        self.check(what, method, arguments)
        return self.call(what, method, arguments, gas=gas)

    def deploy(self, container: Any, arguments: Sequence[Any], *, gas: int) -> Sent:
        """Sends a contract's creation; its address is known at once (`created`)."""
        what = f"deploy {container._name}"
        return self.send(what, to=None, data=encoded(what, container.deploy, arguments), gas=gas)

    def send(self, what: str, *, to: str | None, data: str, gas: int, value: int = 0) -> Sent:
        """Signs and sends; blocks only while the window is full. Raises Trouble when the node refuses it."""
        base_fee = self.web3.eth.get_block("latest").get("baseFeePerGas", 0)
        request: TxParams = {
            "chainId": self._chain_id,
            "nonce": self._nonce,
            "gas": gas,
            "maxFeePerGas": Web3.to_wei(2 * base_fee + HEADROOM, "wei"),
            "maxPriorityFeePerGas": Web3.to_wei(TIP, "wei"),
            "value": Web3.to_wei(value, "wei"),
            "data": data,  # type: ignore[typeddict-item]
        }
        if to is not None:
            request["to"] = to
        signed = self.account.sign_transaction(request)
        try:
            self.web3.eth.send_raw_transaction(signed.raw_transaction)
        except (Web3RPCError, ValueError) as refusal:
            # web3 sends again by itself when an answer is lost; the first one counts
            if "already known" not in str(refusal):
                raise Trouble(f"the node refuses to {what}: {message_of(refusal)}") from None
        created = created_address(self.account.address, self._nonce)
        sent = Sent(what=what, hash=bytes(signed.hash), request=request, created=created)
        self._nonce += 1
        self._waiting.append(sent)
        if len(self._waiting) >= WINDOW:
            self._settle(keep=WINDOW // 2)
        return sent

    def finish(self) -> list[TxReceipt]:
        """Waits until everything sent since the last `finish` is final, and returns the receipts in that order.

        Raises Trouble for the first that failed, or when the chain does not take them in time.
        """
        self._settle(keep=0)
        receipts, self._receipts = self._receipts, []
        return receipts

    def _settle(self, *, keep: int) -> None:
        """Collects receipts, oldest first, until at most `keep` transactions are on their way."""
        while len(self._waiting) > keep:
            sent = self._waiting[0]
            receipt = self._wait(sent)
            self._waiting.pop(0)
            if receipt["status"] != 1:
                raise Trouble(f"could not {sent.what}: {self._reason(sent, receipt)}")
            self.gas_used += receipt["gasUsed"]
            self._receipts.append(receipt)

    def _wait(self, sent: Sent) -> TxReceipt:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.web3.eth.get_transaction_receipt(sent.hash)  # type: ignore[arg-type]
            except TransactionNotFound:
                if time.monotonic() > deadline:
                    raise Trouble(f"the chain did not {sent.what} within {PATIENCE:.0f} s") from None
                time.sleep(POLL)

    def _reason(self, sent: Sent, receipt: TxReceipt) -> str:
        """Why it failed: the same call again on the state before its block, or out of gas."""
        if receipt["gasUsed"] >= sent.request["gas"]:
            return f"it used up its {sent.request['gas']:,} gas"
        again: TxParams = {"from": self.account.address, "data": sent.request["data"], "gas": sent.request["gas"]}
        if "to" in sent.request:
            again["to"] = sent.request["to"]
        return self._refusal(again, receipt["blockNumber"]) or "it was refused by the state of that moment"

    def _refusal(self, request: TxParams, block: Any) -> str | None:
        """Why a call fails on a block's state, None when it does not."""
        try:
            self.web3.eth.call(request, block)
        except (ContractLogicError, Web3RPCError, ValueError) as refusal:
            data = error_of(refusal).get("data") or getattr(refusal, "data", None)
            return self._explained(request, data) if data else message_of(refusal)
        return None

    def _explained(self, request: TxParams, revert: Any) -> str:
        """The contract's reason, and the role that is missing if it is that."""
        raw = as_bytes(revert)
        target = request.get("to")
        role = ""
        if target is not None:
            call = as_bytes(request["data"])
            role = role_missing(self.web3, caller=self.account.address, target=str(target), call=call, revert=raw)
        return explain_revert(raw) + role


def encoded(what: str, method: Any, arguments: Sequence[Any]) -> str:
    """The calldata of a brownie contract's method. Raises Trouble for what the ABI's types cannot hold."""
    try:
        return str(method.encode_input(*arguments))
    except OverflowError as failure:
        raise Trouble(f"could not {what}: a number is out of range ({failure})") from None
    except (TypeError, ValueError) as failure:
        raise Trouble(f"could not {what}: {failure}") from None


def created_address(sender: str, nonce: int) -> str:
    """The address of the contract that this transaction creates (yellow paper, section 7)."""
    import rlp  # brownie brings it

    digest = Web3.keccak(rlp.encode([bytes.fromhex(sender.removeprefix("0x")), nonce]))
    return Web3.to_checksum_address(digest[-20:])


def message_of(refusal: Exception) -> str:
    """The node's own words, without web3's wrapping."""
    return str(error_of(refusal).get("message", refusal))


def error_of(refusal: Exception) -> dict[str, Any]:
    """The JSON-RPC error object behind an exception; brownie's middleware hands it on as the first argument."""
    response = getattr(refusal, "rpc_response", None) or {}
    first = refusal.args[0] if refusal.args else None
    error = response.get("error") or first
    return error if isinstance(error, dict) else {}
