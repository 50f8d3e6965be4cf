"""A bridge as an operator runs it: TLS, MACs, PINs, phone numbers, debug logs, metrics; and its till."""

import asyncio
import json
import os
import resource
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import trustme
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from psec import pinblock

from node.bridge.keys.custody import Custody
from node.bridge.keys.vault import Vault, open_master
from node.bridge.security.qr import is_code
from node.config import load_bridge
from node.domain.assignment import Item
from node.domain.errors import ChainUnreachable
from node.domain.ids import MinorUnits
from node.iso8583.basket import write_objects
from node.iso8583.framing import Framing, frame
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_out.kept_journal import FileJournal, KeptJournal, scan
from tests.offchain.bridge_out.needles import found_in, found_in_files
from tests.offchain.bridge_out.stand import MEMBERS, Stand
from tests.offchain.keys.soft_token import SoftToken

PAN, LOST_PAN, PHONE = "6011000990139424", "4929117753184026", "+491701234567"
PIN, WRONG_PIN = "836194725038", "529471836602"
"""Twelve digits, so that nothing is found by chance."""
MAC_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PIN_KEY = bytes.fromhex("4A1B6C7D8E9F0A2B3C4D5E6F708192A3")
AMOUNT, CURRENCY = 700, "840"
PRODUCT = "SHOP-PLANTED-5449000000996"
"""In every basket, and in no other test: one PostgreSQL serves several, and its log keeps what each of them wrote."""
REPLY_SECONDS, START_SECONDS = 30.0, 90.0
APP = Ed25519PrivateKey.generate()
KEK = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
OWN_FILES = {
    "poster.key",
    "master.key",
    "cards.key",
    "cards.csv",
    "lines.key",
    "people-master.key",
    "app.key",
    "bad.csv",
}
"""The files in which an operator keeps the secrets. The terminals' keys stand wrapped in theirs."""


