# ruff: noqa: RUF009  (setting() only describes a field, it holds no state)
"""Where webhooks go and how often they are tried (docs/webhooks.md); read by node/config.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.toml import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointSettings:
    """One receiver. `secret_file` has mode 0600; `merchant` 0 is all of them; without `types` it gets every type."""

    url: str = setting(low=10, high=2_000)
    secret_file: Path = setting()
    ca_file: Path | None = setting(None)
    merchant: int = setting(0, low=0, high=2**32 - 1)
    types: tuple[str, ...] = setting((), low=0, high=16)


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhooksSettings:
    """All receivers by their names, and what is done when one of them does not answer 2xx."""

    endpoints: Mapping[str, EndpointSettings] = setting(low=1, high=100)
    timeout_ms: int = setting(15_000, low=100, high=60_000)
    in_flight: int = setting(8, low=1, high=100)
    attempts: int = setting(12, low=1, high=100)
    first_retry_ms: int = setting(5_000, low=10, high=3_600_000)
    longest_retry_ms: int = setting(43_200_000, low=10, high=604_800_000)
    disable_days: int = setting(5, low=1, high=365)
    keep_days: int = setting(30, low=1, high=3_650)
    max_waiting: int = setting(1_000_000, low=100, high=1_000_000_000)
