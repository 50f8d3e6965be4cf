"""A dry run: what a script would send, tried in order on a copy of the newest state, and shown; nothing is sent.

`brownie run SCRIPT ... --dry-run` (or TILLNET_DRY_RUN=1) makes every script use this in the place of its Pipeline.
The calls see each other's effects (eth_simulateV1), so an approval and the purchase after it are tried together.
"""

from collections.abc import Sequence
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import TxParams, TxReceipt

from scripts.event_log import described
from scripts.pipeline import Pipeline, Sent, created_address, encoded, message_of
from scripts.tables import show
from scripts.trouble import Rehearsed, Trouble

MOST: Final = 200  # calls in one rehearsal
SHOWN_EVENTS: Final = 6  # of one call


class Rehearsal(Pipeline):
    """Takes what a Pipeline takes, and at `finish` shows what it would do and ends the script."""

    def __init__(self, *, web3: Web3, account: LocalAccount) -> None:
        super().__init__(web3=web3, account=account)
        self._noted: list[Sent] = []

    def check(self, what: str, method: Any, arguments: Sequence[Any]) -> None:
        """Tries a call after those noted before. Raises Trouble with the contract's reason."""
        request = self._request(to=method._address, data=encoded(what, method, arguments))
        result = self._simulate([*self._requests(), request])[-1]
        if result["status"] != "0x1":
            raise Trouble(f"could not {what}: {self._reason_of(request, result)}")

    def send(self, what: str, *, to: str | None, data: str, gas: int, value: int = 0) -> Sent:
        """Notes a transaction."""
        request = self._request(to=to, data=data)
        request["gas"], request["value"] = gas, Web3.to_wei(value, "wei")
        created = created_address(self.account.address, self._nonce + len(self._noted))
        self._noted.append(Sent(what=what, hash=bytes(32), request=request, created=created))
        if len(self._noted) > MOST:
            raise Trouble(f"a dry run takes {MOST} transactions, and this would send more")
        return self._noted[-1]

    def finish(self) -> list[TxReceipt]:
        """Shows everything noted. Raises Trouble for the first that would fail, else Rehearsed: the script ends."""
        rows = []
        for sent, result in zip(self._noted, self._simulate(self._requests()), strict=True):
            if result["status"] != "0x1":
                reason = self._reason_of(sent.request, result)
                raise Trouble(f"could not {sent.what}: {reason} (a dry run; nothing was sent)")
            events = [described(log) for log in result["logs"]]
            more = [f"and {len(events) - SHOWN_EVENTS} more"] if len(events) > SHOWN_EVENTS else []
            rows.append((sent.what, f"{int(result['gasUsed'], 16):,}", "\n".join([*events[:SHOWN_EVENTS], *more])))
        show("Dry run: what would happen. Nothing was sent.", ("act", "gas", "events"), rows)
        raise Rehearsed

    def _reason_of(self, request: TxParams, result: dict[str, Any]) -> str:
        """Why a simulated call failed."""
        data = result.get("returnData", "0x")
        if data in ("", "0x"):
            data = result.get("error", {}).get("data") or "0x"
        if data not in ("", "0x"):
            return self._explained(request, data)
        return str(result.get("error", {}).get("message", "it gave no reason"))

    def _request(self, *, to: str | None, data: str) -> TxParams:
        # brownie writes a contract's creation without 0x, and geth wants it
        whole = "0x" + data.removeprefix("0x")
        request: TxParams = {"from": self.account.address, "data": whole}  # type: ignore[typeddict-item]
        if to is not None:
            request["to"] = to
        return request

    def _requests(self) -> list[TxParams]:
        return [sent.request for sent in self._noted]

    def _simulate(self, requests: list[TxParams]) -> list[dict[str, Any]]:
        """What each call does after those before it, in as few blocks after the newest one as hold them."""
        head = self.web3.eth.get_block("latest")
        blocks = [
            {
                "blockOverrides": {"number": hex(head["number"] + place), "time": hex(head["timestamp"] + place)},
                "calls": [
                    {key: hex(value) if isinstance(value, int) else value for key, value in request.items()}
                    for request in part
                ],
            }
            for place, part in enumerate(_by_block(requests, head["gasLimit"]), start=1)
        ]
        # by its number: a block that came meanwhile would be the latest, and these no longer after it
        asked = [{"blockStateCalls": blocks}, hex(head["number"])]
        try:
            answer: Any = self.web3.provider.make_request("eth_simulateV1", asked)  # type: ignore[arg-type]
        except (ValueError, OSError) as failure:
            raise Trouble(f"this node cannot try a transaction out: {message_of(failure)}") from None
        if "error" in answer:
            raise Trouble(f"this node cannot try a transaction out: {answer['error'].get('message')}")
        return [call for block in answer["result"] for call in block["calls"]]


def _by_block(requests: list[TxParams], limit: int) -> list[list[TxParams]]:
    """The requests in blocks whose gas does not exceed the limit; one without gas takes a block's."""
    blocks: list[list[TxParams]] = [[]]
    left = limit
    for request in requests:
        gas = request.get("gas", limit)
        if gas > left and blocks[-1]:
            blocks.append([])
            left = limit
        blocks[-1].append(request)
        left -= gas
    return blocks
