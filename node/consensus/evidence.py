"""Tells the ValidatorRegistry of validators that signed two blocks at one height.

CometBFT puts the evidence into a block; FinalizeBlock hands it on here; after Commit this validator reports it from its
own account, through the same door as any client's transaction. The contract removes the culprit when more than two
thirds of the power have said so, and takes a repeated report for nothing.

CometBFT names each culprit once. So what is still to be reported also stands in a file, for an application that is
started anew in between.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import structlog

from node.consensus.account import Account
from node.consensus.admission import Admission
from node.consensus.engine import Engine
from node.consensus.errors import explain
from node.consensus.registry import VALIDATOR_REGISTRY, call_data, read_number
from node.consensus.rules import Head

MOST_WAITING: Final = 64
"""As many as there may be validators."""
ATTEMPTS: Final = 20
BLOCKS_BETWEEN: Final = 5
FRESH_SECONDS: Final = 60
"""While blocks are replayed the state is too old to tell what is reported already."""
REPORT_GAS: Final = 2_000_000
FEE_HEADROOM: Final = 10**9
"""wei a gas above the node's suggestion."""
ADDRESS_BYTES: Final = 20
EVIDENCE_FILE: Final = "evidence.json"
"""In a validator's folder."""

log = structlog.get_logger()


class _Outcome(Enum):
    REPORTED = "reported"
    SENT = "sent"
    FAILED = "not reported"
    NOT_VALIDATOR = "the account is not a validator's"


@dataclass(kw_only=True, slots=True)
class _Report:
    height: int
    kind: int
    attempts: int = 0
    next_block: int = 0


class Evidence:
    """What is still to be reported, by the culprit's consensus address. `clock` in seconds since 1970.

    Without an account (an observer's folder may have none) nothing is ever reported. `file` keeps it over a new start.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        admission: Admission,
        account: Account | None,
        chain_id: int,
        clock: Callable[[], float],
        file: Path | None = None,
    ) -> None:
        self._engine = engine
        self._admission = admission
        self._account = account
        self._chain_id = chain_id
        self._clock = clock
        self._file = file
        self._waiting = _read(file) if file is not None and account is not None else OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def note(self, misbehavior: Iterable[Any]) -> None:
        """Remembers what CometBFT put into a block (abci.Misbehavior); the first of each culprit."""
        changed = False
        for found in misbehavior:
            culprit = bytes(found.validator.address)
            log.error("evidence.seen", culprit=culprit.hex(), height=found.height, kind=found.type)
            if len(culprit) == ADDRESS_BYTES and self._account is not None:
                self._waiting.setdefault(culprit, _Report(height=found.height, kind=found.type))
                changed = True
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        if changed:
            self._keep()

    def committed(self, head: Head) -> None:
        """Goes on with what waits, beside the answers to CometBFT, now that this block is final."""
        busy = self._task is not None and not self._task.done()
        if self._waiting and not busy and self._clock() - head.timestamp < FRESH_SECONDS:
            self._task = asyncio.create_task(self._report_all(head))

    async def _report_all(self, head: Head) -> None:
        for culprit, report in list(self._waiting.items()):
            if head.number < report.next_block:
                continue
            report.next_block = head.number + BLOCKS_BETWEEN
            report.attempts += 1
            try:
                outcome = await self._report(culprit, report, head)
            except Exception as failure:
                # tried again some blocks later, a bounded number of times
                log.warning("evidence.not_reported", culprit=culprit.hex(), **explain(failure))
                outcome = _Outcome.FAILED
            if outcome is _Outcome.REPORTED or report.attempts >= ATTEMPTS:
                log.info("evidence.done", culprit=culprit.hex(), outcome=outcome.value, attempts=report.attempts)
                self._waiting.pop(culprit, None)
                self._keep()

    async def _report(self, culprit: bytes, report: _Report, head: Head) -> _Outcome:
        """Sends a transaction unless the contract knows it all already, or would not take it from this account."""
        account = self._account
        if account is None or await self._ask("isBanned(bytes20)", culprit, head=head):
            return _Outcome.REPORTED
        own = int.from_bytes(account.address, "big")
        if not await self._ask("isValidator(address)", own, head=head):
            # it waits: an observer may be voted in meanwhile, and a rotated validator get its account
            log.warning("evidence.not_a_validator", culprit=culprit.hex(), account=account.address.hex())
            return _Outcome.NOT_VALIDATOR
        if await self._ask("hasReported(bytes20,address)", culprit, own, head=head):
            return _Outcome.REPORTED
        nonce = int(await self._engine.rpc("eth_getTransactionCount", ["0x" + account.address.hex(), "latest"]), 16)
        price = int(await self._engine.rpc("eth_gasPrice", []), 16)
        raw = account.sign(
            chain_id=self._chain_id,
            nonce=nonce,
            to=VALIDATOR_REGISTRY,
            data=call_data("reportEvidence(bytes20,uint64,uint8)", culprit, report.height, report.kind),
            gas=REPORT_GAS,
            max_fee=price + FEE_HEADROOM,
        )
        await self._admission.check(raw)
        await self._engine.send_transaction(raw)
        self._admission.taken(raw, None)
        log.info("evidence.sent", culprit=culprit.hex(), height=report.height, kind=report.kind)
        return _Outcome.SENT

    def _keep(self) -> None:
        if self._file is None:
            return
        entries = [[culprit.hex(), each.height, each.kind] for culprit, each in self._waiting.items()]
        fresh = self._file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(entries) + "\n")
            fresh.replace(self._file)
        except OSError as failure:
            # a full disk: it is still in memory, and the block must not fail for it
            log.error("evidence.not_kept", **explain(failure))

    async def _ask(self, signature: str, *words: bytes | int, head: Head) -> bool:
        answer = await self._engine.call(VALIDATOR_REGISTRY, call_data(signature, *words), at=head.hash)
        return bool(read_number(answer))


def _read(file: Path) -> OrderedDict[bytes, _Report]:
    try:
        entries = json.loads(file.read_text())
        return OrderedDict(
            (bytes.fromhex(culprit), _Report(height=int(height), kind=int(kind))) for culprit, height, kind in entries
        )
    except FileNotFoundError:
        return OrderedDict()
    except (OSError, ValueError, TypeError) as failure:
        # a validator that does not run is worse than one report less: the others' may suffice, and there is the vote
        log.error("evidence.lost", file=str(file), **explain(failure))
        return OrderedDict()
