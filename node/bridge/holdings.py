"""What a member has, as the chain says it in time: for inquiries, for receipts, and for approving a part.

Between the intakes and the chain, which intake_ports.Ports reaches.
"""

import asyncio
from typing import Final

from node.bridge.intake_ports import Holdings, Ports
from node.bridge.verify.lookup import Verified, find_merchant
from node.bridge.verify.partial import lowered, tender_of
from node.domain.directory import Directory, Terminal
from node.domain.errors import ChainUnreachable, InvalidTransaction, TillnetError
from node.domain.ids import MemberId
from node.domain.payment import Payment, Tender

_ASK_SECONDS: Final = 5.0
"""How long the chain is asked what a member has; a gateway does not wait for ever."""


async def holdings_of(member: MemberId, ports: Ports) -> Holdings:
    """What a member has. Raises InvalidTransaction where that is not offered, ChainUnreachable."""
    if ports.holdings is None:
        raise InvalidTransaction("balances are not offered here")
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            return await ports.holdings(member)
    except TimeoutError:
        raise ChainUnreachable("it was asked what a member has") from None


async def lowered_to_holdings(verified: Verified, terminal: Terminal, directory: Directory, ports: Ports) -> Verified:
    """No more than the member has, where the terminal can take the rest. Raises UnknownMerchant."""
    payment = verified.entry
    tender = tender_of(payment) if verified.partial and isinstance(payment, Payment) else None
    if tender is None or not isinstance(payment, Payment):
        return verified
    try:
        holdings = await holdings_of(payment.member, ports)
    except TillnetError:
        # all of it then: a message that is repeated has its answer already, whatever the chain does now
        return verified
    have = holdings.coins_at_par if tender is Tender.COIN else holdings.stored_value
    return lowered(verified, payment, tender, have, find_merchant(directory, terminal))
