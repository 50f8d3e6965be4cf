"""Which inputs the intakes may approve, by rules of their own: what no reply to an input may ever say.

Written from docs/iso8583.md and docs/rpc.md, apart from the code that is fuzzed: frames are cut here anew, ASCII
messages are read by pyiso8583, MACs are psec's, signatures eth_account's. What is checked is what must be so for an
approval, not all that can be refused.
"""

import copy
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import iso8583
from cryptography.utils import CryptographyDeprecationWarning
from iso8583.specs import default_ascii

from node.domain.payment import Entry, Payment
from node.iso8583.packager import Message, UnreadableMessage
from node.iso8583.wire import Fields, Tpdu, Wire
from proving.fuzz_intake import MAX_MESSAGE, Seen
from proving.fuzz_misread import SAYS_YES, WE_SAY_YES, Misread
from proving.fuzz_oracle_rpc import check_rpc
from proving.fuzz_world import CARDS, CURRENCY, GOOD, LIMIT, MAC_KEY, MERCHANT, SUSPENDED

with warnings.catch_warnings():
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from psec import mac as psec_mac

ECHOED: Final = (3, 11, 41)
MALFUNCTION: Final = "System malfunction"
_JPOS_LENGTHS: Final = {"54": 120, "55": 999, "65": 2, "93": 6, "96": 32}


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A request as it stood on the wire: its bytes without length and TPDU, and its elements."""

    content: bytes
    message: Message


def check(seen: Seen) -> None:
    """Raises Misread with the first thing that is wrong."""
    if seen.faults:
        raise Misread(f"an exception that it does not know: {seen.faults[0]}")
    if seen.door.wire is None:
        check_rpc(seen)
    else:
        _check_iso8583(seen, seen.door.wire)


def _check_iso8583(seen: Seen, wire: Wire) -> None:
    requests = list(_requests(seen.came, wire))
    unanswered = Counter(_answering(each.message) for each in requests)
    deserving = Counter(_key(_answering(each.message), each.message) for each in requests if not _why_not(each, wire))
    effects = list(seen.effects)
    for told in seen.told:
        content = _only_frame(told, wire)
        reply = _read(content, wire)
        if reply is None:
            raise Misread(f"a reply that cannot be read: {content.hex()}")
        unanswered[reply.mti] -= 1
        if unanswered[reply.mti] < 0:
            raise Misread(f"a reply {reply.mti} that answers nothing")
        code = reply.fields.get(39, "")
        if not re.fullmatch("[0-9A-Z]{2}", code):
            raise Misread(f"DE39 is {code!r}")
        if reply.fields.get(63) == MALFUNCTION:
            raise Misread("an exception that it does not know")
        if code in SAYS_YES and code not in WE_SAY_YES:
            raise Misread(f"DE39 is {code}, which some take for an approval")
        if code in WE_SAY_YES:
            key = _key(reply.mti, reply)
            asked = [each for each in requests if _key(_answering(each.message), each.message) == key]
            deserving[key] -= 1
            if deserving[key] < 0:
                raise Misread(f"approved {key}: {_why_not(asked[0], wire) if asked else 'nobody asked'}")
            _check_approval(reply, asked, effects, wire)
    left = [effect for effect in effects if effect[1] in WE_SAY_YES]
    # who is cut off for what he sent after it asks again
    if left and not seen.closed:
        raise Misread(f"the journal approved {left[0][0].key}, and nobody was told")


def _check_approval(reply: Message, asked: list[Frame], effects: list[tuple[Entry, str]], wire: Wire) -> None:
    """A reply that says yes has a request that deserved it, and the effect that the request asked for."""
    deserving = [each.message for each in asked if not _why_not(each, wire)]
    like = [each for each in deserving if all(reply.fields.get(number) == each.fields.get(number) for number in ECHOED)]
    if not like:
        raise Misread(f"approved what was not asked: {reply.fields}")
    if any(_is_free(each) for each in like):
        return
    found = next((effect for effect in effects if any(_tells(effect, each, reply) for each in like)), None)
    if found is None:
        raise Misread(f"approved {reply.mti} without an effect: {like[0].fields}")
    effects.remove(found)


def _tells(effect: tuple[Entry, str], request: Message, reply: Message) -> bool:
    """Whether the journal took this message in, for the amount that it says, and answered what the reply says."""
    entry, code = effect
    same = entry.key.terminal == request.fields[41].strip() and entry.key.stan == request.fields[11]
    asked = _number(request.fields.get(4, "0"))
    same = same and entry.key.mti_class == request.mti[:3] and entry.key.amount == asked
    if isinstance(entry, Payment) and reply.fields.get(39) == "00" and not entry.act:
        same = same and entry.amount == asked
    return same and code == reply.fields.get(39)


def _is_free(request: Message) -> bool:
    """Whether a yes to this message needs no effect: network management, totals, an inquiry, an advice of nothing."""
    fields, mti = request.fields, request.mti
    if mti[:2] in ("08", "05") or (mti[:2] in ("01", "02") and fields.get(3, "")[:2] in ("30", "31")):
        return True
    return mti[:3] == "022" and fields.get(39, "00") not in ("00", "08", "10", "11", "16", "Y1", "Y3")


def _why_not(frame: Frame, wire: Wire) -> str:
    """Why a request must not be approved; empty when it may be."""
    message, fields = frame.message, frame.message.fields
    terminal = fields.get(41, "").rstrip(" ")
    mac = _mac_is_right(frame, wire)
    if mac is False:
        return "a wrong MAC"
    if message.mti[:2] == "08":
        need = fields.get(70) in ("161", "201")
        return (
            "no MAC" if need and mac is None else "" if fields.get(70) in ("001", "002", "201", "301") else "its DE70"
        )
    if mac is None:
        return "no MAC"
    known = dict.fromkeys(GOOD, MERCHANT) | (SUSPENDED if message.mti[:2] == "04" else {})
    if terminal not in known:
        return f"the terminal {terminal!r}"
    if _number(fields.get(42, "").strip(" ")) != known[terminal]:
        return "another merchant"
    if message.mti[:2] in ("04", "05"):
        return ""
    return _why_not_a_sale(message)


def _why_not_a_sale(message: Message) -> str:
    fields, advice = message.fields, message.mti[:3] == "022"
    if message.mti[:3] not in ("010", "020", "022"):
        return f"the type {message.mti}"
    named = fields.get(2) or re.split("[=D]", fields.get(35, ""))[0] or fields.get(34, "")
    if not advice and named and named.strip() not in CARDS:
        return f"a card that nobody has: {named}"
    # nothing is paid by an inquiry, an advice of a sale that did not take place, and a gift
    if _is_free(message) or fields.get(3) == "920000":
        return ""
    if fields.get(49) != CURRENCY:
        return f"the currency {fields.get(49)}"
    if not advice and not 0 < _number(fields.get(4, "")) <= LIMIT:
        return f"the amount {fields.get(4)}"
    return ""


def _mac_is_right(frame: Frame, wire: Wire) -> bool | None:
    """Whether the MAC at the message's end is right under the terminal's key; None without one."""
    fields = frame.message.fields
    number = 128 if 128 in fields else 64
    if number not in fields:
        return None
    if max(fields) != number or (number == 128 and 64 in fields):
        return False
    size = 8 if wire.fields is Fields.BCD else 16
    covered = frame.content[:-size]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        right = psec_mac.generate_retail_mac(MAC_KEY[:8], MAC_KEY[8:], covered, 1)
    return right.hex() == fields[number].lower()


def _requests(stream: bytes, wire: Wire) -> Iterator[Frame]:
    """The readable messages of a stream, up to where its framing ends."""
    prefix = wire.framing.prefix
    while len(stream) >= prefix:
        digits = stream[:prefix]
        if prefix == 4 and not digits.isdigit():
            return
        length = int(digits) if prefix == 4 else int.from_bytes(digits, "big")
        if length > MAX_MESSAGE or len(stream) < prefix + length:
            return
        content, stream = stream[prefix : prefix + length], stream[prefix + length :]
        content = _without_tpdu(content, wire)
        message = _read(content, wire)
        if message is None:
            # only its head has to be there for a refusal; what can be read of it is what the packager says
            try:
                wire.fields.unpack(content)
            except UnreadableMessage as failure:
                message = failure.partial
        if message is not None:
            yield Frame(content=content, message=message)


def _only_frame(told: bytes, wire: Wire) -> bytes:
    prefix = wire.framing.prefix
    length = int(told[:prefix]) if prefix == 4 else int.from_bytes(told[:prefix], "big")
    if len(told) != prefix + length:
        raise Misread("a reply is not one frame")
    return _without_tpdu(told[prefix:], wire)


def _without_tpdu(content: bytes, wire: Wire) -> bytes:
    has = wire.tpdu is Tpdu.ALWAYS or (wire.tpdu is Tpdu.OPTIONAL and not content[:1].isdigit())
    return content[5:] if has else content


def _read(content: bytes, wire: Wire) -> Message | None:
    """A message as pyiso8583 reads it; in BCD, which it does not know in this form, as the packager does."""
    if wire.fields is Fields.BCD:
        try:
            return wire.fields.unpack(content)
        except UnreadableMessage:
            return None
    try:
        decoded, _ = iso8583.decode(content, _PEER)
    except (iso8583.DecodeError, KeyError):
        # a third bitmap, where DE65 is set, ends in a KeyError there
        return None
    if not re.fullmatch("[0-9]{4}", decoded["t"]):
        return None
    return Message(mti=decoded["t"], fields={int(k): v for k, v in decoded.items() if k.isdigit() and int(k) > 1})


def _specification() -> dict[str, dict[str, Any]]:
    specification = copy.deepcopy(default_ascii)
    for number, length in _JPOS_LENGTHS.items():
        specification[number]["max_len"] = length
    for each in specification.values():
        if each["data_enc"] == "ascii":
            each["data_enc"] = "latin-1"
    return specification


_PEER: Final = _specification()


def _answering(request: Message) -> str:
    """The type of the reply to it."""
    mti = request.mti
    return f"{mti[:2]}{int(mti[2]) + 1}{int(mti[3]) // 2 * 2}"


def _key(mti: str, message: Message) -> str:
    """What a client finds the reply by: its type, DE41, DE11."""
    return f"{mti} {_of(message, 41)} {_of(message, 11)}"


def _number(text: str) -> int:
    """What digits say; -1 for anything else."""
    return int(text) if re.fullmatch("[0-9]+", text) else -1


def _of(message: Message, number: int) -> str:
    return message.fields.get(number, "").strip()
