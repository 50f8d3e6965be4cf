"""Puts a courier together from the settings."""

from collections.abc import Awaitable, Callable

from node.bridge.counters import Counters
from node.bridge.journal.store import Journal
from node.bridge.webhooks.courier import Courier
from node.bridge.webhooks.endpoint import load_endpoint
from node.chain.blocks import Block, Blocks
from node.chain.deployment import Deployment
from node.chain.payouts import Payout, payouts_in
from node.webhook_settings import WebhooksSettings


async def open_courier(
    settings: WebhooksSettings | None, journal: Journal, counters: Counters, clock: Callable[[], int]
) -> Courier | None:
    """The courier, None without webhooks. Raises Unusable when a setting or a secret is no good."""
    if settings is None:
        return None
    endpoints = [load_endpoint(name, each) for name, each in settings.endpoints.items()]
    courier = Courier(journal, endpoints, settings, clock=clock, told=counters.webhook)
    await courier.load()
    counters.watch_webhooks(courier)
    return courier


def payout_reader(
    courier: Courier | None, deployment: Deployment, blocks: Blocks
) -> Callable[[Block], Awaitable[list[Payout]]]:
    """What finds a block's settlements of merchants; it asks nothing where nobody is told of them."""
    escrow = deployment.settlement

    async def read(block: Block) -> list[Payout]:
        return [] if courier is None or escrow is None else await payouts_in(block, blocks, escrow)

    return read
