# ruff: noqa: RUF009  (setting() only describes a field, it holds no state)
"""Whether, where and how often this chain's blocks are anchored on another (docs/audit.md); read by node/config.py."""

from dataclasses import dataclass
from pathlib import Path

from node.toml import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchoredChain:
    """This chain: its gateways, and the deployment whose first block the first anchor begins with."""

    rpc: tuple[str, ...] = setting(low=1, high=16)
    deployment: Path = setting()


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetChain:
    """The other chain. Fees are wei a gas; `key_file` (mode 0600) pays them; `confirmations` blocks make it final."""

    rpc: tuple[str, ...] = setting(low=1, high=16)
    chain_id: int = setting(low=1, high=2**53)
    key_file: Path = setting()
    max_fee: int = setting(100_000_000_000, low=1, high=10**13)
    priority_fee: int = setting(1_000_000_000, low=0, high=10**13)
    confirmations: int = setting(12, low=0, high=10_000)
    timeout_s: int = setting(900, low=1, high=86_400)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorSettings:
    """Off unless `enabled`. An anchor every `every_blocks` blocks; what was sent stands in the file `state`."""

    enabled: bool = False
    state: Path = setting(Path("anchors.jsonl"))
    every_blocks: int = setting(3_600, low=1, high=100_000)
    poll_ms: int = setting(5_000, low=10, high=3_600_000)
    chain: AnchoredChain
    target: TargetChain
