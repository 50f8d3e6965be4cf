"""The load of `make bench-net`: transfers of OpenZeppelin's plain ERC-20, and transactions that only fill storage."""

import itertools
import json
from collections.abc import Sequence
from typing import Final

from eth_hash.auto import keccak

from node.chain.signer import Call, Signed, Signer
from node.demo.stand import PROJECT
from node.domain.errors import Unusable
from node.domain.ids import Address

ARTIFACT: Final = PROJECT / "build" / "contracts" / "PlainToken.json"
FILL_STORAGE: Final = bytes.fromhex("5b61ea605a10600f575a5a555f56fe5b00")
"""Creation code that writes new storage words until less than 60,000 gas is left, and ends well."""
CREATE: Final = Address(b"")
MAX_FEE: Final = 10**10
DEPLOY_GAS: Final = 3_000_000
TRANSFER_GAS: Final = 60_000
EACH_OWNS: Final = 10**24


class Account:
    """A key that signs transactions with one nonce after the other."""

    def __init__(self, key: bytes, *, chain_id: int) -> None:
        self._signer = Signer(key)
        self._chain_id = chain_id
        self._nonces = itertools.count()
        self.address = self._signer.address

    def sign(self, to: Address, data: bytes, gas: int) -> Signed:
        """A call, or a creation where `to` is CREATE."""
        return self._signer.sign(
            Call(
                chain_id=self._chain_id,
                nonce=next(self._nonces),
                to=to,
                data=data,
                gas=gas,
                max_fee=MAX_FEE,
                priority_fee=1,
            )
        )


class Token:
    """An ERC-20 of which every account owns much, so that a transfer among them changes two words that are there."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = accounts
        owner = accounts[0].address
        # the address of a first creation: keccak of RLP [sender, 0] (yellow paper, section 7)
        self.address = Address(keccak(b"\xd6\x94" + owner + b"\x80")[12:])
        self._turn = itertools.cycle(range(len(accounts)))

    def deploy(self) -> list[Signed]:
        """The transactions that make it and give every account its share."""
        try:
            code = bytes.fromhex(json.loads(ARTIFACT.read_text())["bytecode"])
        except (OSError, ValueError, KeyError):
            raise Unusable(f"{ARTIFACT} is not compiled; run make setup") from None
        owner = self._accounts[0]
        mint = [_encode("mint(address,uint256)", account.address, EACH_OWNS) for account in self._accounts]
        made = owner.sign(CREATE, code, DEPLOY_GAS)
        return [made, *(owner.sign(self.address, call, 2 * TRANSFER_GAS) for call in mint)]

    def transfer(self) -> Signed:
        """The next account's transfer of one unit to the account after it."""
        place = next(self._turn)
        receiver = self._accounts[(place + 1) % len(self._accounts)].address
        data = _encode("transfer(address,uint256)", receiver, 1)
        return self._accounts[place].sign(self.address, data, TRANSFER_GAS)


def _encode(signature: str, who: Address, amount: int) -> bytes:
    return keccak(signature.encode())[:4] + who.rjust(32, b"\x00") + amount.to_bytes(32, "big")
