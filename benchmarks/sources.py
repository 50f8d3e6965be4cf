"""What a soak run sends: batches of payments on a deployed ledger, or plain transfers where there is none."""

import itertools
import random
from collections.abc import Sequence
from typing import Final

from benchmarks.batches import CEILING_STREAM, CEILING_TILL, MAX_FEE, Batches, bench_plan
from node.chain.deployment import load_deployment
from node.chain.signer import Call, Signed, Signer
from node.demo.stand import Stand
from node.domain.ids import Address
from node.network.keys import read_account
from node.network.plan import NetworkPlan

TRANSFER_GAS: Final = 21_000
NOBODY: Final = Address(b"\xde" * 20)


class Payments:
    """Batches of payments, one after the other, all by the account that posts the ceiling's stream."""

    def __init__(self, batches: Batches, poster: Signer, *, size: int) -> None:
        self.weight = size
        self._batches = batches
        self._poster = poster
        self._numbers = itertools.count()

    def next(self) -> Signed:
        """The next batch's transaction."""
        number = next(self._numbers)
        packed = self._batches.pack(CEILING_STREAM, CEILING_TILL, number * self.weight, self.weight)
        return self._batches.sign(self._poster, number, packed)


class Transfers:
    """Transfers of nothing to nobody, by several accounts in turn. `nonces` are their next ones."""

    weight = 1

    def __init__(self, chain_id: int, signers: Sequence[Signer], nonces: Sequence[int]) -> None:
        self._chain_id = chain_id
        self._next = itertools.cycle([*zip(signers, (itertools.count(nonce) for nonce in nonces), strict=True)])

    def next(self) -> Signed:
        """The next transfer."""
        signer, numbers = next(self._next)
        return signer.sign(
            Call(
                chain_id=self._chain_id,
                nonce=next(numbers),
                to=NOBODY,
                data=b"",
                gas=TRANSFER_GAS,
                max_fee=MAX_FEE,
                priority_fee=1,
            )
        )


def deploy_for_payments(stand: Stand, network: NetworkPlan, *, size: int, dice: random.Random) -> Payments:
    """Deploys and onboards on a new network of a stand, and returns what makes its batches."""
    stand.deploy()
    plan = bench_plan()
    poster = read_account(stand.network_folder / "keys" / "accounts" / "1.json")
    stand.onboard(plan, other_streams={CEILING_STREAM: poster.address})
    ledger = load_deployment(stand.network_folder / "deployment.json").ledger
    return Payments(Batches(plan, network, ledger, dice), Signer(poster.private_key), size=size)
