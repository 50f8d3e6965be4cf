"""What geth and CometBFT tell Prometheus of themselves, from their loopback ports to the gateway's /metrics/...

Read by node/consensus/gateway.py for the operator, so that Prometheus needs one port, one key and one certificate.
"""

from typing import Final

import aiohttp

from node.consensus.errors import EngineUnreachable

GETH: Final = "/geth"
COMETBFT: Final = "/cometbft"
SOURCES: Final = (GETH, COMETBFT)
READ_SECONDS: Final = 5
MAX_BYTES: Final = 4 * 1024 * 1024


class EngineMetrics:
    """The metrics of one validator's two engines."""

    def __init__(self, host: str, geth_port: int, comet_port: int) -> None:
        self._urls = {
            GETH: f"http://{host}:{geth_port}/debug/metrics/prometheus",
            COMETBFT: f"http://{host}:{comet_port}/metrics",
        }

    async def read(self, source: str) -> bytes:
        """The text of one of SOURCES. Raises EngineUnreachable."""
        limit, text = aiohttp.ClientTimeout(total=READ_SECONDS), bytearray()
        try:
            # every 15 s or so: a connection of its own is no cost
            async with aiohttp.ClientSession(timeout=limit) as session, session.get(self._urls[source]) as response:
                response.raise_for_status()
                async for part in response.content.iter_any():
                    text += part
                    if len(text) > MAX_BYTES:
                        raise EngineUnreachable(f"metrics of {source[1:]} have more than {MAX_BYTES} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise EngineUnreachable(f"metrics of {source[1:]}: {failure or 'no answer in time'}") from None
        return bytes(text)
