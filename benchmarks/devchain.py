"""A development chain (anvil) in a process of its own, and contracts on it: for benchmarks and contract tests.

Small and fast on purpose: one kept-open HTTP connection and eth_abi, no web3 middleware. Transactions are mined at
once, accounts need no keys, gas costs nothing.
"""

import http.client
import itertools
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import eth_abi
from eth_hash.auto import keccak

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = Path(os.environ.get("TILLNET_CONTRACTS", ROOT / "build" / "contracts"))
INTERFACES: Final = ROOT / "build" / "interfaces"
GAS_LIMIT: Final = 150_000_000  # of a block, as on the network
START_SECONDS: Final = 30
MINING_SECONDS: Final = 60
KEPT_STATES: Final = 32  # of the newest blocks; a trace needs the one before its transaction's


class Reverted(Exception):
    """A call or transaction that the contract refused; `error` is its typed error's name, `values` its arguments."""

    def __init__(self, error: str, values: tuple[Any, ...] = ()) -> None:
        super().__init__(f"{error}{values}")
        self.error = error
        self.values = values


class Event(NamedTuple):
    """A decoded log; the arguments in the order of the event's parameters."""

    name: str
    address: str
    args: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a transaction did."""

    gas: int
    block: int
    logs: list[dict[str, Any]]
    created: str | None


class Chain:
    """A JSON-RPC connection to anvil; threads that share it take turns."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._count = itertools.count(1)
        self._turn = threading.Lock()
        self.accounts: list[str] = self.request("eth_accounts")

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def request(self, method: str, *params: Any) -> Any:
        """The result of one call; an error that carries revert data becomes Reverted with the data as `values`."""
        answer = self._exchange({"jsonrpc": "2.0", "id": next(self._count), "method": method, "params": params})
        if "error" in answer:
            raise Reverted("0x", (answer["error"].get("data"), answer["error"].get("message")))
        return answer["result"]

    def _exchange(self, body: Any) -> Any:
        with self._turn:
            self._connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            return json.loads(self._connection.getresponse().read())

    def send(self, *, sender: str, to: str | None, data: str, gas: int = GAS_LIMIT) -> Receipt:
        """Sends a transaction and returns its receipt, reverted or not: look at `status` by calling first."""
        message = {"from": sender, "data": data, "gas": hex(gas), "gasPrice": "0x0"} | ({"to": to} if to else {})
        digest = self.request("eth_sendTransaction", message)
        receipt = self._mined(digest)
        if receipt["status"] != "0x1":
            # called again it might end otherwise: the time is another
            trace = self.request("debug_traceTransaction", digest, {"tracer": "callTracer"})
            raise Reverted("0x", (trace.get("output"), trace.get("error")))
        return Receipt(
            gas=int(receipt["gasUsed"], 16),
            block=int(receipt["blockNumber"], 16),
            logs=receipt["logs"],
            created=receipt["contractAddress"],
        )

    def _mined(self, digest: str) -> dict[str, Any]:
        deadline = time.monotonic() + MINING_SECONDS
        while time.monotonic() < deadline:
            receipt: dict[str, Any] | None = self.request("eth_getTransactionReceipt", digest)
            if receipt is not None:
                return receipt
            time.sleep(0.001)
        raise RuntimeError(f"anvil did not mine {digest}")

    def storage(self, address: str, slot: int) -> int:
        """The word in a storage slot."""
        return int(self.request("eth_getStorageAt", address, f"0x{slot:064x}", "latest"), 16)

    def storages(self, address: str, slots: Sequence[int]) -> list[int]:
        """The words in many storage slots, in one request."""
        calls = [
            {"jsonrpc": "2.0", "id": i, "method": "eth_getStorageAt", "params": [address, f"0x{slot:064x}", "latest"]}
            for i, slot in enumerate(slots)
        ]
        answers = self._exchange(calls) if calls else []
        return [int(answer["result"], 16) for answer in sorted(answers, key=lambda answer: answer["id"])]

    def now(self) -> int:
        """The time of the newest block."""
        return int(self.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def set_next_time(self, timestamp: int) -> None:
        """The time of the block that the next transaction makes."""
        self.request("evm_setNextBlockTimestamp", hex(timestamp))

    def impersonate(self, address: str) -> str:
        """Lets transactions be sent from any address."""
        self.request("anvil_impersonateAccount", address)
        return address

    def snapshot(self) -> str:
        """A mark to come back to, once."""
        return str(self.request("evm_snapshot"))

    def revert(self, mark: str) -> None:
        """Back to the mark; everything since is forgotten.

        anvil shows a receipt a moment before it takes the transaction out of its pool, by sender and nonce. Gone back
        in that moment, the next transaction of the same sender has that nonce again, is taken out instead, and is
        never mined.
        """
        deadline = time.monotonic() + MINING_SECONDS
        while int(self.request("txpool_status")["pending"], 16):
            if time.monotonic() > deadline:
                raise RuntimeError("anvil did not mine what is in its pool")
        if self.request("evm_revert", mark) is not True:
            raise RuntimeError(f"anvil did not go back to {mark}")
        # its clock stays where it was: the next block whose time is not said would be as late as the latest ever
        self.request("evm_setTime", hex(self.now()))


@contextmanager
def anvil(*, start_time: int | None = None) -> Iterator[Chain]:
    """A fresh chain with the rules of the network (Cancun) on a port that the system chose; ended on the way out."""
    binary = next((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))
    command = [str(binary), "--port", "0", "--hardfork", "cancun", "--gas-limit", str(GAS_LIMIT), "--base-fee", "0"]
    command += ["--gas-price", "0", "--disable-min-priority-fee", "--auto-impersonate"]
    # else it writes the state of every block to the disk, gigabytes in a run of the tests, and leaves them there
    command += ["--prune-history", str(KEPT_STATES)]
    command += ["--timestamp", str(start_time)] if start_time is not None else []
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            chain = Chain(_port(process, output))
            try:
                yield chain
            finally:
                chain.close()
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[bytes], output: Any) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        output.seek(0)
        text = output.read()
        if found := re.search(r"Listening on [\d.]+:(\d+)", text):
            return int(found.group(1))
        if process.poll() is not None:
            raise RuntimeError(f"anvil ended at once: {text.strip()}")
        time.sleep(0.05)
    raise RuntimeError("anvil did not start in time")


