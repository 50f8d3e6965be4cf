"""Where the JSON-RPC intake listens, and its limits (docs/rpc.md); read by node/config.py."""

from dataclasses import dataclass

from node.security_settings import TlsSettings
from node.toml import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class RpcSettings:
    """The JSON-RPC listener (docs/rpc.md). A signed message is taken up to `replay_seconds` after its own time, and
    remembered until then, one of at most `max_claims`. `idle_seconds` and the three below it are a WebSocket's.

    With `sign_on` a terminal's requests are taken only while it is signed on; with `balances` the answer to a payment
    that is final says what the member has. `deadline_ms` is how long whoever calls waits for finality, 0 as long as the
    bridge's `answers` says. `chain_id` and `ledger` are the deployment's where they are left out (0, ""); else they
    have to be the same.
    """

    host: str = setting("127.0.0.1", low=1, high=255)
    port: int = setting(0, low=0, high=65_535)
    chain_id: int = setting(0, low=1, high=2**53)
    ledger: str = setting("", low=42, high=42)
    utc_offset: int = setting(0, low=-86_400, high=86_400)
    replay_seconds: int = setting(259_200, low=10, high=2_592_000)
    ahead_seconds: int = setting(300, low=0, high=86_400)
    sign_on: bool = setting(False)
    balances: bool = setting(False)
    max_body: int = setting(262_144, low=1_024, high=8_388_608)
    max_batch: int = setting(100, low=1, high=1_000)
    max_connections: int = setting(512, low=1, high=20_000)
    max_in_flight: int = setting(512, low=1, high=10_000)
    max_claims: int = setting(10_000_000, low=100, high=1_000_000_000)
    read_seconds: int = setting(10, low=1, high=600)
    idle_seconds: int = setting(600, low=1, high=86_400)
    max_pipelined: int = setting(64, low=1, high=1_000)
    max_subscriptions: int = setting(16, low=1, high=1_000)
    subscriber_queue: int = setting(1_024, low=1, high=100_000)
    deadline_ms: int = setting(0, low=100, high=120_000)
    tls: TlsSettings | None = None
