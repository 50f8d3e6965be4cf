"""A jPOS gateway as a process: installed on first use, started on a bridge's port, told what to send."""

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
JARS: Final = HERE.parents[2] / ".till" / "jpos"
INSTALL_SECONDS, START_SECONDS, LINE_SECONDS = 300, 60.0, 60.0
CHANNEL: Final = """<channel-adaptor name="tillnet-channel" class="org.jpos.q2.iso.ChannelAdaptor" logger="Q2">
  <channel class="org.jpos.iso.channel.NACChannel" packager="org.jpos.iso.packager.GenericPackager" logger="Q2">
    <property name="packager-config" value="jar:packager/{packager}"/>
    <property name="host" value="127.0.0.1"/>
    <property name="port" value="{port}"/>
    <property name="header" value="{tpdu}"/>
  </channel>
  <in>tillnet-send</in>
  <out>tillnet-receive</out>
  <reconnect-delay>500</reconnect-delay>
</channel-adaptor>
"""
MUX: Final = """<mux name="tillnet" class="org.jpos.q2.iso.QMUX" logger="Q2">
  <in>tillnet-receive</in>
  <out>tillnet-send</out>
  <ready>tillnet-channel.ready</ready>
</mux>
"""


@dataclass(frozen=True, kw_only=True)
class JposReply:
    """What jPOS made of a reply; `timeout` where none came in time. `tries` of a stored message."""

    mti: str = ""
    fields: Mapping[int, str] = field(default_factory=dict)
    mac_right: bool = False
    tries: int = 1
    timeout: bool = False

    @property
    def code(self) -> str:
        return self.fields.get(39, "")


def install() -> Path:
    """The folder with jPOS and what it needs, from Maven Central. Skips the test where Java or Maven are missing."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("jPOS is driven where java (17) and mvn are installed; they are not")
    JARS.parent.mkdir(exist_ok=True)
    with (JARS.parent / "jpos.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(JARS.glob("jpos-*.jar")):
            command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
            done = subprocess.run(
                [*command, f"-DoutputDirectory={JARS}"],
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
            assert done.returncode == 0, f"jPOS could not be installed:\n{done.stdout[-2_000:]}"
    return JARS


class Gateway:
    """A running gateway process. Lines go in order, one at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def request(self, mti: str, fields: Mapping[int, str], *, patience_ms: int = 20_000) -> JposReply:
        """Sends through QMUX and waits for the reply."""
        return await self._send("request", mti, fields, patience_ms)

    async def forward(self, mti: str, fields: Mapping[int, str], *, patience_ms: int) -> JposReply:
        """Stores and forwards until it is answered 00."""
        return await self._send("forward", mti, fields, patience_ms)

    async def pack(self, mti: str, fields: Mapping[int, str]) -> bytes:
        """The bytes that jPOS makes of a message."""
        return bytes.fromhex(await self._say("pack", mti, fields, 0))

    async def ready(self) -> None:
        """Waits until it is connected."""
        assert await self._line(START_SECONDS) == "ready"

    async def _send(self, verb: str, mti: str, fields: Mapping[int, str], patience_ms: int) -> JposReply:
        words = (await self._say(verb, mti, fields, patience_ms)).split("\t")
        if words == ["timeout"]:
            return JposReply(timeout=True)
        tries = int(words.pop(0).removeprefix("tries=")) if words[0].startswith("tries=") else 1
        pairs = dict(word.partition("=")[::2] for word in words[1:])
        right = pairs.pop("mac") == "true"
        named = {int(number): value for number, value in pairs.items()}
        return JposReply(mti=words[0], fields=named, mac_right=right, tries=tries)

    async def _say(self, verb: str, mti: str, fields: Mapping[int, str], patience_ms: int) -> str:
        assert self._process.stdin is not None
        said = [verb, str(patience_ms), mti, *(f"{number}={value}" for number, value in sorted(fields.items()))]
        self._process.stdin.write(("\t".join(said) + "\n").encode("latin-1"))
        await self._process.stdin.drain()
        return await self._line(LINE_SECONDS + patience_ms / 1000)

    async def _line(self, seconds: float) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            while True:
                line = (await self._process.stdout.readline()).decode("latin-1")
                assert line, "the gateway has ended"
                if line.startswith("=> "):
                    return line[3:].rstrip("\r\n")


@asynccontextmanager
async def gateway_on(
    folder: Path, key: bytes, *, port: int | None = None, packager: str = "iso87ascii.xml", tpdu: str = "6000030000"
) -> AsyncIterator[Gateway]:
    """A gateway that speaks to the bridge on a port; without one it only packs."""
    jars = await asyncio.to_thread(install)
    arguments = [packager]
    if port is not None:
        deploy = folder / "deploy"
        deploy.mkdir()
        (deploy / "10_channel.xml").write_text(CHANNEL.format(packager=packager, port=port, tpdu=tpdu))
        (deploy / "20_mux.xml").write_text(MUX)
        arguments += [str(deploy), str(int(START_SECONDS * 1000))]
    with (folder / "gateway.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("java", "-cp", f"{jars}/*", "-Dfile.encoding=ISO-8859-1", str(HERE / "Gateway.java"), *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=os.environ | {"GATEWAY_KEY": key.hex()},
        )
    gateway = Gateway(process)
    try:
        await gateway.ready()
        yield gateway
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
