"""Etherscan's `module=contract`: sources and ABIs of verified contracts, and requests to verify.

Before it node/explorer/api/etherscan.py; after it node/explorer/sources. Words in results are those that forge and
brownie look for.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from node.domain.ids import Address, Hash32
from node.explorer.api.etherscan import Action, Nothing, Plain, address_of
from node.explorer.sources.refusals import AlreadyVerified, NotVerifiable
from node.explorer.sources.request import (
    SourceRequest,
    read_standard_json,
    read_version,
    single_file,
    which_contract,
)
from node.explorer.sources.store import Sources, State, VerifiedSource
from node.explorer.sources.verify import Verifier
from node.explorer.web.request import Asked, BadRequest, hexadecimal

NOT_VERIFIED: Final = "Contract source code not verified"
STANDARD_JSON: Final = "solidity-standard-json-input"
SINGLE_FILE: Final = "solidity-single-file"
MAX_CREATIONS: Final = 5
"""Addresses of one getcontractcreation, as at Etherscan."""
Created = Callable[[Address], Awaitable[tuple[Address, Hash32, int] | None]]
"""Who created a contract, in which transaction and block."""


class ContractModule:
    """The actions."""

    def __init__(self, sources: Sources, verifier: Verifier, created: Created) -> None:
        self._sources = sources
        self._verifier = verifier
        self._created = created

    def actions(self) -> Mapping[str, Action]:
        """By name."""
        return {
            "getabi": self.get_abi,
            "getsourcecode": self.get_source_code,
            "getcontractcreation": self.get_contract_creation,
            "verifysourcecode": self.verify_source_code,
            "checkverifystatus": self.check_verify_status,
        }

    async def get_abi(self, asked: Asked) -> str:
        """The ABI of a verified contract, as text."""
        verified = await self._sources.verified(Address(address_of(asked)))
        if verified is None:
            raise Plain(NOT_VERIFIED)
        return json.dumps(verified.abi)

    async def get_source_code(self, asked: Asked) -> list[dict[str, str]]:
        """The source of a contract and how it was compiled; empty texts where it is not verified."""
        verified = await self._sources.verified(Address(address_of(asked)))
        return [_NO_SOURCE if verified is None else source_row(verified)]

    async def get_contract_creation(self, asked: Asked) -> list[dict[str, str]]:
        """Who created contracts, and in which transactions."""
        texts = asked.text("contractaddresses").split(",")
        if len(texts) > MAX_CREATIONS:
            raise BadRequest(f"contractaddresses are {MAX_CREATIONS} at most")
        found = []
        for text in texts:
            address = Address(hexadecimal(text.strip(), 20, "contractaddresses"))
            created = await self._created(address)
            if created is not None:
                creator, transaction, block = created
                found.append(
                    {
                        "contractAddress": _hex(address),
                        "contractCreator": _hex(creator),
                        "txHash": _hex(transaction),
                        "blockNumber": str(block),
                    }
                )
        if not found:
            raise Nothing("No data found")
        return found

    async def verify_source_code(self, asked: Asked) -> str:
        """Takes sources to verify; the id to ask about."""
        try:
            return await self._verifier.submit(request_of(asked))
        except AlreadyVerified:
            raise Plain("Contract source code already verified") from None
        except NotVerifiable as refusal:
            raise Plain(str(refusal)) from None

    async def check_verify_status(self, asked: Asked) -> str:
        """How far a request is."""
        job = await self._sources.job(asked.text("guid"))
        if job is None:
            raise Plain("Unknown UID")
        if job.state == State.PENDING:
            raise Plain("Pending in queue")
        if job.state == State.VERIFIED:
            return "Pass - Verified"
        if job.code == AlreadyVerified.custom_code:
            raise Plain("Already Verified")
        raise Plain(f"Fail - Unable to verify. {job.message}")


def request_of(asked: Asked) -> SourceRequest:
    """A form of verifysourcecode. Raises NotVerifiable, BadRequest."""
    address = Address(address_of(asked, "contractaddress"))
    text, form = asked.text("sourceCode"), asked.text("codeformat", SINGLE_FILE)
    name = asked.text("contractname")
    if form == STANDARD_JSON:
        # brownie and others wrap it as getsourcecode does
        source = read_standard_json(text[1:-1] if text.startswith("{{") and text.endswith("}}") else text)
    elif form == SINGLE_FILE:
        path = name.rpartition(":")[0] or name + ".sol"
        source = single_file(
            text,
            name=path,
            optimized=asked.text("optimizationUsed", "0") == "1",
            runs=asked.number("runs", 200, high=2**32 - 1),
            evm=_evm(asked.text("evmversion", "")),
        )
    else:
        raise NotVerifiable(f"codeformat is {STANDARD_JSON} or {SINGLE_FILE}")
    path, name = which_contract(name, source)
    return SourceRequest(
        address=address,
        compiler=read_version(asked.text("compilerversion")),
        path=path,
        name=name,
        source=source,
        arguments=_arguments(asked),
    )


def source_row(verified: VerifiedSource) -> dict[str, str]:
    """A verified source as getsourcecode shows it."""
    settings = verified.source["settings"]
    optimizer = settings.get("optimizer", {})
    compiled = json.loads(verified.metadata or "{}").get("settings", {})
    libraries = [
        f"{name}:{address}" for names in settings.get("libraries", {}).values() for name, address in names.items()
    ]
    license_ = verified.source["sources"][verified.path]["content"].partition("SPDX-License-Identifier:")[2][:80]
    return {
        "SourceCode": "{" + json.dumps(verified.source) + "}",
        "ABI": json.dumps(verified.abi),
        "ContractName": verified.name,
        "ContractFileName": verified.path,
        "CompilerVersion": f"v{verified.compiler}",
        "CompilerType": "solc",
        "OptimizationUsed": "1" if optimizer.get("enabled") else "0",
        "Runs": str(optimizer.get("runs", 200)),
        "ConstructorArguments": (verified.arguments or b"").hex(),
        "EVMVersion": str(compiled.get("evmVersion") or settings.get("evmVersion") or "Default"),
        "Library": ";".join(libraries),
        "LicenseType": (license_.split() or [""])[0],
        "Proxy": "0",
        "Implementation": "",
        "SwarmSource": "",
        "SimilarMatch": "",
    }


_NO_SOURCE: Final = {
    "SourceCode": "",
    "ABI": NOT_VERIFIED,
    "ContractName": "",
    "ContractFileName": "",
    "CompilerVersion": "",
    "CompilerType": "",
    "OptimizationUsed": "",
    "Runs": "",
    "ConstructorArguments": "",
    "EVMVersion": "Default",
    "Library": "",
    "LicenseType": "Unknown",
    "Proxy": "0",
    "Implementation": "",
    "SwarmSource": "",
    "SimilarMatch": "",
}


def _evm(text: str) -> str | None:
    return None if text.lower() in ("", "default") else text.lower()


def _arguments(asked: Asked) -> bytes | None:
    """Etherscan misspells the field; clients send either."""
    text = asked.text("constructorArguements", "") or asked.text("constructorArguments", "")
    try:
        return bytes.fromhex(text.removeprefix("0x")) if text else None
    except ValueError:
        raise BadRequest("constructorArguments are hexadecimal digits") from None


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
