"""Sourcify's API v2: whether a contract is verified, and requests to verify it.

Before it node/explorer/web; after it node/explorer/sources. Source: Sourcify's OpenAPI description of its server, v2.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from node.domain.ids import Address, Hash32
from node.explorer.api.etherscan import MAX_BODY
from node.explorer.sources.refusals import AlreadyVerified, NotVerifiable, TooManyWaiting
from node.explorer.sources.request import SourceRequest, read_standard_json, read_version, which_contract
from node.explorer.sources.store import Job, Sources, State, VerifiedSource
from node.explorer.sources.verify import Verifier
from node.explorer.web.request import Asked, BadRequest, NotFound, hexadecimal
from node.explorer.web.routes import Route

_ALL: Final = "all"


class SourcifyApi:
    """The routes, for one chain."""

    def __init__(self, sources: Sources, verifier: Verifier, chain_id: int) -> None:
        self._sources = sources
        self._verifier = verifier
        self._chain_id = chain_id

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(path="/v2/contract/{chain}/{address}", answer=self.contract, explain=explain),
            Route(path="/v2/verify/{id}", answer=self.job, explain=explain),
            Route(
                path="/v2/verify/{chain}/{address}",
                answer=self.verify,
                explain=explain,
                methods=("POST",),
                body=MAX_BODY,
            ),
        ]

    async def contract(self, asked: Asked) -> web.Response:
        """A verified contract, as far as `fields` asks; 404 with no match where it is not verified."""
        address = self._address(asked)
        verified = await self._sources.verified(address)
        if verified is None:
            return _json({**self._matches(address, None, None), "address": _hex(address)}, 404)
        said = self._matches(address, verified.creation_match, verified.runtime_match)
        said |= {"verifiedAt": _time(verified.verified_at), "matchId": _hex(address)}
        wanted, known = set(asked.text("fields", "").split(",")) - {""}, _details(verified)
        unknown = sorted(wanted - {_ALL, *known})
        if unknown:
            raise BadRequest(f"there is no field {unknown[0][:40]!r}")
        return _json(said | {name: each for name, each in known.items() if _ALL in wanted or name in wanted})

    async def verify(self, asked: Asked) -> web.Response:
        """Takes sources to verify."""
        address, document = self._address(asked), asked.json()
        if not isinstance(document, dict):
            raise BadRequest("the body is an object")
        source = read_standard_json(document.get("stdJsonInput"))
        path, name = which_contract(str(document.get("contractIdentifier", "")), source)
        creation = document.get("creationTransactionHash")
        request = SourceRequest(
            address=address,
            compiler=read_version(str(document.get("compilerVersion", ""))),
            path=path,
            name=name,
            source=source,
            creation=None if not creation else Hash32(hexadecimal(str(creation), 32, "creationTransactionHash")),
        )
        return _json({"verificationId": await self._verifier.submit(request)}, 202)

    async def job(self, asked: Asked) -> web.Response:
        """How far a request is; `contract` is there whatever became of it."""
        job = await self._sources.job(asked.values["id"])
        if job is None:
            raise NotFound("no such verification")
        return _json(self._job(job))

    def _job(self, job: Job) -> dict[str, Any]:
        said: dict[str, Any] = {
            "isJobCompleted": job.state != State.PENDING,
            "verificationId": job.id,
            "jobStartTime": _time(job.asked_at),
            "contract": self._matches(job.address, job.creation_match, job.runtime_match),
        }
        if job.done_at is not None:
            said["jobFinishTime"] = _time(job.done_at)
        if job.state == State.FAILED:
            said["error"] = {"customCode": job.code, "message": job.message, "errorId": job.id}
        return said

    def _address(self, asked: Asked) -> Address:
        if asked.values["chain"] != str(self._chain_id):
            raise NotFound(f"this explorer is of chain {self._chain_id}")
        return Address(hexadecimal(asked.values["address"], 20, "the address"))

    def _matches(self, address: Address, creation: str | None, runtime: str | None) -> dict[str, Any]:
        return {
            "match": runtime or creation,
            "creationMatch": creation,
            "runtimeMatch": runtime,
            "chainId": str(self._chain_id),
            "address": _hex(address),
        }


def explain(failure: Exception, status: int) -> web.Response:
    """A failure as Sourcify says it."""
    code = failure.custom_code if isinstance(failure, NotVerifiable) else "invalid_parameter"
    if isinstance(failure, AlreadyVerified):
        status = 409
    elif isinstance(failure, TooManyWaiting):
        status = 429
    return _json({"customCode": code, "message": str(failure), "errorId": code}, status)


def _details(verified: VerifiedSource) -> dict[str, Any]:
    return {
        "abi": verified.abi,
        "metadata": json.loads(verified.metadata or "{}"),
        "sources": verified.source["sources"],
        "stdJsonInput": verified.source,
        "compilation": {
            "language": "Solidity",
            "compiler": "solc",
            "compilerVersion": verified.compiler,
            "compilerSettings": verified.source["settings"],
            "name": verified.name,
            "fullyQualifiedName": f"{verified.path}:{verified.name}",
        },
        **verified.outputs,
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    headers = {"Access-Control-Allow-Origin": "*"}
    return web.Response(
        body=json.dumps(document).encode(), status=status, content_type="application/json", headers=headers
    )


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
