"""Double signers that CometBFT names are reported from the validator's account; no process is started."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.consensus.account import Account
from node.consensus.errors import EngineFailed
from node.consensus.evidence import ATTEMPTS
from node.consensus.payload import encode_payload
from node.consensus.registry import VALIDATOR_REGISTRY, call_data
from node.consensus.transactions import decode_transaction, recover_sender
from node.consensus.wire import abci
from node.domain.ids import Address, Hash32
from tests.network.application_stage import MemoryGeth, Stage
from tests.network.proposal_stage import GOOD, RULES

CULPRIT = b"\x0c" * 20
ME = Account(b"\x77" * 32)


class ReportingGeth(MemoryGeth):
    """A MemoryGeth with a registry that knows one validator, and remembers its reports when `mined`."""

    def __init__(self) -> None:
        super().__init__()
        self.reported = self.banned = False
        self.validating = True

    async def call(self, to: Address, data: bytes, *, at: Hash32) -> bytes:
        assert to == VALIDATOR_REGISTRY and at == self.now.hash
        answers = {
            call_data("isValidator(address)", int.from_bytes(ME.address, "big")): self.validating,
            call_data("isBanned(bytes20)", CULPRIT): self.banned,
            call_data("hasReported(bytes20,address)", CULPRIT, int.from_bytes(ME.address, "big")): self.reported,
        }
        return int(answers[data]).to_bytes(32, "big")

    async def rpc(self, method: str, params: list[Any]) -> Any:
        return {"eth_getTransactionCount": "0x5", "eth_gasPrice": "0x7"}[method]


async def live(stage: Stage, blocks: int, *, timestamp: int = 1990, evidence: bool = False) -> None:
    """Blocks of which the first carries evidence, each committed, and what the application does beside."""
    first = stage.geth.now.number + 1
    for number in range(first, first + blocks):
        block = replace(GOOD, number=number, block_hash=Hash32(number.to_bytes(32, "big")), timestamp=timestamp)
        found = abci.Misbehavior(type=1, height=7, validator=abci.Validator(address=CULPRIT, power=10))
        misbehavior = [found] if evidence and number == first else []
        await stage.ask("finalize_block", txs=[encode_payload(block)], height=number, misbehavior=misbehavior)
        await stage.ask("commit")
        for _ in range(20):
            await asyncio.sleep(0)


async def test_evidence_is_reported_from_the_validators_account_until_the_contract_has_it() -> None:
    stage = Stage(account=ME, geth=ReportingGeth())
    await live(stage, 1, evidence=True)
    (raw,) = stage.geth.pool
    sent = decode_transaction(raw)
    assert recover_sender(sent) == ME.address and sent.chain_id == RULES.chain_id
    assert call_data("reportEvidence(bytes20,uint64,uint8)", CULPRIT, 7, 1) in raw
    assert stage.gossip.reap() == [raw]
    await live(stage, 4)
    assert len(stage.geth.pool) == 1
    await live(stage, 1)
    assert len(stage.geth.pool) == 2
    stage.geth.reported = True
    await live(stage, 200)
    assert len(stage.geth.pool) == 2


async def test_evidence_is_tried_a_bounded_number_of_times() -> None:
    stage = Stage(account=ME, geth=ReportingGeth())
    tries = 0

    async def refuse(_: bytes) -> None:
        nonlocal tries
        tries += 1
        raise EngineFailed("txpool is full")

    stage.geth.send_transaction = refuse
    await live(stage, 300, evidence=True)
    assert tries == ATTEMPTS


@pytest.mark.parametrize("state", [{"banned": True}, {"reported": True}])
async def test_evidence_is_not_reported_when_there_is_nothing_to_say(state: dict[str, bool]) -> None:
    geth = ReportingGeth()
    vars(geth).update(state)
    stage = Stage(account=ME, geth=geth)
    await live(stage, 12, evidence=True)
    assert geth.pool == []


async def test_evidence_waits_until_the_account_is_a_validators() -> None:
    geth = ReportingGeth()
    geth.validating = False
    stage = Stage(account=ME, geth=geth)
    with capture_logs() as logs:
        await live(stage, 12, evidence=True)
        assert geth.pool == []
        names = {each["event"] for each in logs if each["event"].startswith("evidence")}
        assert names == {"evidence.seen", "evidence.not_a_validator"}
        geth.validating = True
        await live(stage, 5)
    assert len(geth.pool) == 1


async def test_evidence_says_that_it_was_not_reported_when_the_account_is_never_a_validators() -> None:
    geth = ReportingGeth()
    geth.validating = False
    stage = Stage(account=ME, geth=geth)
    with capture_logs() as logs:
        await live(stage, 300, evidence=True)
    (done,) = (each for each in logs if each["event"] == "evidence.done")
    assert done["outcome"] == "the account is not a validator's" and done["attempts"] == ATTEMPTS
    assert geth.pool == []


async def test_evidence_is_reported_after_a_new_start_when_the_application_died_before(tmp_path: Path) -> None:
    file, geth = tmp_path / "evidence.json", ReportingGeth()
    before = Stage(account=ME, geth=geth, evidence_file=file)
    # replayed, so not reported yet; then it dies
    await live(before, 1, timestamp=1500, evidence=True)
    assert geth.pool == []
    after = Stage(account=ME, geth=geth, evidence_file=file)
    await live(after, 1)
    (raw,) = geth.pool
    assert call_data("reportEvidence(bytes20,uint64,uint8)", CULPRIT, 7, 1) in raw
    geth.reported = True
    await live(after, 5)
    assert json.loads(file.read_text()) == []
    await live(Stage(account=ME, geth=geth, evidence_file=file), 10)
    assert len(geth.pool) == 1


async def test_evidence_starts_with_nothing_when_its_file_is_damaged(tmp_path: Path) -> None:
    file, geth = tmp_path / "evidence.json", ReportingGeth()
    file.write_text("[[")
    with capture_logs() as logs:
        stage = Stage(account=ME, geth=geth, evidence_file=file)
    assert [each["event"] for each in logs] == ["evidence.lost"]
    await live(stage, 1, evidence=True)
    assert len(geth.pool) == 1 and len(json.loads(file.read_text())) == 1


async def test_evidence_waits_while_old_blocks_are_replayed() -> None:
    stage = Stage(account=ME, geth=ReportingGeth())
    await live(stage, 300, timestamp=1500, evidence=True)
    assert stage.geth.pool == []
    await live(stage, 1)
    assert len(stage.geth.pool) == 1
