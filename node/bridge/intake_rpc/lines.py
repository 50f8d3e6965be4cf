"""`lines_read`: a merchant's sealed line items, for an account in the merchant's groups.

Beside exchange.py, which calls it. What goes out opens with the reader's secret key only; this decides who may have
even that.
"""

from typing import Any, Final

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc.params import lines_asked
from node.bridge.lines.files import lines_document
from node.bridge.verify.rpc_sender import SignedRules, signer_of
from node.domain.errors import InvalidTransaction, MalformedMessage, NotTheMerchants, WrongSignature
from node.domain.ids import MerchantId

WINDOW_SECONDS: Final = 300
"""How far the time that was signed may be from now."""
KEY_BYTES: Final = 32


async def read_lines(params: object, ports: Ports, rules: SignedRules, now: int) -> dict[str, Any]:
    """A page of line items; `now` in Unix seconds.

    Raises MalformedMessage, WrongSignature, NotTheMerchants, InvalidTransaction where they are not offered,
    ChainUnreachable.
    """
    terms, signature = lines_asked(params)
    if ports.lines is None:
        raise InvalidTransaction("line items are not offered here")
    try:
        reader = bytes.fromhex(terms.reader.removeprefix("0x"))
    except ValueError:
        reader = b""
    if len(reader) != KEY_BYTES:
        raise MalformedMessage("reader is an X25519 key, 64 hexadecimal digits")
    account = signer_of(terms.digest(rules.domain), signature)
    if abs(now - terms.time) > WINDOW_SECONDS:
        raise WrongSignature("its time is too far from now")
    merchant = MerchantId(terms.merchant)
    if not await ports.lines.may_read(merchant, account):
        raise NotTheMerchants(f"0x{account.hex()} is not in its owner or check group")
    page = await ports.lines.page(merchant, reader, terms.after)
    return {"lines": [lines_document(each) for each in page.lines], "after": page.after}
