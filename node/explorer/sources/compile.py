"""Runs the Solidity compiler on what strangers send: without any file of this machine, with limits of time and size.

Before it node/explorer/sources/request.py; after it node/explorer/sources/compare.py. The compiler is the wrapper that
setup writes (`solc-v0.8.30`), told to read no imports.
"""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Unusable
from node.explorer.sources.refusals import CompilerFailed, UnknownCompiler

MAX_ANSWER: Final = 64 * 2**20
MAX_TOLD: Final = 1_500
"""Characters of the compiler's errors that the sender is told."""
_CHUNK: Final = 2**16


class Compilers:
    """The compilers in a folder, by version. `seconds` bounds one run."""

    def __init__(self, folder: Path, *, seconds: float = 300) -> None:
        self._folder = folder
        self._seconds = seconds
        self._known: dict[str, Path] = {}

    async def find(self) -> tuple[str, ...]:
        """The versions there are, such as 0.8.30+commit.73712a01; asked once. Raises Unusable when there is none."""
        if not self._known:
            for program in sorted(self._folder.glob("solc-v*")):
                said = (await self._run(program, "--version", given=b"")).decode(errors="replace")
                version = said.rpartition("Version: ")[2].strip()
                self._known[".".join(version.split(".")[:4])] = program
            if not self._known:
                raise Unusable(f"there is no compiler solc-v… in {self._folder}; make setup writes it")
        return tuple(self._known)

    async def check(self, version: str) -> Path:
        """The program of a version. Raises UnknownCompiler."""
        known = await self.find()
        if version not in known:
            raise UnknownCompiler(f"{version}; it has {', '.join(known)}")
        return self._known[version]

    async def compile(self, version: str, source: Mapping[str, Any]) -> dict[str, Any]:
        """The compiler's answer to standard JSON. Raises UnknownCompiler, CompilerFailed with its first errors."""
        program = await self.check(version)
        said = await self._run(program, "--standard-json", "--no-imports", given=json.dumps(source).encode())
        try:
            answer = json.loads(said)
        except ValueError:
            raise CompilerFailed("the compiler ended without an answer") from None
        errors = [each for each in answer.get("errors", []) if each.get("severity") == "error"]
        if errors:
            told = "\n".join(str(each.get("formattedMessage") or each.get("message", "")) for each in errors)
            raise CompilerFailed(told[:MAX_TOLD])
        return dict(answer)

    async def _run(self, program: Path, *arguments: str, given: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._seconds):
                _, said = await asyncio.gather(_give(process, given), _take(process))
                await process.wait()
                return said
        except TimeoutError:
            raise CompilerFailed(f"the compiler took longer than {self._seconds:g} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def _give(process: asyncio.subprocess.Process, given: bytes) -> None:
    assert process.stdin is not None
    # one that has ended already reads nothing; uvloop says so with a RuntimeError where asyncio waits for the drain
    if not process.stdin.is_closing():
        with suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(given)
            await process.stdin.drain()
    process.stdin.close()


async def _take(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    said = bytearray()
    while chunk := await process.stdout.read(_CHUNK):
        said += chunk
        if len(said) > MAX_ANSWER:
            raise CompilerFailed(f"the compiler's answer is longer than {MAX_ANSWER >> 20} MB")
    return bytes(said)
