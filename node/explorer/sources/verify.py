"""Verifies sources one after another: compile, compare with the chain, keep.

Before it the APIs hand in requests, of which a bounded number waits; after it node/explorer/sources/store.py. A
contract whose sources agree exactly is not compiled again; one that agrees but for its metadata gives way to an exact
one.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from node.chain.rpc import Rpc
from node.domain.errors import TillnetError
from node.domain.ids import Address, Hash32
from node.domain.merkle import keccak
from node.explorer.sources.compare import Agreement, Compiled, Match, compare_creation, compare_runtime, compiled_of
from node.explorer.sources.compile import Compilers
from node.explorer.sources.deployed import Creation, code_at, creation_in
from node.explorer.sources.refusals import AlreadyVerified, NoMatch, NotDeployed, NotVerifiable, TooManyWaiting
from node.explorer.sources.request import SourceRequest, for_compiler
from node.explorer.sources.store import Sources, State, VerifiedSource

WAITING: Final = 16
ID_BYTES: Final = 16
_LOG = structlog.get_logger(__name__)


class KnowsCreation(Protocol):
    """Who knows which transaction created a contract (the index)."""

    def __call__(self, address: Address) -> Awaitable[Hash32 | None]: ...


class Verifier:
    """Takes requests, and works them off while `run` runs. `clock` gives Unix seconds."""

    def __init__(
        self,
        rpc: Rpc,
        sources: Sources,
        compilers: Compilers,
        *,
        created_in: KnowsCreation,
        clock: Callable[[], float],
    ) -> None:
        self._rpc = rpc
        self._sources = sources
        self._compilers = compilers
        self._created_in = created_in
        self._clock = clock
        self._waiting: asyncio.Queue[tuple[str, SourceRequest]] = asyncio.Queue(WAITING)

    async def submit(self, request: SourceRequest) -> str:
        """Puts a request in the queue; its id. Raises AlreadyVerified, NotDeployed, UnknownCompiler, TooManyWaiting."""
        known = await self._sources.verified(request.address)
        if known is not None and known.runtime_match == Match.EXACT:
            raise AlreadyVerified
        if not await code_at(self._rpc, request.address):
            raise NotDeployed("0x" + request.address.hex())
        await self._compilers.check(request.compiler)
        if self._waiting.full():
            raise TooManyWaiting
        id_ = secrets.token_hex(ID_BYTES)
        await self._sources.begin(id_, request.address, int(self._clock()))
        try:
            self._waiting.put_nowait((id_, request))
        except asyncio.QueueFull:
            await self._fail(id_, TooManyWaiting())
            raise TooManyWaiting from None
        return id_

    async def run(self) -> None:
        """Works until cancelled."""
        await self._sources.give_up(int(self._clock()))
        while True:
            id_, request = await self._waiting.get()
            try:
                kept = await self._verify(request)
            except NotVerifiable as refusal:
                await self._fail(id_, refusal)
                continue
            except TillnetError as failure:
                # the chain is silent, or its gateway refuses
                said = {"code": "cannot_fetch_bytecode", "message": str(failure)}
                await self._sources.end(id_, State.FAILED, int(self._clock()), **said)
                continue
            matches = {"runtime_match": kept.runtime_match, "creation_match": kept.creation_match}
            await self._sources.end(id_, State.VERIFIED, int(self._clock()), **matches)
            _LOG.info("sources.verified", address="0x" + kept.address.hex(), name=kept.name, **matches)

    async def _fail(self, id_: str, refusal: NotVerifiable) -> None:
        _LOG.info("sources.refused", id=id_, code=refusal.custom_code)
        said = {"code": refusal.custom_code, "message": str(refusal)}
        await self._sources.end(id_, State.FAILED, int(self._clock()), **said)

    async def _verify(self, request: SourceRequest) -> VerifiedSource:
        answer = await self._compilers.compile(request.compiler, for_compiler(request))
        compiled = compiled_of(answer, request.path, request.name)
        deployed = await code_at(self._rpc, request.address)
        runtime = compare_runtime(compiled, deployed)
        creation = await self._creation(request)
        created = None if creation is None else _created(compiled, creation, runtime)
        if created is not None and request.arguments not in (None, b"", created.rest):
            raise NoMatch("the constructor had other arguments: " + created.rest.hex())
        known = await self._sources.verified(request.address)
        if known is not None and runtime.match != Match.EXACT and known.code_hash == keccak(deployed):
            raise AlreadyVerified
        kept = VerifiedSource(
            address=request.address,
            code_hash=keccak(deployed),
            path=request.path,
            name=request.name,
            compiler=request.compiler,
            source=request.source,
            abi=compiled.abi,
            metadata=compiled.metadata,
            outputs=compiled.outputs,
            runtime_match=runtime.match,
            creation_match=None if created is None else created.match,
            arguments=None if created is None else created.rest,
            creation=None if creation is None else creation.transaction,
            verified_at=int(self._clock()),
        )
        await self._sources.keep(kept)
        return kept

    async def _creation(self, request: SourceRequest) -> Creation | None:
        for transaction in (await self._created_in(request.address), request.creation):
            found = None if transaction is None else await creation_in(self._rpc, transaction, request.address)
            if found is not None:
                return found
        return None


def _created(compiled: Compiled, creation: Creation, runtime: Agreement) -> Agreement | None:
    """How far the code that was deployed agrees; None where it does not although what it left does."""
    try:
        created = compare_creation(compiled, creation.code)
    except NoMatch:
        return None
    same = all(runtime.values.get(name, value) == value for name, value in created.values.items())
    return created if same else None
