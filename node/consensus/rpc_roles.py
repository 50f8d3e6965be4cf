"""Who may call what: the one table of the gateway's methods, and what each role may take at a time.

Pure. A method that does not stand here is reachable for nobody; docs/access.md shows this table, and a test compares
them. Used by node/consensus/rpc_policy.py (what is let through) and node/consensus/gateway.py (what it costs).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

LIGHT, HEAVY, SEARCH, TRACE = 1, 5, 10, 50
"""What a call costs of its caller's rate: answered from memory or by one look-up; executed; searched; traced."""


class Role(StrEnum):
    """What a caller of the gateway is. None contains another; the table says what each may."""

    PUBLIC = "public"
    AUDITOR = "auditor"
    BRIDGE = "bridge"
    OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A method of geth that callers reach: for whom, and what it costs."""

    roles: frozenset[Role]
    cost: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one caller may take. `rate` is in cost units a second, `burst` how many of these may be saved up.

    `body` is bytes of an HTTP body or a WebSocket message, `batch` calls, `log_blocks` the blocks that one search of
    logs spans, `sockets` open WebSockets, `subscriptions` those of one socket in its life.
    """

    rate: int
    burst: int
    body: int
    batch: int
    log_blocks: int
    sockets: int
    subscriptions: int


KIB: Final = 1024
LOG_RANGE_BLOCKS: Final = 100_000
"""How many blocks one eth_getLogs may span for anybody. geth's own limit (`--rpc.rangelimit`, v1.17.8) is not set: it
takes "latest" for a number, and refuses every range from a number to there."""
LIMITS: Final[Mapping[Role, Limits]] = MappingProxyType(
    {
        Role.PUBLIC: Limits(rate=50, burst=200, body=256 * KIB, batch=20, log_blocks=1_000, sockets=4, subscriptions=4),
        Role.AUDITOR: Limits(
            rate=200, burst=1_000, body=1024 * KIB, batch=100, log_blocks=LOG_RANGE_BLOCKS, sockets=16, subscriptions=16
        ),
        Role.BRIDGE: Limits(
            rate=5_000, burst=10_000, body=2048 * KIB, batch=200, log_blocks=10_000, sockets=32, subscriptions=32
        ),
        Role.OPERATOR: Limits(
            rate=50_000, burst=100_000, body=2048 * KIB, batch=200, log_blocks=10_000, sockets=128, subscriptions=32
        ),
    }
)
HIGHEST: Final = Limits(
    rate=1_000_000,
    burst=2_000_000,
    body=2048 * KIB,
    batch=200,
    log_blocks=LOG_RANGE_BLOCKS,
    sockets=128,
    subscriptions=32,
)
"""No setting goes beyond these."""

_ALL: Final = frozenset(Role)
_KEYED: Final = _ALL - {Role.PUBLIC}
_SENDERS: Final = frozenset({Role.BRIDGE, Role.OPERATOR})
_AUDITORS: Final = frozenset({Role.AUDITOR, Role.OPERATOR})


def _methods() -> dict[str, Method]:
    table: tuple[tuple[frozenset[Role], int, str], ...] = (
        (_ALL, LIGHT, "eth_accounts eth_blobBaseFee eth_blockNumber eth_chainId eth_gasPrice eth_getBalance"),
        (_ALL, LIGHT, "eth_getBlockByHash eth_getBlockByNumber eth_getBlockTransactionCountByHash"),
        (_ALL, LIGHT, "eth_getBlockTransactionCountByNumber eth_getCode eth_getHeaderByHash eth_getHeaderByNumber"),
        (_ALL, LIGHT, "eth_getRawTransactionByHash eth_getStorageAt eth_getTransactionByBlockHashAndIndex"),
        (_ALL, LIGHT, "eth_getTransactionByBlockNumberAndIndex eth_getTransactionByHash eth_getTransactionCount"),
        (_ALL, LIGHT, "eth_getTransactionReceipt eth_getUncleCountByBlockHash eth_getUncleCountByBlockNumber"),
        (_ALL, LIGHT, "eth_maxPriorityFeePerGas eth_syncing net_listening net_peerCount net_version"),
        (_ALL, LIGHT, "web3_clientVersion web3_sha3 eth_subscribe eth_unsubscribe"),
        (_ALL, HEAVY, "eth_call eth_estimateGas eth_feeHistory eth_getBlockReceipts eth_getProof"),
        (_ALL, SEARCH, "eth_getLogs"),
        # a filter is kept in geth until it is closed, or was not used for five minutes
        (_KEYED, LIGHT, "eth_getFilterChanges eth_newBlockFilter eth_newFilter eth_uninstallFilter"),
        (_KEYED, LIGHT, "eth_newPendingTransactionFilter txpool_status"),
        (_KEYED, HEAVY, "eth_createAccessList eth_simulateV1"),
        (_KEYED, SEARCH, "eth_getFilterLogs"),
        (_SENDERS, LIGHT, "eth_sendRawTransaction"),
        (_AUDITORS, TRACE, "debug_traceBlockByHash debug_traceBlockByNumber debug_traceCall debug_traceTransaction"),
    )
    return {name: Method(roles=roles, cost=cost) for roles, cost, names in table for name in names.split()}


METHODS: Final[Mapping[str, Method]] = MappingProxyType(_methods())
SUBSCRIBING: Final = frozenset({"eth_subscribe", "eth_unsubscribe"})
"""On a WebSocket only."""
SUBSCRIPTIONS: Final[Mapping[str, frozenset[Role]]] = MappingProxyType(
    {"newHeads": _ALL, "logs": _ALL, "newPendingTransactions": _KEYED}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What a role may call over HTTP (`methods`), and take."""

    role: Role
    methods: frozenset[str]
    subscriptions: frozenset[str]
    limits: Limits


def grant(role: Role, changes: Mapping[str, int] = MappingProxyType({})) -> Grant:
    """A role's grant, with some of its limits changed. Raises ValueError for one that is unknown or beyond HIGHEST."""
    for name, value in changes.items():
        highest = getattr(HIGHEST, name, None)
        if highest is None:
            raise ValueError(f"there is no limit {name}")
        if type(value) is not int or not 1 <= value <= highest:
            raise ValueError(f"{name} is a whole number from 1 to {highest}, not {value!r}")
    given: dict[str, Any] = dict(changes)
    if "rate" in given and "burst" not in given:
        given["burst"] = min(given["rate"] * 2, HIGHEST.burst)
    return Grant(
        role=role,
        methods=frozenset(name for name, method in METHODS.items() if role in method.roles) - SUBSCRIBING,
        subscriptions=frozenset(name for name, roles in SUBSCRIPTIONS.items() if role in roles),
        limits=replace(LIMITS[role], **given),
    )


def cost_of(method: str) -> int:
    """What a call costs; one that is refused costs the least."""
    known = METHODS.get(method)
    return known.cost if known is not None else LIGHT
