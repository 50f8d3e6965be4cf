"""Each role and each method; ranges of logs; tracers; the table in docs/access.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from node.consensus.rpc_params import BadParams, bound_trace, read_log_filter
from node.consensus.rpc_policy import INVALID_PARAMS, METHOD_NOT_FOUND, BadBody, read_call, read_calls
from node.consensus.rpc_roles import HIGHEST, LIMITS, METHODS, SUBSCRIBING, Role, cost_of, grant

PAGE = (Path(__file__).parents[3] / "docs" / "access.md").read_text()
# what geth v1.17.8 offers on the listener that the gateway asks, and more that must never come through
OF_GETH = re.findall(
    r"\w+",
    "admin_addPeer admin_nodeInfo admin_startHTTP admin_stopHTTP admin_exportChain admin_importChain "
    "engine_newPayloadV3 engine_forkchoiceUpdatedV3 engine_getPayloadV3 engine_exchangeCapabilities "
    "testing_buildBlockV1 testing_commitBlockV1 miner_setGasPrice miner_setEtherbase miner_start personal_sign "
    "personal_unlockAccount txpool_content txpool_inspect txpool_contentFrom eth_sendTransaction eth_sign "
    "eth_signTransaction eth_fillTransaction eth_resend eth_pendingTransactions eth_coinbase eth_etherbase "
    "eth_sendRawTransactionSync rpc_modules clique_propose les_serverInfo debug_setHead debug_freeOSMemory "
    "debug_getRawBlock debug_getRawReceipts debug_getRawTransaction debug_dumpBlock debug_accountRange "
    "debug_storageRangeAt debug_printBlock debug_chaindbProperty debug_chaindbCompact debug_dbGet debug_dbAncient "
    "debug_verbosity debug_vmodule debug_cpuProfile debug_startCPUProfile debug_writeMemProfile debug_goTrace "
    "debug_stacks debug_setGCPercent debug_setMemoryLimit debug_blockProfile debug_mutexProfile debug_traceBlock "
    "debug_traceBadBlock debug_traceBlockFromFile debug_traceChain debug_intermediateRoots "
    "debug_standardTraceBlockToFile debug_standardTraceBadBlockToFile debug_executionWitness debug_getBadBlocks "
    "debug_preimage debug_getModifiedAccountsByHash debug_setTrieFlushInterval debug_sync ",
)
SAMPLES = {
    "eth_sendRawTransaction": ["0x00"],
    "eth_getLogs": [{}],
    "eth_newFilter": [{}],
    "debug_traceTransaction": ["0x01", {"tracer": "callTracer"}],
    "debug_traceBlockByHash": ["0x01", {"tracer": "callTracer"}],
    "debug_traceBlockByNumber": ["0x1", {"tracer": "prestateTracer"}],
    "debug_traceCall": [{}, "latest", {"tracer": "callTracer"}],
}


def call(method: str, params: list[Any] | None = None) -> dict[str, Any]:
    return {"id": 1, "method": method, "params": SAMPLES.get(method, []) if params is None else params}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("method", sorted(set(METHODS) - SUBSCRIBING))
def test_read_call_lets_a_method_through_for_its_roles_only(role: Role, method: str) -> None:
    found = read_call(call(method), grant(role))
    if role in METHODS[method].roles:
        assert found.answer is None and found.method == method
    else:
        assert found.answer is not None and found.answer["error"]["code"] == METHOD_NOT_FOUND
        assert str(role) in found.answer["error"]["message"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("on_socket", [False, True])
def test_read_call_lets_no_other_method_of_geth_through(role: Role, on_socket: bool) -> None:
    variants = [name for method in OF_GETH for name in (method, method.upper(), f" {method}", f"{method}\x00")]
    for method in [*variants, "ETH_CHAINID", "eth_chainId ", "Eth_chainId", "", "debug_", "trace_block"]:
        found = read_call(call(method), grant(role), on_socket=on_socket)
        assert found.answer is not None and found.answer["error"]["code"] == METHOD_NOT_FOUND, method


def test_nobody_but_those_who_send_may_send_and_only_those_who_check_may_trace() -> None:
    # said once more in other words, so that a slip in the table is seen
    assert METHODS["eth_sendRawTransaction"].roles == {Role.BRIDGE, Role.OPERATOR}
    traces = {name for name in METHODS if name.startswith("debug_")}
    assert traces and all(METHODS[name].roles == {Role.AUDITOR, Role.OPERATOR} for name in traces)
    assert {name.partition("_")[0] for name in METHODS} == {"eth", "net", "web3", "txpool", "debug"}


@pytest.mark.parametrize("role", Role)
def test_subscriptions_are_for_websockets_only(role: Role) -> None:
    for kind in ("newHeads", "logs", "newPendingTransactions", "syncing", "NEWHEADS"):
        over_http = read_call(call("eth_subscribe", [kind]), grant(role))
        assert over_http.answer is not None
        on_socket = read_call(call("eth_subscribe", [kind]), grant(role), on_socket=True)
        allowed = kind in ("newHeads", "logs") or (kind == "newPendingTransactions" and role is not Role.PUBLIC)
        assert (on_socket.answer is None) == allowed, kind


@pytest.mark.parametrize("role", Role)
def test_read_calls_refuses_a_batch_that_is_longer_than_the_roles(role: Role) -> None:
    most = LIMITS[role].batch
    calls, is_batch = read_calls(json.dumps([call("eth_chainId")] * most), grant(role))
    assert is_batch and len(calls) == most
    with pytest.raises(BadBody, match=f"at most {most}"):
        read_calls(json.dumps([call("eth_chainId")] * (most + 1)), grant(role))


@pytest.mark.parametrize(
    ("wanted", "head", "blocks"),
    [
        ({}, 100, 1),
        ({"fromBlock": "0x0"}, 100, 101),
        ({"fromBlock": "earliest", "toBlock": "latest"}, 100, 101),
        ({"fromBlock": "0x1", "toBlock": "0xa"}, 100, 10),
        ({"fromBlock": "0x0", "toBlock": "0xffffff"}, 100, 101),
        ({"fromBlock": "safe", "toBlock": "finalized"}, 100, 1),
        ({"fromBlock": None, "toBlock": None}, 100, 1),
        ({"fromBlock": "0xa", "toBlock": "0x1"}, 100, -8),
    ],
)
def test_read_log_filter_tells_how_many_blocks_are_searched(wanted: Any, head: int, blocks: int) -> None:
    span = read_log_filter([wanted])
    assert span is not None and span.count(head) == blocks


def test_read_log_filter_has_no_span_when_one_block_is_named() -> None:
    assert read_log_filter([{"blockHash": "0x" + "ab" * 32, "topics": []}]) is None


@pytest.mark.parametrize(
    "params",
    [
        [],
        [None],
        [{}, {}],
        ["latest"],
        [{"FromBlock": "0x0"}],  # geth would take it for fromBlock
        [{"fromblock": "0x0", "fromBlock": "0x9"}],
        [{"fromBlock": 5}],
        [{"fromBlock": "5"}],
        [{"fromBlock": "0x"}],
        [{"fromBlock": "0x-5"}],
        [{"fromBlock": "0x" + "f" * 17}],
        [{"fromBlock": "genesis"}],
        [{"fromBlock": ["0x1"]}],
    ],
)
def test_read_log_filter_refuses_what_geth_could_read_otherwise(params: list[Any]) -> None:
    with pytest.raises(BadParams):
        read_log_filter(params)


def test_bound_trace_names_the_tracer_and_the_time() -> None:
    params = ["0x01", {"tracer": "callTracer", "tracerConfig": {"withLog": True}, "timeout": "1h"}]
    assert bound_trace("debug_traceTransaction", params) == [
        "0x01",
        {"tracer": "callTracer", "tracerConfig": {"withLog": True}, "timeout": "5s"},
    ]


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"tracer": None},
        {"tracer": ""},
        {"tracer": "{data: [], step: function(log) {}, fault: function() {}, result: function() { return 1 }}"},
        {"tracer": "CallTracer"},
        {"tracer": "muxTracer"},
        {"tracer": ["callTracer"]},
        {"Tracer": "callTracer"},
        {"tracer": "callTracer", "Timeout": "1h"},
        {"tracer": "callTracer", "reexec": 10**9},
        {"tracer": "callTracer", "enableMemory": True},
        {"tracer": "callTracer", "tracerConfig": {"onlytopcall": True}},
        {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": "yes"}},
        {"tracer": "callTracer", "tracerConfig": [1]},
        {"tracer": "callTracer", "stateOverrides": {}},
    ],
)
def test_bound_trace_refuses_programs_and_what_is_unbounded(config: Any) -> None:
    for method, params in {"debug_traceTransaction": ["0x01"], "debug_traceCall": [{}, "latest"]}.items():
        with pytest.raises(BadParams):
            bound_trace(method, [*params, config])
        with pytest.raises(BadParams):
            bound_trace(method, params)
    found = read_call(call("debug_traceTransaction", ["0x01", config]), grant(Role.OPERATOR))
    assert found.answer is not None and found.answer["error"]["code"] == INVALID_PARAMS


def test_grant_changes_limits_within_the_highest() -> None:
    changed = grant(Role.PUBLIC, {"rate": 7, "batch": 3}).limits
    assert (changed.rate, changed.burst, changed.batch, changed.sockets) == (7, 14, 3, LIMITS[Role.PUBLIC].sockets)
    for bad in ({"rate": 0}, {"rate": HIGHEST.rate + 1}, {"rate": True}, {"rate": 1.5}, {"speed": 1}):
        with pytest.raises(ValueError):
            grant(Role.PUBLIC, bad)  # type: ignore[arg-type]


def test_the_page_has_the_table_of_methods_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| (\d+) \|$", PAGE, re.MULTILINE)
    written = {name: ([bool(cell.strip()) for cell in cells], int(cost)) for name, *cells, cost in rows}
    assert written == {
        name: ([role in method.roles for role in Role], cost_of(name)) for name, method in METHODS.items()
    }


def test_the_page_has_the_limits_as_they_are() -> None:
    for role in Role:
        row = re.search(rf"^\| {role} \| ([0-9].*) \|$", PAGE, re.MULTILINE)
        assert row, role
        limits = LIMITS[role]
        assert [int(cell.replace(",", "")) for cell in row[1].split(" | ")] == [
            limits.rate,
            limits.burst,
            limits.body // 1024,
            limits.batch,
            limits.log_blocks,
            limits.sockets,
            limits.subscriptions,
        ]
