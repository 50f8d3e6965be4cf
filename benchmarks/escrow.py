"""Payers of the escrow on a development chain: their keys, terms and signatures; for benchmarks and contract tests."""

from dataclasses import dataclass, replace
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from benchmarks.suite import Suite

CASH, COINS, VALUE = 0, 1, 2
NOBODY: Final = "0x" + "00" * 20
HOUR: Final = 3_600


@dataclass(frozen=True, kw_only=True)
class Terms:
    """ISettlementEscrow.Terms."""

    payer: str = NOBODY
    merchant: int = 1
    member: int = 0
    tender: int = CASH
    amount: int = 10_000
    authorize_by: int = 0
    capture_by: int = 0
    refund_by: int = 0
    min_fee_bps: int = 0
    max_fee_bps: int = 1_000
    min_reward: int = 0
    salt: int = 0

    def words(self) -> tuple[Any, ...]:
        """As the contract takes them."""
        return tuple(self.__dict__.values())

    def but(self, **changes: Any) -> "Terms":
        """Other terms."""
        return replace(self, **changes)


def terms_now(now: int, **fields: Any) -> Terms:
    """Terms that may be authorised for an hour, captured for two, refunded for three."""
    times = {"authorize_by": now + HOUR, "capture_by": now + 2 * HOUR, "refund_by": now + 3 * HOUR}
    return Terms(**(times | fields))


def payer_of(name: str) -> LocalAccount:
    """A key made of a name; of no value anywhere."""
    key = name.encode().rjust(32, b"\x11")
    account: LocalAccount = Account.from_key(key)
    return account


def signed(suite: Suite, payer: LocalAccount, terms: Terms) -> bytes:
    """The payer's signature of these terms."""
    return bytes(payer.unsafe_sign_hash(suite["SettlementEscrow"].view("idOf", terms.words())).signature)


def permitted(suite: Suite, payer: LocalAccount, amount: int, deadline: int) -> tuple[int, int, bytes, bytes]:
    """ISettlementEscrow.Permit: the payer's ERC-2612 allowance for the escrow."""
    message = {
        "owner": payer.address,
        "spender": suite["SettlementEscrow"].address,
        "value": amount,
        "nonce": suite.cash.view("nonces", payer.address),
        "deadline": deadline,
    }
    domain = {
        "name": "Till Cash",
        "version": "1",
        "chainId": int(suite.chain.request("eth_chainId"), 16),
        "verifyingContract": suite.cash.address,
    }
    names = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256", "deadline": "uint256"}
    types = {"Permit": [{"name": name, "type": kind} for name, kind in names.items()]}
    made = payer.sign_typed_data(domain, types, message)
    return deadline, made.v, made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big")
