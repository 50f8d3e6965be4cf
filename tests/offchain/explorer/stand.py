"""An explorer in a thread of the test, on a chain of anvil's, for clients that are programs of their own."""

import asyncio
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import eth_abi

from benchmarks.devchain import Chain
from node.explorer.run import ExplorerSettings, run
from node.network.toolchain.layout import Layout
from tests.offchain.explorer.rows import fill

LAYOUT: Final = Layout.here()
START_SECONDS: Final = 60.0
COMPILER: Final = "0.8.30+commit.73712a01"


class Explorer:
    """A running explorer, asked over HTTP."""

    def __init__(self, port: int, index: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.index = index
        self._indexed = -1

    def index_now(self, chain: Chain, **meta: str) -> None:
        """Writes the blocks that the index does not have yet."""
        self._indexed = fill(self.index, chain, meta=meta, first=self._indexed + 1)

    def ask(self, path: str, *, body: bytes | None = None, kind: str = "", **fields: Any) -> tuple[int, bytes]:
        """Status and body of an answer."""
        query = f"?{urlencode(fields)}" if fields else ""
        request = urllib.request.Request(f"{self.url}{path}{query}", data=body)
        if kind:
            request.add_header("content-type", kind)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read()

    def api(self, module: str, action: str, **fields: Any) -> Any:
        """An answer of the Etherscan-style API, by GET."""
        return json.loads(self.ask("/api", module=module, action=action, **fields)[1])

    def post(self, module: str, action: str, **fields: Any) -> Any:
        """The same by a form."""
        form = urlencode({"module": module, "action": action, **fields}).encode()
        return json.loads(self.ask("/api", body=form)[1])


@contextmanager
def running(settings: ExplorerSettings) -> Iterator[Explorer]:
    """An explorer, ended on the way out; what it raised is raised here."""
    ready, ports, failures = threading.Event(), list[int](), list[BaseException]()
    loop = asyncio.new_event_loop()

    def bound(port: int) -> None:
        ports.append(port)
        ready.set()

    task: list[asyncio.Task[None]] = []

    def work() -> None:
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(run(settings, bound=bound)))
        try:
            loop.run_until_complete(task[0])
        except asyncio.CancelledError:
            pass
        except BaseException as failure:
            failures.append(failure)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(START_SECONDS)
    try:
        if ports:
            yield Explorer(ports[0], settings.index)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(task[0].cancel)
        thread.join(START_SECONDS)
    if failures:
        raise failures[0]


def compiled(sources: Mapping[str, str], path: str, name: str, **settings: Any) -> dict[str, Any]:
    """What the compiler makes of a contract; the standard JSON that it got is under `input`."""
    source = {
        "language": "Solidity",
        "sources": {each: {"content": content} for each, content in sources.items()},
        "settings": {"evmVersion": "cancun", "optimizer": {"enabled": True, "runs": 200}, **settings},
    }
    asked = {**source, "settings": {**source["settings"], "outputSelection": {"*": {"*": ["abi", "evm.bytecode"]}}}}
    program = LAYOUT.solc_folder / "solc-v0.8.30"
    done = subprocess.run(
        [program, "--standard-json"], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert "contracts" in answer, answer
    return {**answer["contracts"][path][name], "input": source}


@dataclass(frozen=True, kw_only=True)
class ShopOnChain:
    """A contract with three transactions to it, the last of which failed."""

    address: str
    filled: str
    sold: str
    failed: str
    source: dict[str, Any]


def wait_until(chain: Chain, digest: str) -> None:
    """Until a block has the transaction."""
    deadline = time.monotonic() + START_SECONDS
    while chain.request("eth_getTransactionReceipt", digest) is None:
        assert time.monotonic() < deadline, digest
        time.sleep(0.01)


def url_of(chain: Chain) -> str:
    """Where a chain of anvil's answers."""
    return f"http://127.0.0.1:{chain._connection.port}"


def chain_id_of(chain: Chain) -> int:
    """Its id."""
    return int(chain.request("eth_chainId"), 16)


def deploy(chain: Chain, made: dict[str, Any], types: tuple[str, ...] = (), *arguments: Any) -> tuple[str, bytes]:
    """The address of a new contract, and its constructor's arguments."""
    encoded = eth_abi.encode(types, arguments)
    data = "0x" + made["evm"]["bytecode"]["object"] + encoded.hex()
    created = chain.send(sender=chain.accounts[0], to=None, data=data).created
    assert created is not None
    return created.lower(), encoded


def write_forge_project(folder: Path, sources: Mapping[str, str]) -> None:
    """A project that forge verifies from, with the compiler where it looks for it, in a home of its own."""
    compiler = folder / "home" / ".svm" / "0.8.30" / "solc-0.8.30"
    compiler.parent.mkdir(parents=True)
    compiler.symlink_to(LAYOUT.solc_folder / "solc-v0.8.30")
    (folder / "foundry.toml").write_text(
        '[profile.default]\noffline = true\ncache = false\nsrc = "src"\nevm_version = "cancun"\n'
        "optimizer = true\noptimizer_runs = 200\n"
        f'solc = "{compiler}"\n'
    )
    for path, content in sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
