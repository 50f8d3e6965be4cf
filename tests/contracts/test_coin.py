"""The coin's standards: ERC-20, ERC-2612 and ERC-3009, signed by real keys."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from benchmarks.devchain import Contract, Reverted
from node.domain.ids import MemberId, MerchantId
from tests.contracts.twin import Twin, external, member_address

pytestmark = pytest.mark.anvil
GIVER: LocalAccount = Account.from_key(bytes(range(1, 33)))
SHOPPER = MemberId(71)
NONCE = b"\x07" * 32
EVER = 2**64


@pytest.fixture
def coin(twin: Twin) -> Contract:
    """The ledger, where GIVER holds 5 coins of this epoch."""
    twin.base(twin.onboard(prepaid=10**6), coefficient=1_000)
    twin.enrol(SHOPPER)
    twin.pay(MerchantId(1), SHOPPER, external(5_000))
    shopper = twin.chain.impersonate(member_address(SHOPPER))
    twin.tick()
    twin.ledger.send("transfer", GIVER.address, 5_000_000, sender=shopper)
    return twin.ledger


def test_metadata_says_what_explorers_ask(coin: Contract) -> None:
    assert [coin.view(name) for name in ("name", "symbol", "decimals")] == ["Till Coin", "TILL", 6]


def test_permit_lets_another_spend_when_signed(coin: Contract) -> None:
    spender = coin.chain.accounts[3]
    message = {"owner": GIVER.address, "spender": spender, "value": 700, "nonce": 0, "deadline": EVER}
    v, r, s = _signed(coin, "Permit", message)
    coin.send("permit", GIVER.address, spender, 700, EVER, v, r, s, sender=spender)
    coin.send("transferFrom", GIVER.address, spender, 700, sender=spender)
    assert coin.view("balanceOf", spender) == 700
    assert _refusal(coin, "permit", GIVER.address, spender, 700, EVER, v, r, s) == "ERC2612InvalidSigner"


def test_permit_is_refused_when_expired_or_signed_for_another_chain(coin: Contract) -> None:
    spender, late = coin.chain.accounts[3], coin.chain.now() - 1
    message = {"owner": GIVER.address, "spender": spender, "value": 700, "nonce": 0}
    expired = _signed(coin, "Permit", message | {"deadline": late})
    assert _refusal(coin, "permit", GIVER.address, spender, 700, late, *expired) == "ERC2612ExpiredSignature"
    elsewhere = _signed(coin, "Permit", message | {"deadline": EVER}, chain_id=1)
    assert _refusal(coin, "permit", GIVER.address, spender, 700, EVER, *elsewhere) == "ERC2612InvalidSigner"


def test_transfer_with_authorization_moves_once_when_signed(coin: Contract) -> None:
    arguments = _authorization(coin, "TransferWithAuthorization")
    coin.send("transferWithAuthorization", *arguments, sender=coin.chain.accounts[4])
    assert coin.view("balanceOf", coin.chain.accounts[3]) == 900
    assert coin.view("authorizationState", GIVER.address, NONCE)
    assert _refusal(coin, "transferWithAuthorization", *arguments) == "AuthorizationSpent"


def test_receive_with_authorization_is_for_the_payee_only(coin: Contract) -> None:
    arguments = _authorization(coin, "ReceiveWithAuthorization")
    assert _refusal(coin, "receiveWithAuthorization", *arguments, sender=coin.chain.accounts[4]) == "NotPayee"
    assert _refusal(coin, "transferWithAuthorization", *arguments) == "BadSignature"
    coin.send("receiveWithAuthorization", *arguments, sender=coin.chain.accounts[3])
    assert coin.view("balanceOf", coin.chain.accounts[3]) == 900


def test_authorization_is_refused_when_too_early_too_late_or_cancelled(coin: Contract) -> None:
    now = coin.chain.now()
    for after, before in ((now + 10_000, EVER), (0, now)):
        arguments = _authorization(coin, "TransferWithAuthorization", after, before)
        assert _refusal(coin, "transferWithAuthorization", *arguments) == "AuthorizationOutOfTime"
    v, r, s = _signed(coin, "CancelAuthorization", {"authorizer": GIVER.address, "nonce": NONCE})
    coin.send("cancelAuthorization", GIVER.address, NONCE, v, r, s, sender=coin.chain.accounts[4])
    arguments = _authorization(coin, "TransferWithAuthorization")
    assert _refusal(coin, "transferWithAuthorization", *arguments) == "AuthorizationSpent"


def test_transfer_is_refused_when_too_much_or_to_nobody(coin: Contract) -> None:
    giver = coin.chain.impersonate(GIVER.address)
    other = coin.chain.accounts[3]
    assert _refusal(coin, "transfer", other, 5_000_001, sender=giver) == "ERC20InsufficientBalance"
    assert _refusal(coin, "transfer", "0x" + "00" * 20, 1, sender=giver) == "ERC20InvalidReceiver"
    assert _refusal(coin, "transferFrom", GIVER.address, other, 1, sender=other) == "ERC20InsufficientAllowance"


def test_transfer_to_oneself_changes_nothing(coin: Contract) -> None:
    giver = coin.chain.impersonate(GIVER.address)
    coin.send("transfer", GIVER.address, 3_000_000, sender=giver)
    assert coin.view("balanceOf", GIVER.address) == 5_000_000


def test_cash_is_minted_and_burned_by_name(twin: Twin) -> None:
    cash, operator = twin.world.cash, twin.world.operator
    assert [cash.view(name) for name in ("symbol", "decimals", "currency")] == ["TCASH", 2, "USD"]
    cash.send("deposit", twin.world.stranger, 500, b"bank".ljust(32, b"\0"), sender=operator)
    cash.send("withdraw", 200, bytes(32), sender=twin.world.stranger)
    assert cash.view("balanceOf", twin.world.stranger) == 300
    assert _refusal(cash, "withdraw", 301, bytes(32), sender=twin.world.stranger) == "ERC20InsufficientBalance"


def _authorization(coin: Contract, kind: str, after: int = 0, before: int = EVER) -> tuple[Any, ...]:
    to = coin.chain.accounts[3]
    message = {"from": GIVER.address, "to": to, "value": 900, "validAfter": after, "validBefore": before}
    v, r, s = _signed(coin, kind, message | {"nonce": NONCE})
    return (GIVER.address, to, 900, after, before, NONCE, v, r, s)


CARRIED = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
FIELDS = {
    "Permit": "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
    "TransferWithAuthorization": CARRIED,
    "ReceiveWithAuthorization": CARRIED,
    "CancelAuthorization": "address authorizer,bytes32 nonce",
}


def _signed(coin: Contract, kind: str, message: dict[str, Any], chain_id: int = 31337) -> tuple[int, bytes, bytes]:
    """The giver's signature (EIP-712) under the coin's domain."""
    domain = {"name": "Till Coin", "version": "1", "chainId": chain_id, "verifyingContract": coin.address}
    fields = [dict(zip(("type", "name"), field.split(), strict=True)) for field in FIELDS[kind].split(",")]
    signable = encode_typed_data(domain_data=domain, message_types={kind: fields}, message_data=message)
    signature = GIVER.sign_message(signable)
    return signature.v, signature.r.to_bytes(32, "big"), signature.s.to_bytes(32, "big")


def _refusal(contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> str:
    with pytest.raises(Reverted) as caught:
        contract.view(name, *arguments, sender=sender or contract.chain.accounts[4])
    return caught.value.error