class Shop:
    """A bridge as an operator runs it: TLS, MACs, PINs, phone numbers, debug logs, metrics, in a folder of its own."""

    def __init__(self, stand: Stand, token: SoftToken | None = None, journal: KeptJournal | None = None) -> None:
        """The master key is in the token, else in a file; `custody` is for the file only. Without a journal of its own
        it has one in its folder.
        """
        self.stand, self.folder = stand, stand.folder
        self.journal = journal or FileJournal(self.folder)
        self.environment = {} if token is None else dict(token.environment)
        merchant = stand.merchants[0]
        self.till = PosTerminal(id=f"{merchant}T0", merchant=merchant, mac=RetailMac(MAC_KEY))
        self.ca, self.stan, self.said = trustme.CA(), 0, b""
        self.tried: dict[str, str] = {}
        self.tls = ssl.create_default_context()
        self.ca.configure_trust(self.tls)
        self.ca.issue_cert("till@shop.example", common_name="gateway").configure_cert(self.tls)
        server = self.ca.issue_cert("127.0.0.1")
        self.ca.cert_pem.write_to_path(self.folder / "ca.pem")
        server.private_key_and_cert_chain_pem.write_to_path(self.folder / "bridge.pem")
        self._write("mac.keys", f"{self.till.id} {MAC_KEY.hex()}\n")
        self._write("pin.keys", f"{self.till.id} {PIN_KEY.hex()}\n")
        self._write("kek.keys", f"{self.till.id} {KEK.hex()}\n")
        self._write("cards.csv", f"{PAN},{MEMBERS[0]},{PIN}\n{PHONE},{MEMBERS[1]},\n")
        self._write("bad.csv", f"{LOST_PAN},1,12x4\n")
        self._write("qr.keys", f"1 {APP.public_key().public_bytes_raw().hex()}\n")
        self._write("terminals", f"cn:gateway {self.till.id}\n")
        (self.folder / "bridge.pem").chmod(0o600)
        self.metrics = _free_port()
        tls = {"certificate": "bridge.pem", "client_ca_file": "ca.pem", "terminals_file": "terminals"}
        listener = {"mac_key_file": "mac.keys", "key_encrypting_file": "kek.keys"}
        self.config = stand.write(
            **{"iso8583": listener, "iso8583.tls": tls, "rpc": {"port": 0}},
            journal=dict(self.journal.settings),
            pins={"key_file": "pin.keys", "above": AMOUNT},
            qr={"key_file": "qr.keys", "seconds": 30},
            # a killed bridge is back within it, on a busy machine too
            answers={"deadline_ms": 25_000},
        )
        text = self.config.read_text()
        held = '[keys]\nmaster_key_file = "master.key"\n' if token is None else token.settings
        self.config.write_text(f'log_level = "debug"\nmetrics_port = {self.metrics}\n{text}\n{held}')
        if token is not None:
            self.run("keys", "master", "new")
            self.run("keys", "rewrap")
            return
        settings = load_bridge(self.config, {})
        self.custody = Custody(settings, Vault(open_master(settings.keys)))
        self.custody.master.draw()
        self.custody.rewrap()

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)

    def run(self, *arguments: str, said: str = "") -> None:
        """A command of `till`; what it prints is kept for the scan."""
        command = [sys.executable, "-m", "node.cli.main", "bridge", *arguments, "--config", str(self.config)]
        done = subprocess.run(
            command,
            input=said.encode(),
            capture_output=True,
            check=False,
            timeout=60,
            env=os.environ | self.environment,
        )
        self.said += done.stdout + done.stderr

    @contextmanager
    def bridge(self, fail_point: str = "") -> Iterator["subprocess.Popen[bytes]"]:
        """A bridge that listens; the system would let it write dumps, and a signal makes it show its stack."""
        environment = os.environ | self.environment | {"TILL_FAIL_POINT": fail_point, "PYTHONFAULTHANDLER": "1"}
        with (self.folder / "bridge.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "node.cli.main", "bridge", "run", "--config", str(self.config)],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=_allow_dumps,
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while self.places().get("pid") != process.pid:
                assert process.poll() is None and time.monotonic() < deadline, (self.folder / "bridge.log").read_text()
                time.sleep(0.02)
            yield process
        finally:
            process.kill()
            process.wait()

    def places(self) -> dict[str, Any]:
        """bridge.json, empty where there is none."""
        with suppress(OSError, ValueError):
            return dict(json.loads((self.folder / "bridge.json").read_text()))
        return {}

    def sale(self, card: str, *, pin: str = "", value: int = 0, **changes: Any) -> Request:
        """A purchase by card, or by what is no number in track 2."""
        self.stan += 1
        now = datetime.now(UTC)
        request = messages.purchase(
            self.till,
            stan=f"{self.stan:06d}",
            local=now,
            transmitted=now,
            card=PAN if is_code(card) else card,
            amount=2 * AMOUNT,
            currency=CURRENCY,
            stored_value=value,
            items=[Item(product=PRODUCT, quantity=1, amount=MinorUnits(2 * AMOUNT))],
        )
        fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128)}
        if is_code(card):
            fields[62] = write_objects([("QR", card)])
            del fields[2]
        elif not card.isdigit():
            fields[35] = fields.pop(2)
        if pin:
            clear = pinblock.encode_pinblock_iso_0(pin, card)
            fields[52] = Cipher(TripleDES(PIN_KEY), modes.ECB()).encryptor().update(clear).hex().upper()
        return messages.seal("0200", fields | changes.get("fields", {}), changes.get("terminal", self.till))

    async def send(self, *requests: Request) -> list[str]:
        """The answers; empty where the bridge died before. Those to PINs are kept in `tried`, by trace number."""
        port = self.places()["iso8583"]["port"]
        try:
            connection = await PosConnection.open("127.0.0.1", port, timeout=REPLY_SECONDS, tls=self.tls)
        except OSError:
            # what the last process left over may have brought it to its fail point already
            return [""] * len(requests)

        async def one(request: Request) -> str:
            try:
                return (await connection.send(request)).response_code
            except ChainUnreachable:
                return ""

        codes = await asyncio.gather(*[one(request) for request in requests])
        for request, code in zip(requests, codes, strict=True):
            if 52 in request.message.fields:
                self.tried[request.message.fields[11]] = code
        await connection.close()
        return list(codes)

    async def change_key(self) -> str:
        """Asks for another MAC key; the answer."""
        port = self.places()["iso8583"]["port"]
        connection = await PosConnection.open("127.0.0.1", port, timeout=REPLY_SECONDS, tls=self.tls)
        reply = await connection.change_key(self.till)
        await connection.close()
        return reply.response_code

    async def send_garbage(self) -> None:
        """What cannot be read, with secrets in it, on both listeners; the connection is closed or answered."""
        places = self.places()
        half = self.sale(PAN, pin=PIN).content
        connection = await PosConnection.open("127.0.0.1", places["iso8583"]["port"], tls=self.tls)
        for content in (
            half[:-30],
            half[:70],
            b"0200" + PAN.encode() * 5,
            PIN.encode() * 9,
            b"garbage " + PAN.encode(),
        ):
            if not connection.closed.is_set():
                connection.send_raw(frame(Framing.NAC, content))
        connection.send_raw(b"\xff\xff" + PAN.encode())
        await asyncio.wait_for(connection.closed.wait(), REPLY_SECONDS)
        url = f"http://127.0.0.1:{places['rpc']['port']}/"
        call = {"jsonrpc": "2.0", "id": PAN, "method": "payment_submit"}
        bodies: list[Any] = [
            PAN,
            f'{{"card": "{PAN}", "pin": {PIN}',
            json.dumps({**call, "params": {"card": PAN, "pinBlock": PIN, PIN: PAN}}),
            json.dumps({**call, "method": PAN, "params": [PIN]}),
            json.dumps({**call, "params": {"terminal": PAN, "stan": PIN, "time": 1, "card": PAN}}),
        ]
        async with aiohttp.ClientSession() as session:
            for body in bodies:
                async with session.post(url, data=body, headers={"X-Card": PAN}) as response:
                    await response.read()
            async with session.get(url + f"?card={PAN}&pin={PIN}") as response:
                await response.read()

    def scan(self, wanted: dict[str, bytes], process: "subprocess.Popen[bytes] | None" = None) -> list[str]:
        """All that is found: in files, in the journal, in the process's arguments, in metrics, in till's output."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name not in OWN_FILES]
        found = found_in_files(files, wanted) + [f"{each} in till's output" for each in found_in(self.said, wanted)]
        found += scan(self.journal, wanted)
        if process is not None:
            proc = Path(f"/proc/{process.pid}")
            found += found_in_files([proc / "cmdline"], wanted)
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics") as response:
                text = response.read()
            assert b"till_security_refusals_total" in text
            found += [f"{each} in the metrics" for each in found_in(text, wanted)]
        return found


def _allow_dumps() -> None:
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
