"""What tills need of the contracts beside the ledger: coupon campaigns, and the discount on what is paid in coins.

Read as a whole once by DirectoryReader, then what an event names. A deployment may have neither contract.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from node.chain.deployment import Deployment
from node.chain.events import topic_of
from node.chain.rpc import Rpc
from node.chain.views import Views
from node.domain.acts.coupon import Face
from node.domain.directory import Campaign, Directory
from node.domain.ids import Address, Hash32

_TERMS: Final = (
    "(uint32,uint32,uint32,uint8,uint32,uint8,bool,bool,bool,uint32,uint16,uint16,uint16,uint16,uint16,uint32,bytes32)"
)
CAMPAIGN_DEFINED: Final = topic_of(f"CampaignDefined(uint32,{_TERMS},string)")
RATE_SET: Final = topic_of("RateSet(uint16)")


class TillOffers:
    """Reads Coupons and CoinDiscount of one deployment, as far as they are there."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self._coupons = None if deployment.coupons is None else Views(rpc, deployment.coupons)
        self._discount = None if deployment.discount is None else Views(rpc, deployment.discount)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Whose events say that something changed."""
        return tuple(views.address for views in (self._coupons, self._discount) if views is not None)

    async def read(self, directory: Directory) -> Directory:
        """The directory with all campaigns and the rate. Raises ChainUnreachable, RpcRefused."""
        if self._coupons is not None:
            (count,) = await self._coupons.ask("campaignCount()", returns="(uint32)")
            known = directory.campaigns
            fresh = {number: await self._campaign(number) for number in range(1, count + 1) if number not in known}
            directory = replace(directory, campaigns={**known, **fresh})
        if self._discount is not None:
            (bps,) = await self._discount.ask("rateBps()", returns="(uint16)")
            directory = replace(directory, discount_bps=bps)
        return directory

    def changed(self, logs: Iterable[Mapping[str, Any]]) -> bool:
        """Whether one of these events is about a new campaign or the rate; a campaign never changes."""
        return any(log["topics"] and log["topics"][0] in (CAMPAIGN_DEFINED, RATE_SET) for log in logs)

    async def _campaign(self, number: int) -> Campaign:
        assert self._coupons is not None
        # its counts come after the terms
        (terms,) = await self._coupons.ask("campaignOf(uint32)", number, returns=f"({_TERMS})")
        product_set = Hash32(terms[16])
        return Campaign(face=Face(terms[3]), value=terms[4], product_set=product_set if any(product_set) else None)
