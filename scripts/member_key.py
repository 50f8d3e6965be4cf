"""What a member signs: EIP-712 terms for a contract of the suite, which the operator then sends (IMemberSigned).

The member's key file is named in TILLNET_MEMBER_KEY; its address is what the Registry has for the member
(`brownie run enrol_members key MEMBER ADDRESS`). The member needs no gas coin.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from scripts.session import Session, read_key
from scripts.trouble import Trouble

MEMBER_KEY: Final = "TILLNET_MEMBER_KEY"
LIFETIME: Final = 600  # seconds that a signature is good for
Field = tuple[str, str, Any]  # name, Solidity type, value


def sign_as_member(
    session: Session,
    contract: Any,
    name: str,
    member: int,
    primary: str,
    fields: Sequence[Field],
    *,
    file: str = "",
    until: int = 0,
) -> tuple[int, bytes]:
    """Deadline and signature of `primary(fields.., uint256 nonce, uint256 deadline)` for a contract's domain `name`.

    `file` is the member's key file; that in TILLNET_MEMBER_KEY if it is left out. `until`: the deadline, if it is given
    (two signatures of one call have the same). Raises Trouble when no key is named,
    or it is not the one that the Registry has.
    """
    key = _key(session, member, file or os.environ.get(MEMBER_KEY, ""))
    deadline = until or int(session.web3.eth.get_block("latest")["timestamp"]) + LIFETIME
    nonce = int(contract.nonceOf(member))
    every = [*fields, ("nonce", "uint256", nonce), ("deadline", "uint256", deadline)]
    return deadline, sign_terms(session, contract, name, key, primary, every)


def sign_terms(
    session: Session, contract: Any, name: str, key: LocalAccount, primary: str, fields: Sequence[Field]
) -> bytes:
    """A key's EIP-712 signature of exactly these fields."""
    message = encode_typed_data(
        {
            "name": name,
            "version": "1",
            "chainId": session.web3.eth.chain_id,
            "verifyingContract": contract.address,
        },
        {primary: [{"name": field, "type": kind} for field, kind, _ in fields]},
        {field: value for field, _, value in fields},
    )
    return bytes(key.sign_message(message).signature)


def _key(session: Session, member: int, named: str) -> LocalAccount:
    if not named:
        raise Trouble(f"member {member} signs this; name its key file in {MEMBER_KEY}")
    key = read_key(Path(named))
    registered = str(session["Registry"].memberKey(member))
    if int(registered, 16) == 0:
        raise Trouble(f"member {member} has no key on this chain; register {key.address} with enrol_members key")
    if key.address != registered:
        raise Trouble(f"{named} is the key of {key.address}, and that of member {member} is {registered}")
    return key
