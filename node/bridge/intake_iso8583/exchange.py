"""One message in, one reply out: the only place of this intake where verify, submit and acknowledge meet.

Between the listener, which knows connections, and the stages, which know messages.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from node.bridge.acknowledge import answer_reply, approve, balance_amounts, encode, refusal
from node.bridge.intake_ports import Ports
from node.bridge.security.shown import Shown, pin_block_in
from node.bridge.verify.iso8583 import (
    Parties,
    Rules,
    card_of,
    check_mac,
    find_parties,
    terminal_id,
    verify_inquiry,
    verify_purchase,
    verify_reversal,
)
from node.bridge.verify.iso8583_acts import (
    verify_authorize,
    verify_capture,
    verify_gift,
    verify_recharge,
    verify_write_off,
)
from node.bridge.verify.iso8583_refund import verify_refund
from node.bridge.verify.lookup import Verified
from node.domain.errors import InvalidTransaction, TillnetError
from node.domain.ids import TerminalId
from node.iso8583.framing import Framing, split_tpdu, swap_tpdu
from node.iso8583.packager import Message, UnreadableMessage, response_mti, unpack
from node.iso8583.profile import REVERSAL_NEEDS, TYPES, Operation, row_of
from node.iso8583.retail_mac import RetailMac

_LOG = structlog.get_logger(__name__)
_NETWORK_CODES: Final = frozenset({"001", "002", "301"})
_REVERSALS: Final = frozenset({"0400", "0401", "0420", "0421"})
_Verify = Callable[[Message, Parties, RetailMac | None, Rules, int], Verified]
_VERIFY: Final[Mapping[Operation, _Verify]] = {
    Operation.PURCHASE: verify_purchase,
    Operation.REFUND: verify_refund,
    Operation.RECHARGE: verify_recharge,
    Operation.WRITE_OFF: verify_write_off,
    Operation.GIFT: verify_gift,
    Operation.AUTHORIZE: verify_authorize,
    Operation.CAPTURE: verify_capture,
}


@dataclass(slots=True)
class _Attempt:
    """How far a message has come; its MAC key seals the reply, whatever happens after."""

    message: Message
    data: bytes
    key: RetailMac | None = None


class Exchange:
    """Answers messages. `clock` gives Unix seconds."""

    def __init__(
        self,
        ports: Ports,
        rules: Rules,
        framing: Framing,
        *,
        clock: Callable[[], float] = time.time,
        check_terminal: Callable[[TerminalId], None] = lambda terminal: None,
    ) -> None:
        """`check_terminal` raises WrongCertificate where the connection is not for the terminal."""
        self._ports = ports
        self._rules = rules
        self._framing = framing
        self._clock = clock
        self._check_terminal = check_terminal

    async def answer(self, frame: bytes) -> bytes | None:
        """The reply to the content of one frame, TPDU included; None for what is no request and has none.

        Raises UnreadableMessage when not even the message's type can be read, and nothing else.
        """
        tpdu, data = split_tpdu(self._framing, frame)
        try:
            message = unpack(data)
        except UnreadableMessage as failure:
            partial = failure.partial
            if partial is None:
                raise
            if response_mti(partial.mti) is None:
                return None
            _log_refusal(partial, failure)
            return swap_tpdu(tpdu) + encode(refusal(partial, failure), None)
        if response_mti(message.mti) is None:
            _LOG.info("message.ignored", mti=message.mti)
            return None
        attempt = _Attempt(message=message, data=data)
        return swap_tpdu(tpdu) + encode(await self._reply(attempt), attempt.key)

    async def _reply(self, attempt: _Attempt) -> Message:
        message = attempt.message
        try:
            return await self._serve(attempt)
        except TillnetError as failure:
            _log_refusal(message, failure)
            return refusal(message, failure)
        except Exception as failure:
            # no detail: an exception's text may quote the message
            _LOG.error("message.failed", error=type(failure).__name__, where=_where(failure), **_names(message))
            return refusal(message, None)

    async def _serve(self, attempt: _Attempt) -> Message:
        message, rules = attempt.message, self._rules
        mti, code = message.mti, message.fields.get(3, "")
        self._check_terminal(terminal_id(message.fields))
        if mti[:2] == "08":
            attempt.key = check_mac(message, attempt.data, rules, required=False)
            return _network(message)
        row = None if mti in _REVERSALS else row_of(mti, code)
        if row is None and mti not in _REVERSALS and (code or mti not in TYPES):
            raise InvalidTransaction(f"messages of type {mti} with processing code {code or 'missing'} are not taken")
        parties = find_parties(message, REVERSAL_NEEDS if row is None else row.needs, rules)
        attempt.key = check_mac(message, attempt.data, rules, required=rules.mac_required)
        received = int(self._clock())
        if row is None:
            verified = verify_reversal(message, parties, rules, received)
        elif row.operation is Operation.INQUIRY:
            return await self._inquire(message, received)
        else:
            verified = _VERIFY[row.operation](message, parties, attempt.key, rules, received)
        if self._ports.gate is not None:
            await self._ports.gate.admit(verified.entry, _shown(message))
        return answer_reply(message, await self._ports.submit(verified.entry, verified.sealed))

    async def _inquire(self, message: Message, received: int) -> Message:
        if self._ports.holdings is None:
            raise InvalidTransaction("balances are not offered here")
        member = verify_inquiry(message, self._rules, received)
        if self._ports.gate is not None:
            self._ports.gate.look(_shown(message))
        holdings = await self._ports.holdings(member)
        return approve(message, {54: balance_amounts(self._rules.directory().currency, holdings)})


def _shown(message: Message) -> Shown:
    fields = message.fields
    return Shown(terminal=terminal_id(fields), card=card_of(fields), pin_block=pin_block_in(fields))


def _network(message: Message) -> Message:
    code = message.fields.get(70, "")
    if message.mti not in ("0800", "0801") or code not in _NETWORK_CODES:
        raise InvalidTransaction(f"network management code {code or 'missing'}")
    return approve(message)


def _log_refusal(message: Message, failure: TillnetError) -> None:
    _LOG.info(
        "message.refused",
        response_code=failure.response_code,
        reason=type(failure).__name__,
        detail=failure.detail,
        **_names(message),
    )


def _names(message: Message) -> dict[str, str]:
    return {"mti": message.mti, "terminal": terminal_id(message.fields), "stan": message.fields.get(11, "")}


def _where(failure: Exception) -> str:
    trace = failure.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
