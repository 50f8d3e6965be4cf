"""The file that a backup is: a tar, compressed by its name, with a manifest first, and secrets only encrypted.

    manifest.json      what it is, the height, and of each file its size and SHA-256
    secrets.enc        keys, encrypted with a passphrase (scrypt, AES-256-GCM); only if asked for
    geth/… cometbft/…  the files

Used by node/network/{backup,restore}.py. Sources: RFC 7914 (scrypt), NIST SP 800-38D (GCM).
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.domain.errors import Unusable

MANIFEST: Final = "manifest.json"
SECRETS: Final = "secrets.enc"
SUFFIXES: Final = (".tar.gz", ".tar.zst")
SCRYPT: Final = {"n": 2**15, "r": 8, "p": 1}
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32
MAX_SECRETS: Final = 1_000_000
CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class FileEntry:
    """A file of a backup: its size in bytes, its SHA-256 in hex."""

    size: int
    sha256: str


def list_files(folder: Path) -> dict[str, FileEntry]:
    """Every file below a folder by its relative path, with size and hash. Links are not followed and not listed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = FileEntry(size=path.stat().st_size, sha256=digest)
    return found


def pack(folder: Path, target: Path) -> None:
    """Writes a folder's files into `target` (.tar.gz or .tar.zst), mode 0600, whole or not at all."""
    fresh = target.with_name(f".{target.name}.new")
    fresh.touch(mode=0o600)
    try:
        with _writing(fresh, target.name) as file, tarfile.open(fileobj=file, mode="w|") as tar:
            names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            # the manifest first: whoever reads a long file knows what it is
            for name in sorted(names, key=lambda name: name != MANIFEST):
                tar.add(folder / name, arcname=name, recursive=False)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def unpack(source: Path, folder: Path) -> dict[str, Any]:
    """Writes a backup's files into an empty folder and returns its manifest.

    Raises Unusable for a file that is no backup, is damaged, or holds more or less than its manifest says.
    """
    try:
        with _reading(source) as file, tarfile.open(fileobj=file, mode="r|") as tar:
            tar.extractall(folder, filter="data")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        listed = {name: FileEntry(**entry) for name, entry in manifest["files"].items()}
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as failure:
        raise Unusable(f"{source} is no backup, or is damaged: {failure}") from None
    found = list_files(folder)
    unlike = [name for name in sorted(set(found) | set(listed)) if found.get(name) != listed.get(name)]
    unlike = [name for name in unlike if name != MANIFEST]
    if unlike:
        raise Unusable(f"{source} is damaged: {unlike[0]} is not what its manifest says ({len(unlike)} files differ)")
    return manifest


def check_suffix(path: Path) -> None:
    """Raises Unusable for a name that says no known format, or one whose program is missing."""
    if not path.name.endswith(SUFFIXES):
        raise Unusable(f"{path} ends with neither {' nor '.join(SUFFIXES)}")
    if path.name.endswith(".zst") and shutil.which("zstd") is None:
        raise Unusable("there is no zstd on this machine; install it (apt install zstd), or use .tar.gz")


def encrypt(secrets: dict[str, bytes], passphrase: bytes, salt: bytes, nonce: bytes) -> bytes:
    """Files by name as one encrypted JSON object; `salt` has 16 random bytes, `nonce` 12."""
    plain = json.dumps({name: base64.b64encode(data).decode() for name, data in secrets.items()}).encode()
    return salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, plain, None)


def decrypt(data: bytes, passphrase: bytes) -> dict[str, bytes]:
    """What `encrypt` was given; raises Unusable for another passphrase or a damaged file."""
    salt, nonce, body = data[:SALT_BYTES], data[SALT_BYTES : SALT_BYTES + NONCE_BYTES], data[SALT_BYTES + NONCE_BYTES :]
    try:
        plain = AESGCM(_key(passphrase, salt)).decrypt(nonce, body, None)
    except (InvalidTag, ValueError):
        raise Unusable("the passphrase is another one, or the secrets are damaged") from None
    return {name: base64.b64decode(text) for name, text in json.loads(plain).items()}


def _key(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, **SCRYPT).derive(passphrase)


@contextmanager
def _writing(path: Path, name: str) -> Iterator[IO[bytes]]:
    command = ["zstd", "-q", "-3"] if name.endswith(".zst") else ["gzip", "-3"]
    with path.open("wb") as target:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=target) as process:
            assert process.stdin is not None
            yield process.stdin
            process.stdin.close()
        if process.returncode != 0:
            raise OSError(f"{command[0]} ended with {process.returncode}")


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    check_suffix(path)
    command = ["zstd", "-q", "-d", "-c"] if path.name.endswith(".zst") else ["gzip", "-d", "-c"]
    with (
        path.open("rb") as source,
        subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
    ):
        assert process.stdout is not None
        yield process.stdout
        # tar stops at its end mark; what pads it is read, or the program would end with an error
        while process.stdout.read(CHUNK):
            pass
    if process.returncode != 0:
        raise OSError(f"{command[0]} ended with {process.returncode}")
