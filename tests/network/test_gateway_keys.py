"""Keys on a real network, made and taken back while it runs; traces, metrics, and a bridge's client."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.chain.blocks import Blocks
from node.chain.rpc import Rpc, RpcRefused, SendResult
from node.config import ChainSettings, RpcAccess
from node.network.clients import gateways_of
from node.network.processes import read_state, send
from node.network.rpc import read_cookie
from node.network.status import network_status
from tests.network.chain import Chain, Sender, wait_until

pytestmark = pytest.mark.chain
PROJECT = Path(__file__).parents[2]
AT = "v4"
CALLER = {"tracer": "callTracer"}


def till(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node.cli.main", "net", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=60,
        check=False,
    )


def ask(chain: Chain, key: str | None, method: str, *params: Any) -> tuple[int, Any]:
    """HTTP's status, and the result or the error's code."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(chain.url(AT), body, headers), timeout=10) as response:
            status, answer = response.status, json.loads(response.read())
    except urllib.error.HTTPError as failure:
        with failure:
            status, answer = failure.code, json.loads(failure.read())
    return status, answer["error"]["code"] if "error" in answer else answer["result"]


@pytest.fixture
def home(chain: Chain) -> Iterator[Path]:
    """v4's folder, whose settings are taken away again."""
    folder = chain.plan.home(AT)
    yield folder
    (folder / "access.json").unlink(missing_ok=True)
    wait_until(lambda: ask(chain, None, "eth_chainId")[0] == 200, seconds=10, what="v4 is open again")


def test_a_key_is_good_from_when_it_is_made_until_it_is_removed(chain: Chain, home: Path, member: Sender) -> None:
    folder = chain.plan.folder
    made = till("key", "add", folder, "--role", "auditor", "--name", "alice", "--days", "30", "--validator", AT)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    text = (home / "access.json").read_text()
    assert key not in text and (home / "access.json").stat().st_mode & 0o777 == 0o600
    wait_until(lambda: ask(chain, key, "eth_chainId")[0] == 200, seconds=10, what="the key is known")
    raw, tx_hash = member.sign()
    assert ask(chain, key, "eth_sendRawTransaction", raw) == (200, -32601)
    chain.send(raw)
    receipt = chain.wait_for_receipt(tx_hash)
    trace = ask(chain, key, "debug_traceTransaction", tx_hash, CALLER)[1]
    assert trace["from"].lower() == member.address.lower() and trace["type"] == "CALL"
    block = ask(chain, key, "debug_traceBlockByNumber", receipt["blockNumber"], {"tracer": "prestateTracer"})[1]
    assert [each["txHash"] for each in block] == [tx_hash]
    assert ask(chain, key, "debug_traceTransaction", tx_hash, {"tracer": "{}"}) == (200, -32602)
    assert ask(chain, key, "debug_setHead", "0x0") == (200, -32601)
    shown = till("key", "list", folder)
    assert "alice" in shown.stdout and "auditor" in shown.stdout and key not in shown.stdout
    twice = till("key", "add", folder, "--role", "auditor", "--name", "alice", "--validator", AT)
    assert twice.returncode == 1 and "already" in twice.stderr
    assert till("key", "remove", folder, "--name", "alice").returncode == 0
    wait_until(lambda: ask(chain, key, "eth_chainId")[0] == 401, seconds=10, what="the key is gone")
    assert till("key", "remove", folder, "--name", "alice").returncode == 1
    assert key not in chain.plan.log(AT, "app").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", "root", "--name", "bob"),
        ("--role", "auditor", "--name", "bob smith"),
        ("--role", "auditor", "--name", "bob", "--rate", "0"),
        ("--role", "auditor", "--name", "bob", "--days", "0"),
        ("--role", "auditor", "--name", "bob", "--validator", "v9"),
    ],
)
def test_a_key_that_could_not_be_good_is_not_made(chain: Chain, arguments: tuple[str, ...]) -> None:
    done = till("key", "add", chain.plan.folder, *arguments)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert not any(chain.plan.home(name).joinpath("access.json").exists() for name in chain.names)


