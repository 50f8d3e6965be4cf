"""What people do with the two genesis contracts: propose, vote, leave, give permissions; and what stands in them.

Called by node/cli/validator.py and node/cli/account.py. Each transaction is tried first, so that what the contract
refuses is told in a sentence and costs nothing; then it is signed, sent, and waited for until it is final.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.chain.rpc import Rpc, RpcRefused, SendResult
from node.chain.signer import Call, Signer, load_signer
from node.config import rpc_access
from node.consensus.registry import (
    ACCOUNT_REGISTRY,
    VALIDATOR_REGISTRY,
    Observer,
    Validator,
    call_data,
    encode_word,
    read_number,
    read_numbers,
    read_observers,
    read_validators,
    selector,
)
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.network.account_names import account_names
from node.network.clients import gateways_of
from node.network.governance_acts import PROPOSE, Act, Proposal, read_proposal, refusal_of
from node.network.plan import NetworkPlan

FINAL_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2
GAS: Final = 3_000_000
PERMIT_GAS: Final = 80_000
"""For each account, and once more."""
ACCOUNTS_A_CALL: Final = 100
FEE_HEADROOM: Final = 10**9
TIP: Final = 10**6
"""wei a gas, a million times what payments offer: whoever is forbidden for flooding the chain must not delay that."""
TRANSFER_GAS: Final = 21_000
START_COIN: Final = 10**18
"""wei that a newcomer gets, so that it can vote: a vote costs some 10^6 gas at a few wei."""
MOST_SHOWN: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenProposal:
    """A proposal that may be voted on; votes by account, powers as they are now."""

    number: int
    proposal: Proposal
    approving: int
    refusing: int
    votes: dict[Address, bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Council:
    """What stands in the ValidatorRegistry at `height`."""

    height: int
    validators: list[Validator]
    observers: list[Observer]
    proposals: list[OpenProposal]
    admin: Address

    @property
    def total(self) -> int:
        """The power of all validators."""
        return sum(each.power for each in self.validators)

    def find(self, text: str) -> Validator:
        """A validator by name, account or node id. Raises Unusable when there is none, or more than one."""
        wanted = text.lower().removeprefix("0x")
        found = [
            each
            for each in self.validators
            if text == each.name or wanted in (each.account.hex(), each.node_id.hex(), each.key.hex())
        ]
        if len(found) != 1:
            names = ", ".join(each.name for each in self.validators)
            raise Unusable(f"{len(found) or 'no'} validators are called {text}; there are {names}")
        return found[0]


class Registries:
    """Both contracts of a running network, through its gateways."""

    def __init__(self, rpc: Rpc, plan: NetworkPlan) -> None:
        self._rpc = rpc
        self._chain_id = plan.chain_id

    async def council(self) -> Council:
        """All that the ValidatorRegistry holds."""
        height = int(await self._rpc.call("eth_blockNumber"), 16)
        validators = read_validators(await self._ask(VALIDATOR_REGISTRY, call_data("validators()")))
        numbers = read_numbers(await self._ask(VALIDATOR_REGISTRY, call_data("openProposals()")))
        return Council(
            height=height,
            validators=validators,
            observers=read_observers(await self._ask(VALIDATOR_REGISTRY, call_data("observers()"))),
            proposals=[await self._open_proposal(number, validators) for number in sorted(numbers)],
            admin=Address((await self._ask(ACCOUNT_REGISTRY, call_data("admin()")))[12:32]),
        )

    async def propose(self, signer: Signer, act: Act, *, drastic: bool) -> int:
        """The number of the new proposal; its proposer has voted for it."""
        before = read_number(await self._ask(VALIDATOR_REGISTRY, call_data("proposalCount()")))
        await self._send(signer, VALIDATOR_REGISTRY, call_data(PROPOSE, *act.words(), int(drastic)))
        count = read_number(await self._ask(VALIDATOR_REGISTRY, call_data("proposalCount()")))
        for number in range(before + 1, count + 1):
            answer = await self._ask(VALIDATOR_REGISTRY, call_data("proposal(uint256)", number))
            found = read_proposal(answer)
            if found.proposer == signer.address and found.act == act:
                return number
        raise Unusable("the proposal is not there; the chain may have been changed")

    async def vote(self, signer: Signer, number: int, *, approves: bool) -> None:
        """One vote."""
        await self._send(signer, VALIDATOR_REGISTRY, call_data("vote(uint256,bool)", number, int(approves)))

    async def leave(self, signer: Signer) -> None:
        """The signer's validator is none any more."""
        await self._send(signer, VALIDATOR_REGISTRY, call_data("leave()"))

    async def start_coin(self, signer: Signer, account: Address) -> bool:
        """Gives an account coin for its first transactions; False when it has some."""
        if int(await self._rpc.call("eth_getBalance", "0x" + account.hex(), "latest"), 16) >= START_COIN // 2:
            return False
        await self._send(signer, account, b"", gas=TRANSFER_GAS, value=START_COIN)
        return True

    async def set_permissions(self, signer: Signer, accounts: Sequence[Address], permissions: int) -> None:
        """Permissions of accounts, many at a time."""
        for place in range(0, len(accounts), ACCOUNTS_A_CALL):
            chunk = accounts[place : place + ACCOUNTS_A_CALL]
            words = [encode_word(64), encode_word(permissions), encode_word(len(chunk))]
            data = selector("setPermissions(address[],uint8)") + b"".join(
                [*words, *(account.rjust(32, b"\0") for account in chunk)]
            )
            await self._send(signer, ACCOUNT_REGISTRY, data, gas=PERMIT_GAS * (len(chunk) + 1))

    async def permissions(self) -> tuple[list[tuple[Address, int]], int]:
        """The listed accounts with what each may, and what everybody else may."""
        answer = await self._ask(ACCOUNT_REGISTRY, call_data("listed(uint256,uint256)", 0, MOST_SHOWN))
        accounts = [Address(number.to_bytes(20, "big")) for number in read_numbers(answer)]
        rows = []
        for account in accounts:
            rows.append((account, await self.permissions_of(account)))
        default = read_number(await self._ask(ACCOUNT_REGISTRY, call_data("defaultPermissions()")))
        return rows, default

    async def names_of(self, accounts: Sequence[Address], folder: Path) -> dict[Address, str]:
        """What accounts are: validators, roles, merchants' people, keys of the folder; as far as it is known."""
        validators = read_validators(await self._ask(VALIDATOR_REGISTRY, call_data("validators()")))
        return await account_names(self._rpc, folder, validators, accounts)

    async def permissions_of(self, account: Address) -> int:
        """What one account may."""
        data = call_data("permissionsOf(address)", int.from_bytes(account, "big"))
        return read_number(await self._ask(ACCOUNT_REGISTRY, data))

    async def _open_proposal(self, number: int, validators: list[Validator]) -> OpenProposal:
        votes: dict[Address, bool] = {}
        for each in validators:
            data = call_data("voteOf(uint256,address)", number, int.from_bytes(each.account, "big"))
            if choice := read_number(await self._ask(VALIDATOR_REGISTRY, data)):
                votes[each.account] = choice == 1
        answer = await self._ask(VALIDATOR_REGISTRY, call_data("proposal(uint256)", number))
        power = {each.account: each.power for each in validators}
        return OpenProposal(
            number=number,
            proposal=read_proposal(answer),
            approving=sum(power[account] for account, approves in votes.items() if approves),
            refusing=sum(power[account] for account, approves in votes.items() if not approves),
            votes=votes,
        )

    async def _ask(self, to: Address, data: bytes) -> bytes:
        answer = await self._rpc.call("eth_call", {"to": "0x" + to.hex(), "data": "0x" + data.hex()}, "latest")
        if answer in (None, "0x"):
            raise Unusable("this network has no registries in its genesis; it was made by an older version")
        return bytes.fromhex(answer[2:])

    async def _send(self, signer: Signer, to: Address, data: bytes, *, gas: int = GAS, value: int = 0) -> None:
        sender = "0x" + signer.address.hex()
        message = {
            "from": sender,
            "to": "0x" + to.hex(),
            "data": "0x" + data.hex(),
            "gas": hex(gas),
            "value": hex(value),
        }
        try:
            await self._rpc.call("eth_call", message, "latest")
        except RpcRefused as refused:
            raise Unusable(refusal_of(refused)) from None
        nonce = int(await self._rpc.call("eth_getTransactionCount", sender, "latest"), 16)
        price = int(await self._rpc.call("eth_gasPrice"), 16)
        signed = signer.sign(
            Call(
                chain_id=self._chain_id,
                nonce=nonce,
                to=to,
                data=data,
                gas=gas,
                max_fee=price + FEE_HEADROOM,
                priority_fee=TIP,
                value=value,
            )
        )
        sent = await self._rpc.send_raw(signed.raw)
        if sent.result not in (SendResult.ACCEPTED, SendResult.KNOWN):
            raise Unusable(f"the network does not take the transaction: {sent.text}")
        receipt = await self._receipt(signed.hash)
        if int(receipt["status"], 16) != 1:
            raise Unusable("it was refused in its block: something else came first; look, and try again")

    async def _receipt(self, tx_hash: bytes) -> dict[str, Any]:
        deadline = time.monotonic() + FINAL_SECONDS
        while time.monotonic() < deadline:
            found = await self._rpc.call("eth_getTransactionReceipt", "0x" + tx_hash.hex())
            if isinstance(found, dict):
                return found
            await asyncio.sleep(POLL_SECONDS)
        raise Unusable(f"transaction 0x{tx_hash.hex()} is not final after {FINAL_SECONDS:.0f} s; look again later")


def with_registries(plan: NetworkPlan, work: Callable[[Registries], Any]) -> Any:
    """Runs `work` (a coroutine function) with the registries of a running network."""

    async def run() -> Any:
        urls, access = gateways_of(plan, rpc_access())
        async with Rpc(urls, attempts=1, access=access) as rpc:
            return await work(Registries(rpc, plan))

    return asyncio.run(run())


def validator_signers(plan: NetworkPlan, names: Sequence[str]) -> list[tuple[str, Signer]]:
    """The accounts of the named validators of this folder, or of its only one. Raises Unusable when that is nobody."""
    return [(each.name, load_signer(plan.account_file(each.name))) for each in plan.chosen(names)]


def operator_signer(plan: NetworkPlan, key: Path | None) -> Signer:
    """The key that gives permissions: the operator's, unless another file is named."""
    return load_signer(key or plan.folder / "keys" / "operator.json")
