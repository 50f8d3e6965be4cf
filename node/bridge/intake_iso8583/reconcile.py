"""Reconciliation (0500, 0520): a terminal's totals of a business day against what the bridge approved.

Beside exchange.py, which has checked terminal and MAC.
"""

from node.bridge.acknowledge import answer_with
from node.bridge.intake_ports import Ports
from node.bridge.verify.iso8583 import Parties, Rules
from node.bridge.verify.local_time import day_of
from node.domain.errors import InvalidAmount, InvalidTransaction, MalformedMessage, OriginalNotFound
from node.domain.totals import Totals
from node.iso8583.network import (
    IN_BALANCE,
    NET,
    OUT_OF_BALANCE,
    RECONCILE_ERROR,
    RECONCILIATION_ADVICES,
    SETTLEMENT_CODE,
    TOTALS,
)
from node.iso8583.packager import Message

_APPROVED = "00"


async def answer_reconciliation(
    message: Message, parties: Parties, ports: Ports, rules: Rules, received: int
) -> Message:
    """The reply, with the bridge's own totals. Raises errors of the tree."""
    fields, terminal = message.fields, parties.terminal.id
    if ports.desk is None:
        raise InvalidTransaction("it is not offered here")
    if fields.get(50, parties.directory.currency) != parties.directory.currency:
        raise InvalidAmount(f"the currency is not {parties.directory.currency}")
    date = None
    if 15 in fields:
        date = day_of(fields[15], "DE15", received=received, utc_offset=rules.utc_offset)
    claimed = Totals(**{name: int(fields[number]) for number, name in TOTALS})
    ours = await ports.desk.totals(terminal, date)
    if ours is None:
        raise OriginalNotFound("that business day was not closed")
    balanced = ours.agrees_with(claimed) and _signed(fields[NET]) == claimed.net
    if date is not None:
        await ports.desk.reconciled(terminal, date, claimed, balanced)
    # an advice is repeated until it is answered 00; what came of it says DE66
    code = _APPROVED if balanced or message.mti in RECONCILIATION_ADVICES else RECONCILE_ERROR
    extra = {number: str(getattr(ours, name)) for number, name in TOTALS}
    extra |= {number: fields[number] for number in (15, 50) if number in fields}
    extra[NET] = f"{'D' if ours.net < 0 else 'C'}{abs(ours.net):016d}"
    extra[SETTLEMENT_CODE] = IN_BALANCE if balanced else OUT_OF_BALANCE
    return answer_with(message, code, extra)


def _signed(text: str) -> int:
    if text[:1] not in ("C", "D"):
        raise MalformedMessage("DE97 begins with C or D")
    return -int(text[1:]) if text[0] == "D" else int(text[1:])
