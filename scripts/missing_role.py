"""Which role of the network somebody lacks whose call was refused for it, in words.

Contracts say who called (AccessManagedUnauthorized), NetworkAccess also the role's number; the table of which role a
function needs is NetworkAccess's. Before it pipeline.py and rehearsal.py, which have the refused call.
"""

from typing import Final

from eth_abi.abi import decode
from web3 import Web3
from web3.exceptions import ContractLogicError, Web3RPCError

from node.domain.roles import ROLE_NAMES

BY_CONTRACT: Final = Web3.keccak(text="AccessManagedUnauthorized(address)")[:4]
BY_ACCESS: Final = Web3.keccak(text="AccessManagerUnauthorizedAccount(address,uint64)")[:4]
NOT_SCHEDULED: Final = Web3.keccak(text="AccessManagerNotScheduled(bytes32)")[:4]
AUTHORITY: Final = Web3.keccak(text="authority()")[:4]
ROLE_OF: Final = Web3.keccak(text="getTargetFunctionRole(address,bytes4)")[:4]
ADDRESS_BYTES: Final = 20


def role_missing(web3: Web3, *, caller: str, target: str, call: bytes, revert: bytes) -> str:
    """`, which needs the role of finance (set_role shows who has it)`, or nothing when the refusal is another.

    Of somebody who has the role, but not at once: that the act has to be announced.

    A refusal of a contract further on, which asked somebody else than `caller` for a role, is another one too.
    """
    selector, values = revert[:4], revert[4:]
    if selector == BY_ACCESS:
        who, number = decode(["address", "uint64"], values)
    elif selector == BY_CONTRACT:
        (who,) = decode(["address"], values)
        number = None
    elif selector == NOT_SCHEDULED:
        return ", which has to be announced first (brownie run schedule add)"
    else:
        return ""
    if str(who).lower() != caller.lower():
        return ""
    role = _needed(web3, target, call[:4]) if number is None else int(number)
    if role is None:
        return ""
    name = ROLE_NAMES.get(role, f"number {role}")
    return f", which needs the role of {name} (brownie run set_role shows who has it)"


def _needed(web3: Web3, target: str, selector: bytes) -> int | None:
    """The role that a function of a contract needs; None when the contract asks nobody."""
    try:
        authority = web3.eth.call({"to": Web3.to_checksum_address(target), "data": Web3.to_hex(AUTHORITY)})
        access = Web3.to_checksum_address(bytes(authority)[-ADDRESS_BYTES:])
        words = bytes.fromhex(target.removeprefix("0x")).rjust(32, b"\0") + selector.ljust(32, b"\0")
        return int.from_bytes(web3.eth.call({"to": access, "data": Web3.to_hex(ROLE_OF + words)}), "big")
    except (ContractLogicError, Web3RPCError, ValueError):
        return None
