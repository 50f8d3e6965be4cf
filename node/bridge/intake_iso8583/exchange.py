"""One message in, one reply out: the only place of this intake where verify, submit and acknowledge meet.

Between the listener, which knows connections, and the stages, which know messages.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from node.bridge.acknowledge import answer_reply, approve, balance_amounts, encode, holdings_text, refusal
from node.bridge.at_hand import with_all_at_hand
from node.bridge.holdings import holdings_of, lowered_to_holdings
from node.bridge.intake_iso8583.network import answer_network, needs_mac
from node.bridge.intake_iso8583.reconcile import answer_reconciliation
from node.bridge.intake_iso8583.second_look import SecondLook
from node.bridge.intake_ports import Ports
from node.bridge.security.shown import Shown, pin_block_in
from node.bridge.verify.iso8583 import (
    Parties,
    Rules,
    card_of,
    check_mac,
    find_parties,
    sender_of,
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
from node.bridge.verify.iso8583_advice import tells_a_sale, took_place, verify_advice
from node.bridge.verify.iso8583_refund import verify_refund
from node.bridge.verify.lookup import Verified
from node.bridge.verify.offline import NOTHING_TO_POST, REVERSED_BEFORE
from node.domain.answer import Answer
from node.domain.directory import Terminal
from node.domain.errors import (
    Declined,
    InvalidTransaction,
    NotSignedOn,
    ReversedBefore,
    TillnetError,
)
from node.domain.ids import MemberId, TerminalId
from node.domain.payment import Payment
from node.iso8583.basket import write_objects
from node.iso8583.framing import swap_tpdu
from node.iso8583.mac import MacKey
from node.iso8583.network import RECONCILIATION_NEEDS, RECONCILIATION_TYPES, network_row
from node.iso8583.packager import Message, UnreadableMessage, response_mti
from node.iso8583.profile import REVERSAL_NEEDS, TYPES, Operation, Row, row_for, row_of
from node.iso8583.wire import Wire

_LOG = structlog.get_logger(__name__)
_BY_TYPE: Final[Mapping[str, tuple[int, ...]]] = {
    **dict.fromkeys(("0400", "0401", "0420", "0421"), REVERSAL_NEEDS),
    **dict.fromkeys(RECONCILIATION_TYPES, RECONCILIATION_NEEDS),
}
"""Types that say what is asked for without a processing code, and what has to be in them."""
_Verify = Callable[[Message, Parties, MacKey | None, Rules, int], Verified]
_VERIFY: Final[Mapping[Operation, _Verify]] = {
    Operation.PURCHASE: verify_purchase,
    Operation.REFUND: verify_refund,
    Operation.RECHARGE: verify_recharge,
    Operation.WRITE_OFF: verify_write_off,
    Operation.GIFT: verify_gift,
    Operation.AUTHORIZE: verify_authorize,
    Operation.CAPTURE: verify_capture,
    Operation.ADVICE: verify_advice,
}


@dataclass(slots=True)
class _Attempt:
    """How far a message has come; its MAC key seals the reply, whatever happens after."""

    message: Message
    covered: bytes
    key: MacKey | None = None


class Exchange:
    """Answers messages. `clock` gives Unix seconds."""

    def __init__(
        self,
        ports: Ports,
        rules: Rules,
        wire: Wire,
        *,
        balances: bool = False,
        clock: Callable[[], float] = time.time,
        check_terminal: Callable[[TerminalId], None] = lambda terminal: None,
    ) -> None:
        """With `balances` the answer to a payment that is final says what the member has. `check_terminal` raises
        WrongCertificate where the connection is not for the terminal.
        """
        self._ports = ports
        self._rules = rules
        self._wire = wire
        self._balances = balances
        self._clock = clock
        self._check_terminal = check_terminal
        self._twice = SecondLook(ports, rules)

    async def answer(self, frame: bytes) -> bytes | None:
        """The reply to the content of one frame, TPDU included; None for what is no request and has none.

        Raises UnreadableMessage when not even the message's type can be read, and nothing else.
        """
        fields = self._wire.fields
        tpdu, data = self._wire.split(frame)
        try:
            message = fields.unpack(data)
        except UnreadableMessage as failure:
            partial = failure.partial
            if partial is None:
                raise
            if response_mti(partial.mti) is None:
                return None
            _log_refusal(partial, failure)
            return swap_tpdu(tpdu) + encode(refusal(partial, failure), None, fields)
        if response_mti(message.mti) is None:
            _LOG.info("message.ignored", mti=message.mti)
            return None
        attempt = _Attempt(message=message, covered=fields.covered(data))
        reply = await self._reply(attempt)
        return swap_tpdu(tpdu) + encode(reply, attempt.key, fields)

    async def _reply(self, attempt: _Attempt) -> Message:
        message = attempt.message
        self._ports.came("iso8583")
        try:
            return await with_all_at_hand(lambda: self._serve(attempt))
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
        if name := terminal_id(message.fields):
            self._check_terminal(name)
        if mti[:2] == "08":
            return await self._network(attempt)
        row = None if mti in _BY_TYPE else _row(message)
        if row is None and mti not in _BY_TYPE and (code or mti not in TYPES):
            raise InvalidTransaction(f"messages of type {mti} with processing code {code or 'missing'} are not taken")
        terminal = sender_of(message, _BY_TYPE.get(mti, REVERSAL_NEEDS) if row is None else row.needs, rules)
        attempt.key = check_mac(message, attempt.covered, rules, required=rules.mac_required)
        if row is None:
            received = int(self._clock())
            if mti in RECONCILIATION_TYPES:
                parties = find_parties(terminal, rules)
                return await answer_reconciliation(message, parties, self._ports, rules, received)
            verified = verify_reversal(message, terminal, attempt.key, rules, received)
            return answer_reply(message, await self._ports.submit(verified.entry, verified.basket))
        try:
            self._twice.before(message, terminal, row)
            return await self._request(attempt, terminal, row)
        except Declined as failure:
            answer = await self._twice.after(message, terminal, row, failure, proved=attempt.key is not None)
            if answer is None:
                raise
            return answer_reply(message, answer)

    async def _request(self, attempt: _Attempt, terminal: Terminal, row: Row) -> Message:
        message, rules, received = attempt.message, self._rules, int(self._clock())
        parties = find_parties(terminal, rules)
        if rules.sign_on and not row.advice:
            self._check_signed_on(parties.terminal.id)
        if row.operation is Operation.INQUIRY:
            return await self._inquire(message, received)
        if row.operation is Operation.ADVICE and not took_place(message.fields):
            return approve(message, {63: NOTHING_TO_POST})
        verified = _VERIFY[row.operation](message, parties, attempt.key, rules, received)
        if self._ports.gate is not None:
            await self._ports.gate.admit(verified.entry, _shown(message))
        verified = await lowered_to_holdings(verified, terminal, parties.directory, self._ports)
        return await self._submit(message, verified)

    async def _submit(self, message: Message, verified: Verified) -> Message:
        entry = verified.entry
        try:
            answer = await self._ports.submit(entry, verified.basket)
        except ReversedBefore:
            if not (isinstance(entry, Payment) and entry.advice):
                raise
            # both were taken, and undo each other: an advice that was refused would be sent for ever
            return approve(message, {63: REVERSED_BEFORE})
        if self._balances and isinstance(entry, Payment) and answer.approved and answer.points is not None:
            return await self._with_balance(message, answer, entry.member)
        return answer_reply(message, answer)

    async def _with_balance(self, message: Message, answer: Answer, member: MemberId) -> Message:
        """The reply with what the member has now; without it where the chain does not say."""
        try:
            holdings = await holdings_of(member, self._ports)
        except TillnetError:
            return answer_reply(message, answer)
        reply = answer_reply(message, replace(answer, balance=holdings.coins))
        amounts = balance_amounts(self._rules.directory().currency, holdings)
        return Message(mti=reply.mti, fields={**reply.fields, 54: amounts})

    async def _network(self, attempt: _Attempt) -> Message:
        message, rules = attempt.message, self._rules
        code = message.fields.get(70, "")
        row = network_row(message.mti, code)
        required = row is not None and needs_mac(row, rules)
        attempt.key = check_mac(message, attempt.covered, rules, required=required)
        if row is None:
            raise InvalidTransaction(f"network management code {code or 'missing'}")
        return await answer_network(row, message, attempt.key, self._ports, rules, int(self._clock()))

    def _check_signed_on(self, terminal: TerminalId) -> None:
        if self._ports.desk is None or not self._ports.desk.signed_on(terminal):
            raise NotSignedOn()

    async def _inquire(self, message: Message, received: int) -> Message:
        member = verify_inquiry(message, self._rules, received)
        if self._ports.gate is not None:
            self._ports.gate.look(_shown(message))
        holdings = await holdings_of(member, self._ports)
        amounts = balance_amounts(self._rules.directory().currency, holdings)
        balance = write_objects([("BL", str(holdings.coins))])
        return approve(message, {48: balance, 54: amounts, 63: holdings_text(holdings)})


def _row(message: Message) -> Row | None:
    row = row_of(message.mti, message.fields.get(3, ""))
    if row is not None and row.operation is Operation.CAPTURE and tells_a_sale(message.fields):
        return row_for(Operation.ADVICE)
    return row


def _shown(message: Message) -> Shown:
    fields = message.fields
    return Shown(terminal=terminal_id(fields), card=card_of(fields), pin_block=pin_block_in(fields))


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