class Interface:
    """How to talk to a contract: its ABI as encoders and decoders."""

    def __init__(self, abi: Sequence[Mapping[str, Any]]) -> None:
        self.functions = {entry["name"]: entry for entry in abi if entry["type"] == "function"}
        self.events = {_hash(entry): entry for entry in abi if entry["type"] == "event"}
        self.errors = {_hash(entry)[:10]: entry for entry in abi if entry["type"] == "error"}
        self.constructor = next((entry for entry in abi if entry["type"] == "constructor"), {"inputs": []})

    def selector(self, name: str) -> str:
        """The first four bytes of a call, 0x-hex."""
        return _hash(self.functions[name])[:10]

    def encode(self, name: str, *arguments: Any) -> str:
        """Calldata of a call."""
        entry = self.functions[name]
        return self.selector(name) + eth_abi.encode(_types(entry["inputs"]), arguments).hex()

    def decode(self, name: str, data: str) -> Any:
        """What a call returned: nothing, a value, or a tuple; structs become dicts."""
        outputs = self.functions[name]["outputs"]
        values = eth_abi.decode(_types(outputs), bytes.fromhex(data[2:]))
        named = [_named(output, value) for output, value in zip(outputs, values, strict=True)]
        return named[0] if len(named) == 1 else tuple(named)

    def explain(self, reverted: Reverted) -> Reverted:
        """The typed error in what the node said."""
        data = reverted.values[0] if reverted.values else None
        entry = self.errors.get(data[:10]) if isinstance(data, str) else None
        if entry is None:
            return reverted
        values = eth_abi.decode(_types(entry["inputs"]), bytes.fromhex(data[10:]))
        return Reverted(entry["name"], tuple(values))

    def event(self, log: Mapping[str, Any]) -> Event | None:
        """The event in a log; None when it is not of this ABI."""
        entry = self.events.get(log["topics"][0])
        if entry is None:
            return None
        indexed = [i for i in entry["inputs"] if i["indexed"]]
        plain = [i for i in entry["inputs"] if not i["indexed"]]
        found: dict[str, Any] = {}
        for i, topic in zip(indexed, log["topics"][1:], strict=True):
            found[i["name"]] = eth_abi.decode([_type(i)], bytes.fromhex(topic[2:]))[0]
        for i, value in zip(plain, eth_abi.decode(_types(plain), bytes.fromhex(log["data"][2:])), strict=True):
            found[i["name"]] = _named(i, value)
        return Event(entry["name"], log["address"], {i["name"]: found[i["name"]] for i in entry["inputs"]})