def test_settings_are_read_at_sighup_and_kept_when_they_are_wrong(chain: Chain, home: Path) -> None:
    state = read_state(chain.plan.run_folder)
    assert state is not None
    application = state.validators[AT]["app"]
    (home / "access.json").write_text('{"anonymous": "nobody"}')
    send(application, signal.SIGHUP)
    wait_until(lambda: ask(chain, None, "eth_chainId")[0] == 401, seconds=10, what="nobody is let in")
    (home / "access.json").write_text('{"anonymous": "everybody"}')
    send(application, signal.SIGHUP)
    log = chain.plan.log(AT, "app")
    wait_until(lambda: "'everybody' is no role" in log.read_text(), seconds=10, what="the log says what is wrong")
    assert ask(chain, None, "eth_chainId")[0] == 401
    # whoever runs the network sees it all the same, by the cookie in the folder
    status = network_status(chain.plan)
    assert all(validator.height is not None for validator in status.validators)
    assert ask(chain, read_cookie(home), "txpool_status")[0] == 200


async def test_a_bridges_client_sends_and_follows_with_its_key(chain: Chain, home: Path, member: Sender) -> None:
    key = till("key", "add", chain.plan.folder, "--role", "bridge", "--name", "shop", "--validator", AT).stdout.strip()
    document = json.loads((home / "access.json").read_text())
    (home / "access.json").write_text(json.dumps({**document, "anonymous": "nobody"}))
    wait_until(lambda: ask(chain, None, "eth_chainId")[0] == 401, seconds=10, what="nobody is let in")
    url = chain.url(AT)
    async with Rpc([url], attempts=1) as stranger:
        with pytest.raises(RpcRefused):
            await stranger.call("eth_chainId")
    settings = ChainSettings(rpc=(url,), websocket=url.replace("http", "ws", 1), deployment=Path())
    async with Rpc([url], attempts=1, access=RpcAccess(key=key)) as rpc:
        raw, _ = member.sign()
        assert (await rpc.send_raw(bytes.fromhex(raw[2:]))).result is SendResult.ACCEPTED
        blocks = Blocks(rpc, settings)
        head = await blocks.head()
        async for block in blocks.follow(head.number):
            assert block.number == head.number + 1
            break
        async with rpc.session.ws_connect(settings.websocket) as socket:
            await socket.send_json({"id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
            assert "result" in await socket.receive_json(timeout=10)
    urls, access = gateways_of(chain.plan, RpcAccess())
    async with Rpc(urls[-1:], attempts=1, access=access) as rpc:
        assert int(await rpc.call("eth_chainId"), 16) == chain.plan.chain_id


def test_metrics_tell_height_blocks_and_calls(chain: Chain) -> None:
    chain.wait_for_blocks(2, AT)
    with urllib.request.urlopen(f"{chain.url(AT)}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    assert values["till_height"] >= 2 and abs(values["till_clock_drift_seconds"]) < 60
    assert values["till_block_interval_seconds_count"] >= 2
    for step in ("execute", "commit"):
        assert values[f'till_step_seconds_count{{step="{step}"}}'] >= 2
    assert values['till_proposals_total{outcome="accepted"}'] >= 2
    assert values['till_gateway_calls_total{kind="light",outcome="ok",role="operator"}'] > 0


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        ("cometbft", {"cometbft_consensus_height", "cometbft_consensus_rounds", "cometbft_p2p_peers"}),
        ("geth", {"chain_head_block", "txpool_pending", "system_memory_used"}),
    ],
)
def test_metrics_of_the_engines_come_through_the_gateway(chain: Chain, engine: str, names: set[str]) -> None:
    with urllib.request.urlopen(f"{chain.url(AT)}/metrics/{engine}", timeout=10) as response:
        text = response.read().decode()
    assert names <= {line.partition(" ")[0].partition("{")[0] for line in text.splitlines() if line[:1] != "#"}
