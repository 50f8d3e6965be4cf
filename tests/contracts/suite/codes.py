"""Codes of gift certificates: keys, and what they sign (interfaces/IGiftCertificates.sol)."""

from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from benchmarks.devchain import Contract
from node.domain.merkle import keccak

CHAIN_ID = 31_337
CODES: list[LocalAccount] = [Account.from_key(keccak(b"code %d" % number)) for number in range(9)]


def no_code() -> str:
    """The address that stands for none."""
    return "0x" + "00" * 20


def sign_claim(contract: Contract, code: LocalAccount, number: int, member: int, uses: int, **domain: Any) -> bytes:
    """Claim(uint64 certificate,uint64 member,uint32 uses)."""
    fields = [("certificate", "uint64", number), ("member", "uint64", member), ("uses", "uint32", uses)]
    return signed(contract, code, "Claim", fields, **domain)


def sign_redeem(
    contract: Contract, code: LocalAccount, number: int, merchant: int, amount: int, uses: int, **domain: Any
) -> bytes:
    """Redeem(uint64 certificate,uint32 merchant,uint64 amount,uint32 uses)."""
    fields = [
        ("certificate", "uint64", number),
        ("merchant", "uint32", merchant),
        ("amount", "uint64", amount),
        ("uses", "uint32", uses),
    ]
    return signed(contract, code, "Redeem", fields, **domain)


def signed(
    contract: Contract,
    key: LocalAccount,
    primary: str,
    fields: list[tuple[str, str, Any]],
    *,
    name: str = "Tillnet GiftCertificates",
    chain_id: int = CHAIN_ID,
) -> bytes:
    """An EIP-712 signature of these fields (name, type, value) for this contract."""
    message = encode_typed_data(
        {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": contract.address},
        {primary: [{"name": field, "type": kind} for field, kind, _ in fields]},
        {field: value for field, _, value in fields},
    )
    return bytes(key.sign_message(message).signature)