class Contract:
    """A contract at an address. `view` calls, `send` transacts; both raise Reverted with the typed error."""

    def __init__(self, chain: Chain, address: str, interface: Interface) -> None:
        self.chain, self.address, self.interface = chain, address, interface

    def view(self, name: str, *arguments: Any, sender: str | None = None, block: str = "latest") -> Any:
        """Calls without a transaction."""
        message = {"to": self.address, "data": self.interface.encode(name, *arguments)}
        try:
            result = self.chain.request("eth_call", message | ({"from": sender} if sender else {}), block)
        except Reverted as reverted:
            raise self.interface.explain(reverted) from None
        return self.interface.decode(name, result)

    def send(self, name: str, *arguments: Any, sender: str, gas: int = GAS_LIMIT) -> Receipt:
        """Transacts."""
        data = self.interface.encode(name, *arguments)
        try:
            return self.chain.send(sender=sender, to=self.address, data=data, gas=gas)
        except Reverted as reverted:
            raise self.interface.explain(reverted) from None

    def events(self, receipt: Receipt) -> list[Event]:
        """The events of this contract in a receipt, in order."""
        own = (log for log in receipt.logs if log["address"].lower() == self.address.lower())
        return [event for event in map(self.interface.event, own) if event is not None]


def artifact(name: str) -> dict[str, Any]:
    """ABI and bytecode that `brownie compile` made of a contract, or an interface's ABI (make setup runs it)."""
    files = (BUILD / f"{name}.json", INTERFACES / f"{name}.json")
    loaded: dict[str, Any] = json.loads(next((file for file in files if file.exists()), files[0]).read_text())
    return loaded


def deploy(chain: Chain, name: str, *arguments: Any, sender: str) -> Contract:
    """Deploys a contract by name."""
    made = artifact(name)
    interface = Interface(made["abi"])
    encoded = eth_abi.encode(_types(interface.constructor["inputs"]), arguments).hex()
    code = made["bytecode"].removeprefix("0x")
    try:
        receipt = chain.send(sender=sender, to=None, data=f"0x{code}{encoded}")
    except Reverted as reverted:
        raise interface.explain(reverted) from None
    assert receipt.created is not None
    return Contract(chain, receipt.created, interface)


def _hash(entry: Mapping[str, Any]) -> str:
    text = f"{entry['name']}({','.join(_types(entry['inputs']))})"
    return "0x" + bytes(keccak(text.encode())).hex()


def _types(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_type(i) for i in inputs]


def _type(i: Mapping[str, Any]) -> str:
    text = str(i["type"])
    return f"({','.join(_types(i['components']))}){text.removeprefix('tuple')}" if text.startswith("tuple") else text


def _named(i: Mapping[str, Any], value: Any) -> Any:
    if i["type"] == "tuple":
        return {c["name"]: _named(c, v) for c, v in zip(i["components"], value, strict=True)}
    if i["type"] == "tuple[]":
        return [_named({**i, "type": "tuple"}, v) for v in value]
    return value
