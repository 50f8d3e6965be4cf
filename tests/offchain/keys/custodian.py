"""A bridge's settings and files of keys as an operator has them, without a bridge."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node.bridge.keys.custody import Custody
from node.bridge.keys.key import Algorithm, Key, Purpose
from node.bridge.keys.vault import Vault, open_master
from node.config import load_bridge
from node.domain.ids import TerminalId

TILL, OTHER = TerminalId("TILL0001"), TerminalId("TILL2")
MAC, PIN, KEK, AES_KEK = (bytes.fromhex(text) for text in (
    "0123456789ABCDEFFEDCBA9876543210",
    "4A1B6C7D8E9F0A2B3C4D5E6F708192A3",
    "A1B2C3D4E5F60718293A4B5C6D7E8F90",
    "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",
))  # fmt: skip
OVERLAP = 3_600
HEAD = """
[chain]
rpc = ["http://127.0.0.1:1"]
deployment = "deployment.json"
[stream]
id = 1
key_file = "poster.key"
[iso8583]
mac_key_file = "mac.keys"
key_encrypting_file = "kek.keys"
[pins]
key_file = "pin.keys"
[keys]
overlap_seconds = 3600
"""
FILE = 'master_key_file = "master.key"\n'


def a_key(value: bytes, purpose: Purpose = Purpose.MAC, algorithm: Algorithm = Algorithm.TDES) -> Key:
    return Key(purpose=purpose, algorithm=algorithm, value=value)


def secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


@dataclass
class Clock:
    """Unix seconds that a test sets."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Custodian:
    """A folder with `bridge.toml`; `environment` is what its programs get beside the test's own."""

    folder: Path
    keys: str = FILE
    environment: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    said: str = ""

    def __post_init__(self) -> None:
        self.write(self.keys)

    @property
    def config(self) -> Path:
        return self.folder / "bridge.toml"

    def write(self, keys: str) -> None:
        """Another way to hold the master key."""
        self.config.write_text(HEAD + keys)

    def custody(self) -> Custody:
        """What the commands work with, in this process."""
        settings = load_bridge(self.config, {})
        return Custody(settings, Vault(open_master(settings.keys)), clock=self.clock)

    def till(self, *arguments: str, said: str = "", fails: bool = False) -> str:
        """What `till bridge keys ...` prints; all of it is kept."""
        command = [sys.executable, "-m", "node.cli.main", "bridge", "keys", *arguments, "--config", str(self.config)]
        done = subprocess.run(
            command,
            input=said,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | dict(self.environment),
        )
        self.said += done.stdout + done.stderr
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr
        return done.stderr if fails else done.stdout

    def words(self, file: str, terminal: TerminalId = TILL) -> list[str]:
        """The keys in a terminal's line."""
        lines = [line.partition("#")[0].split() for line in (self.folder / file).read_text().splitlines()]
        return next((line[1:] for line in lines if line[:1] == [terminal]), [])
