"""Network management (0800): sign-on and sign-off, echo, key change, cut-over.

Beside exchange.py, which has checked the MAC. What the answer says is durable before it goes out.
"""

import asyncio

from node.bridge.acknowledge import approve
from node.bridge.intake_ports import Desk, Ports
from node.bridge.keys.key import Algorithm, Purpose, draw_key
from node.bridge.verify.iso8583 import Rules, terminal_id
from node.bridge.verify.local_time import day_of
from node.bridge.verify.lookup import find_terminal
from node.domain.errors import InvalidTransaction, MalformedMessage, WrongMac
from node.domain.ids import TerminalId
from node.iso8583.basket import write_objects
from node.iso8583.mac import MacKey
from node.iso8583.network import MacNeed, NetworkAction, NetworkRow
from node.iso8583.packager import Message


def needs_mac(row: NetworkRow, rules: Rules) -> bool:
    """Whether a message of this row has to have a MAC."""
    match row.mac:
        case MacNeed.ALWAYS:
            return True
        case MacNeed.PROFILE:
            return rules.mac_required
        case MacNeed.SIGN_ON:
            return rules.mac_required and rules.sign_on
    return False


async def answer_network(
    row: NetworkRow, message: Message, key: MacKey | None, ports: Ports, rules: Rules, received: int
) -> Message:
    """The reply to a network management message. Raises errors of the tree."""
    for number in row.needs:
        if number not in message.fields:
            raise MalformedMessage(f"DE{number} is missing")
    match row.action:
        case NetworkAction.SIGN_ON | NetworkAction.SIGN_OFF if rules.sign_on:
            await _desk(ports).sign(_terminal(message, rules), row.action is NetworkAction.SIGN_ON)
        case NetworkAction.CUT_OVER:
            date = day_of(message.fields[15], "DE15", received=received, utc_offset=rules.utc_offset)
            await _desk(ports).cut_over(_terminal(message, rules), date)
        case NetworkAction.KEY_CHANGE:
            return approve(message, {48: await _new_key(message, key, rules)})
    return approve(message)


async def _new_key(message: Message, key: MacKey | None, rules: Rules) -> str:
    """DE48 with the terminal's new key."""
    if rules.key_encrypting is None:
        raise InvalidTransaction("keys are not changed by messages here")
    terminal = _terminal(message, rules)
    if key is None:
        raise WrongMac("a key change needs one")
    fresh = draw_key(Purpose.MAC, Algorithm.of_mac(key.algorithm), rules.randomness)
    # before the file is changed: a terminal without a key-encrypting key keeps its key
    rules.key_encrypting.wrap(terminal, fresh)
    new = await asyncio.to_thread(rules.keys.change, terminal, key, fresh)
    wrapped = rules.key_encrypting.wrap(terminal, new)
    return write_objects([("KB", wrapped.block), ("KV", wrapped.check_value)])


def _terminal(message: Message, rules: Rules) -> TerminalId:
    if 41 not in message.fields:
        raise MalformedMessage("DE41 is missing")
    return find_terminal(rules.directory(), terminal_id(message.fields), rules.stream).id


def _desk(ports: Ports) -> Desk:
    if ports.desk is None:
        raise InvalidTransaction("it is not offered here")
    return ports.desk
