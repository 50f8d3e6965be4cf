"""The ABCI application with everything around it in memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from node.consensus.account import Account
from node.consensus.admission import Admission
from node.consensus.application import Application
from node.consensus.errors import EngineBehind
from node.consensus.evidence import Evidence
from node.consensus.failpoints import FailPoints
from node.consensus.gossip import Gossip
from node.consensus.payload import Payload, encode_payload
from node.consensus.proposals import Proposals
from node.consensus.registry import ValidatorKey
from node.consensus.rules import ChainRules, Head
from node.consensus.wire import abci
from node.domain.ids import Hash32
from tests.network.doubles import EveryoneMaySend, FixedValidators
from tests.network.proposal_stage import (
    GOOD,
    PARENT,
    RULES,
    FakeEngine,
)

OURS = ValidatorKey(public_key=b"\x05" * 32, power=10, node_id="aa" * 20)


class MemoryGeth(FakeEngine):
    """A FakeEngine with a head."""

    def __init__(self) -> None:
        super().__init__()
        self.now = PARENT
        self.final: list[Hash32] = []
        self.synced = False
        self.genesis = RULES.genesis_hash
        self.pool_failure: Exception | None = None

    async def head(self) -> Head:
        return self.now

    async def genesis_hash(self) -> Hash32:
        return self.genesis

    async def make_final(self, block: Hash32) -> None:
        if block == self.now.hash:
            self.synced = True
            return
        known = {payload.block_hash: payload for payload in self.executed}
        if block not in known:
            raise EngineBehind("no such block")
        self.final.append(block)
        self.now = Head(number=known[block].number, hash=block, timestamp=known[block].timestamp)

    async def send_transaction(self, raw: bytes) -> None:
        if self.pool_failure is not None:
            raise self.pool_failure
        self.pool.append(raw)


class Stage:
    """An application with everything around it."""

    def __init__(
        self,
        *,
        keep_blocks: int = 0,
        fail_points: Path | None = None,
        policy: Any = None,
        rules: ChainRules = RULES,
        validators: Any = None,
        account: Account | None = None,
        geth: Any = None,
        evidence_file: Path | None = None,
    ) -> None:
        async def no_wait(_: float) -> None:
            return None

        self.geth: Any = geth or MemoryGeth()
        self.gossip = Gossip(lambda: 0.0)
        policy = policy or EveryoneMaySend()
        engine: Any = self.geth
        self.validators = validators or FixedValidators([OURS])
        admission = Admission(engine=engine, rules=rules, policy=policy, gossip=self.gossip, head=lambda: engine.head())
        reporting = Admission(
            engine=engine,
            rules=replace(rules, transaction_gas_cap=2**24),
            policy=policy,
            gossip=self.gossip,
            head=lambda: engine.head(),
        )
        self.evidence = Evidence(
            engine=engine,
            admission=reporting,
            account=account,
            chain_id=rules.chain_id,
            clock=lambda: 2000.0,
            file=evidence_file,
        )
        self.application = Application(
            engine=engine,
            rules=rules,
            validators=self.validators,
            proposals=Proposals(
                engine=engine, rules=rules, policy=policy, clock=lambda: 2000.0, sleep=no_wait, gossip=self.gossip
            ),
            admission=admission,
            gossip=self.gossip,
            evidence=self.evidence,
            keep_blocks=keep_blocks,
            clock=lambda: 2000.0,
            fail_points=FailPoints(fail_points),
        )

    async def ask(self, name: str, **fields: Any) -> Any:
        request = abci.Request(**{name: getattr(abci, "Request" + camel(name))(**fields)})
        return getattr(await self.application.answer(request), name)

    async def decide(self, payload: Payload = GOOD) -> Any:
        return await self.ask("finalize_block", txs=[encode_payload(payload)], height=payload.number)


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def block_time(seconds: int) -> Any:
    return abci.RequestPrepareProposal.DESCRIPTOR.fields_by_name["time"].message_type._concrete_class(seconds=seconds)
